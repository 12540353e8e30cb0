//! A step of a playbook: one module, one gate, or a block of steps, with the options common to all.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::HumanDuration;
use crate::source::{Location, Node};

/// A step. Templated options are nodes; they are rendered for each task.
#[derive(Debug, Clone)]
pub struct Step {
    /// A stable path, unique in the playbook: slugs of the phase, of enclosing blocks and of the step's own name
    /// (`stop-etcd/scale-etcd-to-zero`), with `-2`, `-3`... where names repeat.
    pub id: String,
    /// Its title; the module's name by default. May hold templates, rendered per step.
    pub name: String,
    /// Its place.
    pub at: Location,
    /// What it works on: `active`, `passive.nodes`, `active.pairs`, `controller`, a site's name, or a list of these.
    pub target: Option<Node>,
    /// A node of the target's site that commands go to instead of the target's own node.
    pub delegate_to: Option<Node>,
    /// An expression; the step is skipped if it is false.
    pub when: Option<Node>,
    /// A list; the step runs once for each element, which is `item` in templates.
    pub loop_over: Option<Node>,
    /// The variable that holds the result.
    pub register: Option<String>,
    /// An expression over the registered result; the step is repeated (within `retry` and `timeout`) until it is true.
    pub until: Option<Node>,
    /// Further attempts after a failure.
    pub retry: Option<Retry>,
    /// The time one attempt may take, verification included.
    pub timeout: Option<Node>,
    /// The time the step may take; a longer one is reported, not stopped.
    pub budget: Option<HumanDuration>,
    /// Tags, inherited ones included.
    pub tags: Vec<String>,
    /// Variables, unrendered.
    pub vars: Vec<(String, Node)>,
    /// What to do when a target cannot be reached.
    pub on_unreachable: OnUnreachable,
    /// Whether the run goes on if the step fails.
    pub allow_failure: bool,
    /// Whether only the first target runs it.
    pub run_once: bool,
    /// How many targets run it at a time; all by default.
    pub serial: Option<usize>,
    /// Whether its output is left out of events and journal.
    pub secret: bool,
    /// Whether the outage begins or ends with it.
    pub outage: Option<Outage>,
    /// Whether it is looked at again right before the outage.
    pub before_outage: Option<BeforeOutage>,
    /// Steps that undo it, where its module cannot. An empty list declares that there is nothing to undo.
    pub undo: Option<Vec<Step>>,
    /// What it does.
    pub kind: StepKind,
}

impl Step {
    /// All steps inside it, if it is a block, depth first.
    pub fn inner(&self) -> Vec<&Self> {
        match &self.kind {
            StepKind::Block { block, rescue, always } => {
                super::all_steps([block, rescue, always].into_iter().flatten())
            }
            _ => Vec::new(),
        }
    }

    /// Marks the steps inside it as it is marked itself.
    pub(super) fn hand_down(&mut self) {
        let Some(mark) = self.before_outage else { return };
        let StepKind::Block { block, rescue, always } = &mut self.kind else { return };
        for inner in [block, rescue, always].into_iter().flatten() {
            if matches!(inner.kind, StepKind::Block { .. } | StepKind::Module { .. }) {
                let compares = inner.register.is_some() || matches!(inner.kind, StepKind::Block { .. });
                inner.before_outage.get_or_insert(if compares { mark } else { BeforeOutage::Holds });
            }
            inner.hand_down();
        }
    }

    /// Whether it is a block with steps to rescue it.
    pub(crate) fn has_rescue(&self) -> bool {
        matches!(&self.kind, StepKind::Block { rescue, .. } if !rescue.is_empty())
    }

    /// A step that does nothing yet, without options.
    pub(super) fn new(id: String, name: String, at: Location, tags: &[String]) -> Self {
        Self {
            id,
            name,
            at,
            target: None,
            delegate_to: None,
            when: None,
            loop_over: None,
            register: None,
            until: None,
            retry: None,
            timeout: None,
            budget: None,
            tags: tags.to_vec(),
            vars: Vec::new(),
            on_unreachable: OnUnreachable::default(),
            allow_failure: false,
            run_once: false,
            serial: None,
            secret: false,
            outage: None,
            before_outage: None,
            undo: None,
            kind: StepKind::Block { block: Vec::new(), rescue: Vec::new(), always: Vec::new() },
        }
    }
}

/// What a step does.
#[derive(Debug, Clone)]
pub enum StepKind {
    /// Runs a module.
    Module {
        /// The module's name.
        module: String,
        /// Where the name stands.
        at: Location,
        /// Its parameters, unrendered.
        params: Node,
    },
    /// Asks a person.
    Gate(Gate),
    /// Groups steps. An `include` is a block as well, once it is loaded.
    Block {
        /// The steps.
        block: Vec<Step>,
        /// Run if one of them fails; the run then goes on if these succeed.
        rescue: Vec<Step>,
        /// Run in any case.
        always: Vec<Step>,
    },
}

impl StepKind {
    /// The module's name, if it runs one.
    pub fn module(&self) -> Option<&str> {
        match self {
            Self::Module { module, .. } => Some(module),
            _ => None,
        }
    }
}

/// A question that a person answers; the answer, who gave it and when are recorded.
#[derive(Debug, Clone)]
pub struct Gate {
    /// The question.
    pub question: Node,
    /// The phrase that has to be typed; `yes` by default.
    pub confirm: Option<Node>,
}

/// Further attempts after a failure. The delay before attempt n+1 is `delay * backoff^(n-1)`, at most `max_delay`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Retry {
    /// Attempts in all, the first included.
    #[schemars(range(min = 1))]
    pub attempts: u32,
    /// The delay before the second attempt.
    pub delay: HumanDuration,
    /// The factor by which the delay grows.
    #[schemars(range(min = 1))]
    pub backoff: f64,
    /// The longest delay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_delay: Option<HumanDuration>,
    /// The part of each delay that is random, 0 to 1.
    #[schemars(range(min = 0, max = 1))]
    pub jitter: f64,
    /// The time after which no further attempt begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_elapsed: Option<HumanDuration>,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 3,
            delay: HumanDuration(std::time::Duration::from_secs(5)),
            backoff: 2.0,
            max_delay: None,
            jitter: 0.0,
            max_elapsed: None,
        }
    }
}

/// What a step has to do with the outage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outage {
    /// It begins when the gate is approved, or before the step changes anything.
    Begins,
    /// It is over once the step ended well.
    Ends,
}

/// What is looked at again right before the outage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BeforeOutage {
    /// That the step is in sync, or that what it reads still holds.
    Holds,
    /// That, and that its result is what it was.
    Same,
}

/// What to do when a target cannot be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnUnreachable {
    /// Stop the run before the next step.
    #[default]
    Fail,
    /// Leave the target out and go on.
    Skip,
}
