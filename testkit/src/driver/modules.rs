//! Modules for tests, beside some of the real ones: one of each kind that the engine tells apart.

use std::sync::LazyLock;

use cutover_engine::action::{Action, Done};
use cutover_engine::failure::Failure;
use cutover_engine::module::{BoxedModule, Change, Class, Context, Diff, Facts, Module, Registry};
use cutover_engine::query::ReadOnly;
use cutover_engine::subject::Subject;
use cutover_engine::text::Text;
use cutover_engine::world::Command;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The modules of the program that generated playbooks use.
const REAL: [&str; 4] = ["command", "assert", "set_fact", "pause"];

/// The modules for tests, and `command`, `assert`, `set_fact` and `pause` of the program.
pub fn registry() -> Registry {
    static ALL: LazyLock<Vec<BoxedModule>> = LazyLock::new(|| {
        let real = REAL.iter().filter_map(|name| cutover_modules::REGISTRY.get(name));
        let own: [BoxedModule; 5] = [&Number, &Keep, &Once, &Unseen, &Peek];
        own.into_iter().chain(real).collect()
    });
    Registry(ALL.as_slice())
}

/// What a playbook says to these modules.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    /// The number's name.
    name: String,
    /// What it is to be.
    value: i64,
    /// Refused if it is this.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    never_from: Option<i64>,
    /// Whether it is only waited for.
    #[serde(default)]
    wait: bool,
    /// A text that only travels along.
    #[serde(default)]
    note: String,
}

/// What they see.
#[derive(Debug, Serialize)]
pub(super) struct Seen {
    is: i64,
}

async fn seen(cx: &Context, name: &str) -> Result<Seen, Failure> {
    let get = ReadOnly::declared(Command::new(["get", name]), true);
    let get = get.ok_or_else(|| Failure::failed(Text::verbatim("not declared")))?;
    let output = cx.read(&get).await?;
    let is = output.stdout.trim().parse().map_err(|_| Failure::failed(Text::verbatim("not a number")))?;
    Ok(Seen { is })
}

/// What a number is to a plan.
fn number(facts: &Facts, name: &str) -> Subject {
    Subject::path(&facts.place(), format!("/{name}"))
}

fn set(facts: &Facts, name: &str, value: i64) -> Action {
    let command = Command::new(["set", name, &value.to_string()]).gives_up("no answer within");
    Action::Exec { place: facts.place(), command }
}

fn compared(facts: &Facts, params: &Params, state: &Seen, class: Class, inverse: bool) -> Diff {
    if params.never_from == Some(state.is) {
        return Diff::blocked(Text::verbatim(format!("{} is {}", params.name, state.is)));
    }
    if state.is == params.value {
        return Diff::InSync;
    }
    if params.wait {
        return Diff::waiting(Text::verbatim(format!("{} is {}", params.name, state.is)));
    }
    let summary = format!("set {} to {} {}", params.name, params.value, params.note).trim_end().to_owned();
    let actions = [set(facts, &params.name, params.value)];
    let change = Change::new(class, "set", Text::verbatim(summary), actions);
    Diff::Change(vec![if inverse { change.undo([set(facts, &params.name, state.is)]) } else { change }])
}

macro_rules! number {
    ($type:ident, $name:literal, $summary:literal, $class:ident, $inverse:literal) => {
        #[doc = $summary]
        #[derive(Clone, Copy)]
        pub(super) struct $type;

        impl Module for $type {
            const NAME: &'static str = $name;
            const SUMMARY: &'static str = $summary;
            const EXAMPLE: &'static str = concat!($name, ": {name: x, value: 1}");
            type Params = Params;
            type State = Seen;

            async fn probe(&self, cx: &Context, params: &Params) -> Result<Seen, Failure> {
                seen(cx, &params.name).await
            }

            fn subjects(&self, facts: &Facts, params: &Params) -> Option<Vec<Subject>> {
                Some(vec![number(facts, &params.name)])
            }

            fn result_schema(_: &mut SchemaGenerator) -> Schema {
                Schema::default()
            }

            fn diff(&self, facts: &Facts, params: &Params, state: &Seen) -> Diff {
                compared(facts, params, state, Class::$class, $inverse)
            }
        }
    };
}

number!(Number, "number", "Keeps a number; can be undone", Idempotent, true);
number!(Keep, "keep", "Keeps a number for good: nothing undoes it", Idempotent, false);
number!(Once, "once", "Keeps a number, set at most once; its probe sees whether it was", AtMostOnce, true);

/// What a playbook says to `unseen`.
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

/// What a playbook says to `peek`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PeekParams {
    /// The number's name.
    name: String,
}

/// Reads a number.
#[derive(Clone, Copy)]
pub(super) struct Peek;

impl Module for Peek {
    const NAME: &'static str = "peek";
    const SUMMARY: &'static str = "Reads a number";
    const EXAMPLE: &'static str = "peek: {name: x}";
    type Params = PeekParams;
    type State = Seen;

    async fn probe(&self, cx: &Context, params: &PeekParams) -> Result<Seen, Failure> {
        seen(cx, &params.name).await
    }

    fn subjects(&self, facts: &Facts, params: &PeekParams) -> Option<Vec<Subject>> {
        Some(vec![number(facts, &params.name)])
    }

    fn result_schema(_: &mut SchemaGenerator) -> Schema {
        Schema::default()
    }

    fn diff(&self, _: &Facts, _: &PeekParams, _: &Seen) -> Diff {
        Diff::InSync
    }
}
