//! `set_fact`: names values for later steps, through `register`.

use cutover_engine::failure::Failure;
use cutover_engine::module::{Context, Diff, Facts, Module};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The module.
#[derive(Clone, Copy)]
pub(crate) struct SetFact;

/// Parameters of `set_fact`: any names with any values. The step's `register` keeps them together.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(crate) struct Params(Map<String, Value>);

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

    async fn probe(&self, _cx: &Context, params: &Params) -> Result<Self::State, Failure> {
        Ok(params.0.clone())
    }

    fn diff(&self, _facts: &Facts, _params: &Params, _state: &Self::State) -> Diff {
        Diff::InSync
    }
}
