//! `verify_hash`: proves that two trees are equal in everything, or records what one tree is.

use cutover_engine::failure::Failure;
use cutover_engine::module::{Context, Diff, Facts, Module};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::tree::{self, Comparison, LOST_AND_FOUND, TreeRef};

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
    what: String,
    #[serde(flatten)]
    comparison: Comparison,
    /// What is in the trees and not carried by a copy, in words.
    #[serde(skip)]
    left_out: Vec<String>,
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

    async fn probe(&self, cx: &Context, params: &Params) -> Result<State, Failure> {
        tree::check_names(&params.exclude, "/exclude")?;
        match (&params.source, &params.destination, &params.path) {
            (Some(source), Some(destination), None) => {
                if params.expect.is_some() {
                    return Err(Failure::invalid("`expect` goes with `path`").pointer("/expect"));
                }
                let source = source.locate(cx, "/source")?;
                let destination = destination.locate(cx, "/destination")?;
                if source == destination {
                    return Err(
                        Failure::invalid("`source` and `destination` are the same tree").pointer("/destination")
                    );
                }
                tree::check_device(cx, &source).await?;
                tree::check_device(cx, &destination).await?;
                let (first, second) = futures_util::future::try_join(
                    tree::manifest(cx, &source, &params.exclude),
                    tree::manifest(cx, &destination, &params.exclude),
                )
                .await?;
                let mut left_out = tree::left_out_reasons(&source, &first.left_out);
                left_out.extend(tree::left_out_reasons(&destination, &second.left_out));
                let comparison = tree::compare(&first, &second);
                Ok(State { what: format!("{source} and {destination}"), comparison, left_out })
            }
            (None, None, Some(path)) => {
                let tree = TreeRef { site: None, node: None, path: path.clone(), device: None }.locate(cx, "")?;
                let manifest = tree::manifest(cx, &tree, &params.exclude).await?;
                let left_out = tree::left_out_reasons(&tree, &manifest.left_out);
                Ok(State { what: tree.to_string(), comparison: tree::compare(&manifest, &manifest), left_out })
            }
            _ => Err(Failure::invalid("give `source` and `destination`, or `path` alone")
                .help("`path` records one tree; `source` and `destination` compare two")),
        }
    }

    fn diff(&self, _facts: &Facts, params: &Params, state: &State) -> Diff {
        let found = &state.comparison;
        let mut reasons = state.left_out.clone();
        if !found.equal() {
            reasons.push(format!("{} differ in {} paths", state.what, found.different));
            reasons.extend(found.lines());
        }
        if let Some(expect) = params.expect.as_ref().filter(|expect| **expect != found.digest) {
            reasons.push(format!("{} has digest {}, expected {expect}", state.what, found.digest));
        }
        if params.require_attributes && !found.attributes_compared {
            reasons.push(format!("{}: extended attributes were not read; install getfattr (package attr)", state.what));
        }
        if reasons.is_empty() { Diff::InSync } else { Diff::refused(reasons) }
    }
}
