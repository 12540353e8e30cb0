//! `assert`: conditions that must hold. Looks at nothing but the values it is given.

use cutover_engine::failure::Failure;
use cutover_engine::module::{Context, Diff, Module};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The module.
#[derive(Clone, Copy)]
pub(crate) struct Assert;

/// Parameters of `assert`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    /// Conditions, all of which must hold.
    pub(crate) that: Vec<Condition>,
    /// Said first when one of them does not hold.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) message: Option<String>,
}

/// A condition.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Condition {
    /// An expression in braces that gives a boolean: `"{{ after.revision >= before.revision }}"`.
    pub(crate) check: bool,
    /// Said when it does not hold; may show the values: `"revision went back to {{ after.revision }}"`.
    pub(crate) message: String,
}

/// Nothing: conditions are not looked up, they are given.
#[derive(Debug, Serialize)]
pub(crate) struct State {
    /// How many conditions hold.
    held: usize,
    /// What is said of those that do not.
    unmet: Vec<String>,
}

impl Module for Assert {
    const NAME: &'static str = "assert";
    const SUMMARY: &'static str = "Stops the run unless conditions hold, and says which do not";
    const EXAMPLE: &'static str = r#"
name: Nothing was lost
assert:
  that:
    - check: "{{ after.json == before.json }}"
      message: "the hash was {{ before.stdout }} and is {{ after.stdout }}"
"#;

    type Params = Params;
    type State = State;

    async fn probe(&self, _cx: &Context, params: &Params) -> Result<State, Failure> {
        if params.that.is_empty() {
            return Err(Failure::invalid("`that` is empty: nothing is asserted").pointer("/that"));
        }
        let unmet: Vec<String> =
            params.that.iter().filter(|condition| !condition.check).map(|condition| condition.message.clone()).collect();
        Ok(State { held: params.that.len() - unmet.len(), unmet })
    }

    fn diff(&self, _cx: &Context, params: &Params, state: &State) -> Diff {
        if state.unmet.is_empty() {
            return Diff::InSync;
        }
        Diff::Blocked(params.message.iter().chain(&state.unmet).cloned().collect())
    }

    fn result(&self, _: &Context, _: &Params, state: &State, _: &[cutover_engine::action::Done]) -> Value {
        serde_json::json!({"held": state.held})
    }
}
