//! The options common to all steps. Each is declared here, once: its key, the steps it is allowed on, its description for
//! authors, its decoder, and the templates it holds. Schema, `check`, completion and the scope of a task follow from the table.

use schemars::SchemaGenerator;
use serde_json::{Value, json};

use super::decode::Reading;
use super::{OnUnreachable, Outage, Retry, Step};
use crate::duration::HumanDuration;
use crate::schema::{expression, inline, steps, texts};
use crate::source::{Kind, Node, wrong_type};

/// An option of steps.
pub(crate) struct StepOption {
    /// Its key.
    pub(crate) name: &'static str,
    /// The steps it is allowed on.
    pub(crate) on: On,
    /// Its JSON Schema, with the description for authors.
    pub(crate) schema: fn(&mut SchemaGenerator) -> Value,
    /// Decodes it into a step.
    pub(super) decode: fn(&mut Reading<'_, '_, '_>, &mut Step),
    /// Its templates.
    pub(crate) templates: Option<Templates>,
}

/// The steps that an option is allowed on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum On {
    /// Any step.
    Any,
    /// Steps with a module, and blocks.
    ModulesAndBlocks,
    /// Only steps with a module.
    Modules,
}

impl On {
    /// Whether the option is allowed on a step of this kind: `gate`, `block`, `include` or a module.
    pub(super) fn allows(self, kind: &str) -> bool {
        match (self, kind) {
            (Self::Any, _) => true,
            (_, "gate") | (Self::Modules, "block" | "include") => false,
            _ => true,
        }
    }
}

/// The templates of an option.
#[derive(Clone, Copy)]
pub(crate) struct Templates {
    /// Where they stand in a step.
    pub(crate) of: fn(&Step) -> Option<&Node>,
    /// Whether its scalars are expressions without braces.
    pub(crate) expression: bool,
    /// Their scope.
    pub(crate) sees: Sees,
}

/// The scope of an option's templates, besides the variables around the step.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sees {
    /// Nothing of the step's own.
    Outside,
    /// The step's variables, its target and the element of its loop.
    Task,
    /// These, and the result.
    Result,
}

const fn expressions(of: fn(&Step) -> Option<&Node>, sees: Sees) -> Option<Templates> {
    Some(Templates { of, expression: true, sees })
}

const fn templates(of: fn(&Step) -> Option<&Node>, sees: Sees) -> Option<Templates> {
    Some(Templates { of, expression: false, sees })
}

fn flag(description: &str) -> Value {
    json!({"type": "boolean", "description": description})
}

/// Every option, in the order of the reference.
pub(crate) const OPTIONS: &[StepOption] = &[
    StepOption {
        name: "name",
        on: On::Any,
        schema: |_| json!({"type": "string", "description": "The step's title; templates allowed."}),
        // The step's id is derived from it, so `decode` reads it before all others.
        decode: |_, _| {},
        templates: None,
    },
    StepOption {
        name: "target",
        on: On::ModulesAndBlocks,
        schema: |_| {
            texts(
                "What it works on: `active`, `passive`, a site's name, each with `.nodes` or `.pairs`; `controller`; or a \
                 list of these.",
            )
        },
        decode: |reading, step| step.target = reading.templated("target"),
        templates: templates(|step| step.target.as_ref(), Sees::Outside),
    },
    StepOption {
        name: "delegate_to",
        on: On::Modules,
        schema: |_| json!({"type": "string", "description": "A node of the target's site that commands go to instead of the target's own."}),
        decode: |reading, step| step.delegate_to = reading.templated("delegate_to"),
        templates: templates(|step| step.delegate_to.as_ref(), Sees::Task),
    },
    StepOption {
        name: "when",
        on: On::Any,
        schema: |_| {
            expression("A condition, or a list of conditions that must all hold; the step is skipped otherwise.")
        },
        decode: |reading, step| step.when = reading.expression("when"),
        templates: expressions(|step| step.when.as_ref(), Sees::Task),
    },
    StepOption {
        name: "loop",
        on: On::ModulesAndBlocks,
        schema: |_| json!({"description": "A list; the step runs once for each element, which is `item` in templates.", "anyOf": [{"type": "array"}, {"type": "string"}]}),
        decode: |reading, step| {
            step.loop_over = reading.templated("loop");
            if let Some(list) = step.loop_over.as_ref().filter(|node| !matches!(node.kind, Kind::Seq(_) | Kind::Str(_)))
            {
                reading.faults.push(wrong_type(list, "`loop`", "a list, or a template that evaluates to one"));
            }
        },
        templates: templates(|step| step.loop_over.as_ref(), Sees::Outside),
    },
    StepOption {
        name: "register",
        on: On::Modules,
        schema: |_| json!({"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$", "description": "The variable that holds the result: one result for one target, a list in target order for several."}),
        decode: |reading, step| step.register = reading.variable("register"),
        templates: None,
    },
    StepOption {
        name: "until",
        on: On::Modules,
        schema: |_| expression("A condition over the registered result; the step is repeated until it holds."),
        decode: |reading, step| step.until = reading.expression("until"),
        templates: expressions(|step| step.until.as_ref(), Sees::Result),
    },
    StepOption {
        name: "retry",
        on: On::Modules,
        schema: |generator| inline::<Retry>(generator, "Further attempts after a failure."),
        decode: |reading, step| step.retry = reading.fields.decoded("retry", reading.faults),
        templates: None,
    },
    StepOption {
        name: "timeout",
        on: On::Modules,
        schema: |_| json!({"type": "string", "description": "The time one attempt may take, verification included: `30s`, `5m`."}),
        decode: |reading, step| step.timeout = reading.duration("timeout"),
        templates: templates(|step| step.timeout.as_ref(), Sees::Task),
    },
    StepOption {
        name: "budget",
        on: On::Any,
        schema: |generator| {
            inline::<HumanDuration>(generator, "The time the step may take; a longer one is reported, not stopped.")
        },
        decode: |reading, step| step.budget = reading.fields.parsed("budget", reading.faults),
        templates: None,
    },
    StepOption {
        name: "tags",
        on: On::Any,
        schema: |_| texts("Tags to select steps by."),
        decode: |reading, step| step.tags.extend(reading.fields.texts("tags", reading.faults)),
        templates: None,
    },
    StepOption {
        name: "vars",
        on: On::Any,
        schema: |_| json!({"type": "object", "description": "Variables for this step."}),
        decode: |reading, step| step.vars = reading.vars(),
        templates: None,
    },
    StepOption {
        name: "on_unreachable",
        on: On::Modules,
        schema: |generator| inline::<OnUnreachable>(generator, "What to do when a target cannot be reached."),
        decode: |reading, step| {
            step.on_unreachable = reading.fields.decoded("on_unreachable", reading.faults).unwrap_or_default();
        },
        templates: None,
    },
    StepOption {
        name: "allow_failure",
        on: On::Any,
        schema: |_| flag("Whether the run goes on if the step fails."),
        decode: |reading, step| step.allow_failure = reading.fields.flag("allow_failure", reading.faults),
        templates: None,
    },
    StepOption {
        name: "run_once",
        on: On::Modules,
        schema: |_| flag("Whether only the first target runs it."),
        decode: |reading, step| step.run_once = reading.fields.flag("run_once", reading.faults),
        templates: None,
    },
    StepOption {
        name: "serial",
        on: On::Modules,
        schema: |_| json!({"type": "integer", "minimum": 1, "description": "How many targets run it at a time."}),
        decode: |reading, step| {
            let serial = reading.fields.decoded::<std::num::NonZeroUsize>("serial", reading.faults);
            step.serial = serial.map(std::num::NonZeroUsize::get);
        },
        templates: None,
    },
    StepOption {
        name: "secret",
        on: On::Modules,
        schema: |_| flag("Whether its output is left out of events and journal."),
        decode: |reading, step| step.secret = reading.fields.flag("secret", reading.faults),
        templates: None,
    },
    StepOption {
        name: "outage",
        on: On::Any,
        schema: |generator| {
            inline::<Outage>(
                generator,
                "`begins`: the outage begins when the gate is approved, or before the step changes anything. `ends`: it is \
                 over once the step ended well. Once each in a playbook, outside of loops and `undo`.",
            )
        },
        decode: |reading, step| step.outage = reading.fields.decoded("outage", reading.faults),
        templates: None,
    },
    StepOption {
        name: "before_outage",
        on: On::ModulesAndBlocks,
        schema: |_| json!({"enum": [true, false, "same"], "description": "Whether it is looked at again right before the step with `outage: begins`, before its gate is asked and after the answer: it has to be in sync, or what it reads still has to hold. `same`: and its registered result has to be what it was."}),
        decode: |reading, step| step.before_outage = reading.before_outage(),
        templates: None,
    },
    StepOption {
        name: "undo",
        on: On::Modules,
        schema: |_| steps("Steps that undo it, where its module cannot; an empty list if there is nothing to undo."),
        decode: |reading, step| step.undo = reading.undo(&step.id, &step.tags),
        templates: None,
    },
];

/// The names of all options.
pub fn step_options() -> impl Iterator<Item = &'static str> + Clone {
    OPTIONS.iter().map(|option| option.name)
}
