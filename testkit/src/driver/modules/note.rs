//! A module that stores a text. Its state has the text as a text, as a number and as a key, and so does its change's key.

use cutover_engine::action::Action;
use cutover_engine::failure::Failure;
use cutover_engine::module::{Change, Class, Context, Diff, Facts, Module};
use cutover_engine::subject::Subject;
use cutover_engine::text::Text;
use cutover_engine::world::Command;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::reads;

/// The parameters of `note`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    /// The text's name.
    name: String,
    /// The wanted text.
    text: String,
    /// Whether it may be written only once.
    #[serde(default)]
    once: bool,
}

/// Stores a text.
#[derive(Clone, Copy)]
pub(super) struct Note;

impl Module for Note {
    const NAME: &'static str = "note";
    const SUMMARY: &'static str = "Keeps a text";
    const EXAMPLE: &'static str = "note: {name: x, text: y}";
    type Params = Params;
    type State = Value;

    async fn probe(&self, cx: &Context, params: &Params) -> Result<Value, Failure> {
        let output = cx.read(&reads(["show", &params.name])?).await?;
        let number = output.stdout.parse::<i64>().ok();
        Ok(json!({"text": output.stdout, "number": number, (output.stdout.clone()): true}))
    }

    fn subjects(&self, _: &Facts, _: &Params) -> Option<Vec<Subject>> {
        None
    }

    fn result_schema(_: &mut SchemaGenerator) -> Schema {
        Schema::default()
    }

    fn diff(&self, facts: &Facts, params: &Params, state: &Value) -> Diff {
        if state["text"] == params.text.as_str() {
            return Diff::InSync;
        }
        let put =
            |text: &str| Action::Exec { place: facts.place(), command: Command::new(["put", &params.name, text]) };
        let key = format!("write {}", params.text);
        let class = if params.once { Class::AtMostOnce } else { Class::Idempotent };
        let before = state["text"].as_str().unwrap_or_default();
        let change = Change::new(class, &key, Text::verbatim(&key), [put(&params.text)]);
        Diff::Change(vec![change.undo([put(before)])])
    }
}
