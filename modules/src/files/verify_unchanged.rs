//! `verify_unchanged`: a tree is still what `verify_hash` has read, and nobody has it open. Reads no file.

use cutover_engine::action::Done;
use cutover_engine::failure::Failure;
use cutover_engine::inventory::Inventory;
use cutover_engine::module::{Context, Diff, Facts, Module};
use cutover_engine::subject::Subject;
use cutover_engine::text;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::support::tree::{self, Kind, LOST_AND_FOUND, TreeRef};

/// The module.
#[derive(Clone, Copy)]
pub(crate) struct VerifyUnchanged;

/// Parameters of `verify_unchanged`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    /// The directory, at the task's place.
    pub(crate) path: String,
    /// The `generation` that an earlier `verify_hash` has found there. It is made from the names, types, owners, modes, sizes,
    /// times (those of changes too) and inode numbers of everything in the directory, so it holds on that node and that file system only.
    pub(crate) since: String,
}

/// What a probe saw.
#[derive(Debug, Serialize)]
pub(crate) struct State {
    /// The tree, in words.
    what: String,
    /// What the path leads to.
    kind: Kind,
    /// Its generation; empty of what is not a directory.
    generation: String,
    /// Processes that have something in it open.
    holders: Vec<String>,
}

/// What `verify_unchanged` returns.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Returned {
    /// The generation, which is what it was.
    generation: String,
}

impl Params {
    fn tree(&self) -> TreeRef {
        TreeRef { site: None, node: None, path: self.path.clone(), device: None }
    }
}

impl Module for VerifyUnchanged {
    const NAME: &'static str = "verify_unchanged";
    const SUMMARY: &'static str =
        "Refuses unless a directory is what it was when verify_hash read it, and nobody has it open; reads no file";
    const EXAMPLE: &'static str = r#"
name: The original has not been touched since
target: active.pairs
verify_unchanged: {path: /data/etcd, since: "{{ verified[pair.ordinal].generation }}"}
"#;

    type Params = Params;
    type State = State;

    fn judge(params: &Params) -> Result<(), Failure> {
        tree::check_path(&params.path, "/path")?;
        let is_digest = params.since.len() == 64 && params.since.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_digest {
            return Ok(());
        }
        let words = text!(
            "verify_unchanged.since",
            "`since` is not a generation: take `generation` from the result of verify_hash"
        );
        Err(Failure::invalid(words).pointer("/since"))
    }

    fn judge_on(facts: &Facts, inventory: &Inventory, params: &Params) -> Result<(), Failure> {
        params.tree().locate(facts, inventory, "").map(drop)
    }

    async fn probe(&self, cx: &Context, params: &Params) -> Result<State, Failure> {
        let tree = params.tree().locate(cx.facts(), cx.inventory(), "")?;
        let look = tree::look(cx, &tree, &[LOST_AND_FOUND.to_owned()]).await?;
        let generation = look.generation.unwrap_or_default();
        Ok(State { what: tree.to_string(), kind: look.kind, generation, holders: look.holders })
    }

    fn subjects(&self, facts: &Facts, params: &Params) -> Option<Vec<Subject>> {
        Some(params.tree().subject(facts).into_iter().collect())
    }

    fn diff(&self, _facts: &Facts, params: &Params, state: &State) -> Diff {
        let State { what, kind, generation, holders } = state;
        let mut reasons = Vec::new();
        if *kind != Kind::Directory {
            reasons.push(text!("verify_unchanged.no-directory", "{what} is not a directory any more", what));
        } else if *generation != params.since {
            let since = &params.since;
            reasons.push(text!(
                "verify_unchanged.changed",
                "{what} has been written to since it was verified: names, owners, modes, sizes, times or inode numbers are not what \
                 they were (generation {generation}, expected {since})",
                what,
                generation,
                since
            ));
        }
        if !holders.is_empty() {
            reasons.push(text!(
                "verify_unchanged.open",
                "{what} is open in {holders}: it may be written to at any time",
                what,
                holders = holders.join(", ")
            ));
        }
        if reasons.is_empty() { Diff::InSync } else { Diff::refused(reasons) }
    }

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Returned>()
    }

    fn result(&self, _facts: &Facts, _params: &Params, state: &State, _done: &[Done]) -> Value {
        let returned = Returned { generation: state.generation.clone() };
        serde_json::to_value(returned).unwrap_or(Value::Null)
    }
}
