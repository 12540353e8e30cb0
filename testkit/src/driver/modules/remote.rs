//! A module that stores a number in an API server.

use cutover_engine::action::Action;
use cutover_engine::failure::Failure;
use cutover_engine::module::{Change, Class, Context, Diff, Facts, Module};
use cutover_engine::subject::Subject;
use cutover_engine::text::Text;
use cutover_engine::world::Request;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The parameters of `remote`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    /// The number's name.
    name: String,
    /// The wanted number.
    is: i64,
    /// Whether it may be set only once.
    #[serde(default)]
    once: bool,
}

/// Stores a number in an API server.
#[derive(Clone, Copy)]
pub(super) struct Remote;

impl Module for Remote {
    const NAME: &'static str = "remote";
    const SUMMARY: &'static str = "Keeps a number in an API server";
    const EXAMPLE: &'static str = "remote: {name: x, is: 1}";
    type Params = Params;
    type State = Value;

    async fn probe(&self, cx: &Context, params: &Params) -> Result<Value, Failure> {
        let found = cx.get(cx.site()?, &format!("/numbers/{}", params.name)).await?;
        Ok(found.unwrap_or_default())
    }

    fn subjects(&self, _: &Facts, _: &Params) -> Option<Vec<Subject>> {
        None
    }

    fn result_schema(_: &mut SchemaGenerator) -> Schema {
        Schema::default()
    }

    fn diff(&self, facts: &Facts, params: &Params, state: &Value) -> Diff {
        if state["is"] == params.is {
            return Diff::InSync;
        }
        let request = Request {
            method: "PATCH".to_owned(),
            body: Some(json!({"is": params.is})),
            ..Request::get(facts.target().site().unwrap_or_default(), format!("/numbers/{}", params.name))
        };
        let class = if params.once { Class::AtMostOnce } else { Class::Idempotent };
        Diff::Change(vec![Change::new(class, "set", Text::verbatim("set it"), [Action::Request(request)])])
    }
}
