//! Modules that send something at most once, whatever the state: no probe can see whether it was sent.

use cutover_engine::action::{Action, Done};
use cutover_engine::failure::Failure;
use cutover_engine::module::{Change, Context, Diff, Facts, Module};
use cutover_engine::subject::Subject;
use cutover_engine::text::Text;
use cutover_engine::world::Command;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::set;

/// The parameters of `unseen`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UnseenParams {
    /// The number's name.
    name: String,
    /// Which of several calls this is.
    #[serde(default)]
    token: String,
}

/// Nothing is seen.
#[derive(Debug, Serialize)]
pub(super) struct Nothing {}

/// Adds to a number, at most once; no probe sees whether it was, and yet it can be undone.
#[derive(Clone, Copy)]
pub(super) struct Unseen;

impl Module for Unseen {
    const NAME: &'static str = "unseen";
    const SUMMARY: &'static str = "Adds to a number, at most once; no probe sees whether it was";
    const EXAMPLE: &'static str = "unseen: {name: x}";
    type Params = UnseenParams;
    type State = Nothing;

    async fn probe(&self, _: &Context, _: &UnseenParams) -> Result<Nothing, Failure> {
        Ok(Nothing {})
    }

    fn subjects(&self, _: &Facts, _: &UnseenParams) -> Option<Vec<Subject>> {
        None
    }

    fn result_schema(_: &mut SchemaGenerator) -> Schema {
        Schema::default()
    }

    fn diff(&self, facts: &Facts, params: &UnseenParams, _: &Nothing) -> Diff {
        let command = Command::new(["add", &params.name, &params.token]);
        let add = Action::Exec { place: facts.place(), command };
        let summary = Text::verbatim(format!("add to {} ({})", params.name, params.token));
        Diff::Run(vec![Change::at_most_once("add", summary, [add]).undo([set(facts, &params.name, 0)])])
    }

    fn result(&self, _: &Facts, params: &UnseenParams, _: &Nothing, _: &[Done]) -> Value {
        serde_json::json!({"added": params.name})
    }
}

/// The parameters of `send`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SendParams {
    /// The number's name.
    name: String,
    /// The wanted number.
    is: i64,
    /// A text without effect.
    #[serde(default)]
    note: String,
}

/// Sends a number, at most once; no probe sees whether it was, and nothing undoes it.
#[derive(Clone, Copy)]
pub(super) struct Send;

impl Module for Send {
    const NAME: &'static str = "send";
    const SUMMARY: &'static str = "Sends a number, at most once; no probe sees whether it was, and nothing undoes it";
    const EXAMPLE: &'static str = "send: {name: x, is: 1}";
    type Params = SendParams;
    type State = String;

    async fn probe(&self, cx: &Context, _: &SendParams) -> Result<String, Failure> {
        Ok(cx.place().to_string())
    }

    fn subjects(&self, _: &Facts, _: &SendParams) -> Option<Vec<Subject>> {
        None
    }

    fn result_schema(_: &mut SchemaGenerator) -> Schema {
        Schema::default()
    }

    fn diff(&self, facts: &Facts, params: &SendParams, _: &String) -> Diff {
        let command = Command::new(["set", &params.name, &params.is.to_string()]);
        let send = Action::Exec { place: facts.place(), command };
        let summary = format!("send {} {} {}", params.name, params.is, params.note);
        Diff::Run(vec![Change::at_most_once("send", Text::verbatim(summary), [send])])
    }
}
