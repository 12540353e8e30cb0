//! `verify_hash`: proves that two trees are equal in everything, or records what one tree is.

use cutover_engine::action::Done;
use cutover_engine::failure::Failure;
use cutover_engine::inventory::Inventory;
use cutover_engine::module::{Context, Diff, Facts, Module};
use cutover_engine::subject::Subject;
use cutover_engine::text;
use cutover_engine::text::Text;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::support::tree::{self, Comparison, LOST_AND_FOUND, Located, TreeRef};

/// The module.
#[derive(Clone, Copy)]
pub(crate) struct VerifyHash;

/// Parameters of `verify_hash`: either `source` and `destination`, or `path`. A tree with something in it that a copy does not
/// carry (a mount point, a subvolume of btrfs, a socket, a device) is refused: equal without it would say nothing.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    /// The tree that is right.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) source: Option<TreeRef>,
    /// The tree that must be equal to it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) destination: Option<TreeRef>,
    /// A single tree, at the task's place, to record or to compare with `expect`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) path: Option<String>,
    /// The digest that the tree at `path` must have: the `digest` of an earlier result.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) expect: Option<String>,
    /// Names directly in the trees that do not count.
    #[serde(default = "lost_and_found")]
    pub(crate) exclude: Vec<String>,
    /// Flags of files (`chattr`) that a copy may lose, as `lsattr` prints them: `i` immutable, `a` append only, `j` journalled,
    /// `S` and `D` written at once, `E` encrypted, `F` without regard to case, `P` in a project with a quota, `V` verified. Without
    /// it what has one is refused by name.
    #[serde(default)]
    pub(crate) accept_flags: String,
    /// Refuse where extended attributes and ACLs cannot be compared because a host lacks getfattr (package `attr`).
    #[serde(default)]
    pub(crate) require_attributes: bool,
}

fn lost_and_found() -> Vec<String> {
    vec![LOST_AND_FOUND.to_owned()]
}

/// What `verify_hash` found.
#[derive(Debug, Serialize)]
pub(crate) struct State {
    /// The tree that was read, or the two that were compared.
    what: Text,
    #[serde(flatten)]
    comparison: Comparison,
    /// The generation of the first tree, from before it was read.
    generation: String,
    /// What is in the trees and not carried by a copy, in words.
    #[serde(skip)]
    left_out: Vec<Text>,
}

/// What `verify_hash` returns.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Returned {
    /// The tree that was read, or the two that were compared, in words.
    what: String,
    /// SHA-256, in hex, over all entries of the first tree with everything that is compared: for a later step's `expect`.
    digest: String,
    /// The generation of the first tree, from right before it was read: for a later `verify_unchanged`.
    generation: String,
    /// Regular files in the first tree.
    files: u64,
    /// Bytes in its regular files, each hard-linked file once.
    bytes: u64,
    /// Whether extended attributes and ACLs were compared: the hosts must have getfattr.
    attributes_compared: bool,
    /// How many paths differ: 0, or the step is refused.
    different: usize,
}

impl Params {
    /// The single tree.
    fn single(&self) -> Option<TreeRef> {
        let path = self.path.clone()?;
        Some(TreeRef { site: None, node: None, path, device: None })
    }
}

impl Module for VerifyHash {
    const NAME: &'static str = "verify_hash";
    const SUMMARY: &'static str =
        "Compares two trees file by file: names, content, owner, mode, time, links, extended attributes, ACLs";
    const EXAMPLE: &'static str = r#"
name: Compare the backup with the original
target: active.pairs
verify_hash:
  source: {node: "{{ volume.node }}", path: "{{ volume.path }}"}
  destination: {path: "/data/vmdata/backup/etcd-{{ pair.ordinal }}"}
"#;

    type Params = Params;
    type State = State;

    fn judge(params: &Params) -> Result<(), Failure> {
        tree::check_names(&params.exclude, "/exclude")?;
        tree::check_flags(&params.accept_flags, "/accept_flags")?;
        match (&params.source, &params.destination, &params.path) {
            (Some(source), Some(destination), None) => {
                source.judge("/source")?;
                destination.judge("/destination")?;
                if params.expect.is_some() {
                    let words = text!("verify_hash.expect-of-two", "`expect` goes with `path`");
                    return Err(Failure::invalid(words).pointer("/expect"));
                }
                if source.same(destination) { Err(same_tree()) } else { Ok(()) }
            }
            (None, None, Some(path)) => tree::check_path(path, "/path"),
            _ => Err(neither()),
        }
    }

    fn judge_on(facts: &Facts, inventory: &Inventory, params: &Params) -> Result<(), Failure> {
        match (&params.source, &params.destination) {
            (Some(source), Some(destination)) => locate_two(facts, inventory, source, destination).map(drop),
            _ => params.single().ok_or_else(neither)?.locate(facts, inventory, "").map(drop),
        }
    }

    async fn probe(&self, cx: &Context, params: &Params) -> Result<State, Failure> {
        match (&params.source, &params.destination) {
            (Some(source), Some(destination)) => two(cx, source, destination, params).await,
            _ => one(cx, &params.single().ok_or_else(neither)?, params).await,
        }
    }

    fn subjects(&self, facts: &Facts, params: &Params) -> Option<Vec<Subject>> {
        let single = params.single();
        let trees = [&params.source, &params.destination, &single];
        Some(trees.into_iter().flatten().filter_map(|tree| tree.subject(facts)).collect())
    }

    fn diff(&self, _facts: &Facts, params: &Params, state: &State) -> Diff {
        let found = &state.comparison;
        let mut reasons = state.left_out.clone();
        let what = &state.what;
        if !found.equal() {
            let different = found.different;
            reasons.push(text!("verify_hash.different", "{what} differ in {different} paths", what, different));
            reasons.extend(found.lines());
        }
        if let Some(expect) = params.expect.as_ref().filter(|expect| **expect != found.digest) {
            let digest = &found.digest;
            reasons.push(text!(
                "verify_hash.digest",
                "{what} has digest {digest}, expected {expect}",
                what,
                digest,
                expect
            ));
        }
        if params.require_attributes && !found.attributes_compared {
            reasons.push(text!(
                "verify_hash.no-attributes",
                "{what}: extended attributes were not read; install getfattr (package attr)",
                what
            ));
        }
        if reasons.is_empty() { Diff::InSync } else { Diff::refused(reasons) }
    }

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Returned>()
    }

    fn result(&self, _facts: &Facts, _params: &Params, state: &State, _done: &[Done]) -> Value {
        let Comparison { digest, files, bytes, attributes_compared, different, .. } = state.comparison.clone();
        let what = state.what.to_string();
        let generation = state.generation.clone();
        let returned = Returned { what, digest, generation, files, bytes, attributes_compared, different };
        serde_json::to_value(returned).unwrap_or(Value::Null)
    }
}

/// The failure of parameters that name neither one tree nor two.
fn neither() -> Failure {
    let help = text!("verify_hash.what.help", "`path` records one tree; `source` and `destination` compare two");
    Failure::invalid(text!("verify_hash.what", "give `source` and `destination`, or `path` alone")).help(help)
}

/// The failure of a tree that is compared with itself.
fn same_tree() -> Failure {
    let words = text!("verify_hash.same-tree", "`source` and `destination` are the same tree");
    Failure::invalid(words).pointer("/destination")
}

/// Finds two trees, which have to be different ones.
fn locate_two(
    facts: &Facts,
    inventory: &Inventory,
    source: &TreeRef,
    destination: &TreeRef,
) -> Result<(Located, Located), Failure> {
    let source = source.locate(facts, inventory, "/source")?;
    let destination = destination.locate(facts, inventory, "/destination")?;
    if source == destination { Err(same_tree()) } else { Ok((source, destination)) }
}

async fn two(cx: &Context, source: &TreeRef, destination: &TreeRef, params: &Params) -> Result<State, Failure> {
    let exclude = &params.exclude;
    let (source, destination) = locate_two(cx.facts(), cx.inventory(), source, destination)?;
    tree::check_device(cx, &source).await?;
    tree::check_device(cx, &destination).await?;
    let generation = tree::generation(cx, &source, exclude).await?;
    let (first, second) =
        futures_util::future::try_join(tree::manifest(cx, &source, exclude), tree::manifest(cx, &destination, exclude))
            .await?;
    let mut left_out = tree::left_out_reasons(&source, &first.left_out, &params.accept_flags);
    left_out.extend(tree::left_out_reasons(&destination, &second.left_out, &params.accept_flags));
    let (source, destination) = (source.to_string(), destination.to_string());
    let what = text!("verify_hash.two", "{source} and {destination}", source, destination);
    Ok(State { what, comparison: tree::compare(&first, &second), generation, left_out })
}

async fn one(cx: &Context, tree: &TreeRef, params: &Params) -> Result<State, Failure> {
    let tree = tree.locate(cx.facts(), cx.inventory(), "")?;
    let generation = tree::generation(cx, &tree, &params.exclude).await?;
    let manifest = tree::manifest(cx, &tree, &params.exclude).await?;
    let left_out = tree::left_out_reasons(&tree, &manifest.left_out, &params.accept_flags);
    let what = Text::verbatim(tree.to_string());
    Ok(State { what, comparison: tree::compare(&manifest, &manifest), generation, left_out })
}
