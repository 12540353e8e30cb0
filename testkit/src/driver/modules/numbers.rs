//! Modules that store a number at a place, and one that reads it.

use cutover_engine::failure::Failure;
use cutover_engine::module::{Change, Class, Context, Diff, Facts, Module};
use cutover_engine::subject::Subject;
use cutover_engine::text::Text;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use super::{reads, set};

/// The parameters of these modules.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    /// The number's name.
    name: String,
    /// The wanted number.
    is: i64,
    /// Refused if it is this.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    never_from: Option<i64>,
    /// Whether it is only waited for.
    #[serde(default)]
    wait: bool,
    /// A text without effect.
    #[serde(default)]
    note: String,
}

/// Their state.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Seen {
    /// The present number.
    is: i64,
}

async fn seen(cx: &Context, name: &str) -> Result<Seen, Failure> {
    let output = cx.read(&reads(["get", name])?).await?;
    let is = output.stdout.trim().parse().map_err(|_| Failure::failed(Text::verbatim("not a number")))?;
    Ok(Seen { is })
}

/// A number as a subject.
fn number(facts: &Facts, name: &str) -> Vec<Subject> {
    vec![Subject::path(&facts.place(), format!("/{name}"))]
}

fn compared(facts: &Facts, params: &Params, state: &Seen, class: Class, inverse: bool) -> Diff {
    if params.never_from == Some(state.is) {
        return Diff::blocked(Text::verbatim(format!("{} is {}", params.name, state.is)));
    }
    if state.is == params.is {
        return Diff::InSync;
    }
    if params.wait {
        return Diff::waiting(Text::verbatim(format!("{} is {}", params.name, state.is)));
    }
    let summary = format!("set {} to {} {}", params.name, params.is, params.note).trim_end().to_owned();
    let actions = [set(facts, &params.name, params.is)];
    let change = Change::new(class, "set", Text::verbatim(summary), actions);
    Diff::Change(vec![if inverse { change.undo([set(facts, &params.name, state.is)]) } else { change }])
}

macro_rules! number {
    ($type:ident, $name:literal, $summary:literal, $class:ident, $inverse:literal, $subjects:expr) => {
        #[doc = $summary]
        #[derive(Clone, Copy)]
        pub(super) struct $type;

        impl Module for $type {
            const NAME: &'static str = $name;
            const SUMMARY: &'static str = $summary;
            const EXAMPLE: &'static str = concat!($name, ": {name: x, is: 1}");
            type Params = Params;
            type State = Seen;

            async fn probe(&self, cx: &Context, params: &Params) -> Result<Seen, Failure> {
                seen(cx, &params.name).await
            }

            fn subjects(&self, facts: &Facts, params: &Params) -> Option<Vec<Subject>> {
                let subjects: fn(&Facts, &str) -> Option<Vec<Subject>> = $subjects;
                subjects(facts, &params.name)
            }

            fn result_schema(generator: &mut SchemaGenerator) -> Schema {
                generator.subschema_for::<Seen>()
            }

            fn diff(&self, facts: &Facts, params: &Params, state: &Seen) -> Diff {
                compared(facts, params, state, Class::$class, $inverse)
            }
        }
    };
    ($type:ident, $name:literal, $summary:literal, $class:ident, $inverse:literal) => {
        number!($type, $name, $summary, $class, $inverse, |facts, name| Some(number(facts, name)));
    };
}

number!(Number, "number", "Keeps a number; can be undone", Idempotent, true);
number!(Keep, "keep", "Keeps a number for good: nothing undoes it", Idempotent, false);
number!(Once, "once", "Keeps a number, set at most once; its probe sees whether it was", AtMostOnce, true);
number!(Vague, "vague", "Keeps a number, and does not say what it looks at", Idempotent, true, |_, _| None);

/// The parameters of `peek`.
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
        Some(number(facts, &params.name))
    }

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Seen>()
    }

    fn diff(&self, _: &Facts, _: &PeekParams, _: &Seen) -> Diff {
        Diff::InSync
    }
}
