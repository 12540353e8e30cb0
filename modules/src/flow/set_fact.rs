//! `set_fact`: names values for later steps, through `register`.

use cutover_engine::failure::Failure;
use cutover_engine::module::{Context, Diff, Facts, Module};
use cutover_engine::subject::Subject;
use cutover_engine::text;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The module.
#[derive(Clone, Copy)]
pub(crate) struct SetFact;

/// Parameters of `set_fact`: any names with any values. The step's `register` keeps them together.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(crate) struct Params(Map<String, Value>);

/// What `set_fact` returns: the names that the step sets, with their values.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(transparent)]
pub(crate) struct Returned(Map<String, Value>);

impl Module for SetFact {
    const NAME: &'static str = "set_fact";
    const SUMMARY: &'static str = "Computes values once and keeps them under the step's `register` name";
    const EXAMPLE: &'static str = r#"
name: Where everything goes
target: active.pairs
set_fact: {volume: "{{ volumes_dir }}/{{ statefulset }}-{{ pair.ordinal }}"}
register: places
"#;

    type Params = Params;
    type State = Map<String, Value>;

    fn judge(params: &Params) -> Result<(), Failure> {
        if params.0.is_empty() {
            return Err(Failure::invalid(text!("set_fact.empty", "nothing is set: give names with values")));
        }
        if params.0.keys().any(String::is_empty) {
            return Err(Failure::invalid(text!("set_fact.no-name", "a value has no name")).pointer("/"));
        }
        Ok(())
    }

    async fn probe(&self, _cx: &Context, params: &Params) -> Result<Self::State, Failure> {
        Ok(params.0.clone())
    }

    fn subjects(&self, _facts: &Facts, _params: &Params) -> Option<Vec<Subject>> {
        Some(Vec::new())
    }

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Returned>()
    }

    fn diff(&self, _facts: &Facts, _params: &Params, _state: &Self::State) -> Diff {
        Diff::InSync
    }
}
