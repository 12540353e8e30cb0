//! `pause`: lets time pass. To wait for something, `k8s_wait`, `drbd_sync` or a step's `until` are better.

use cutover_engine::action::Action;
use cutover_engine::duration::HumanDuration;
use cutover_engine::failure::Failure;
use cutover_engine::module::{Change, Context, Diff, Facts, Module};
use cutover_engine::subject::Subject;
use cutover_engine::text;
use cutover_engine::world::{Command, Place};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

/// The module.
#[derive(Clone, Copy)]
pub(crate) struct Pause;

/// Parameters of `pause`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    /// How long.
    #[serde(rename = "for")]
    pub(crate) duration: HumanDuration,
    /// Why, for the people who wait.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) message: Option<String>,
}

/// Nothing can be seen of a pause, and it returns nothing.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct State {}

impl Module for Pause {
    const NAME: &'static str = "pause";
    const SUMMARY: &'static str = "Lets time pass";
    const EXAMPLE: &'static str = r#"
name: Let the leader settle
pause: {for: 30s, message: an election takes some seconds}
"#;

    type Params = Params;
    type State = State;

    async fn probe(&self, _cx: &Context, _params: &Params) -> Result<State, Failure> {
        Ok(State {})
    }

    fn subjects(&self, _facts: &Facts, _params: &Params) -> Option<Vec<Subject>> {
        Some(Vec::new())
    }

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<State>()
    }

    fn diff(&self, _facts: &Facts, params: &Params, _state: &State) -> Diff {
        // A sleep at the controller: it can be cancelled, costs no connection, and shows in the plan.
        let seconds = params.duration.0.as_secs_f64().to_string();
        let action = Action::Exec { place: Place::Controller, command: Command::new(["sleep", &seconds]) };
        let time = params.duration.to_string();
        let summary = match &params.message {
            Some(message) => text!("pause.wait-for", "wait {time}: {message}", time, message),
            None => text!("pause.wait", "wait {time}", time),
        };
        Diff::Run(vec![Change::transient("wait", summary, [action])])
    }
}
