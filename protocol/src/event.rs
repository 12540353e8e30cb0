//! Everything observable about a run, as one stream. The same line is the journal's record, the `--output json` line and
//! the reporters' input.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::action::Done;
use crate::change::Change;
use crate::diff::Waiting;
use crate::failure::RecordedFailure;
use crate::hidden::Hidden;
use crate::path::Path;
use crate::target::Target;
use crate::task::{ChangeId, TaskId};
use crate::text::Text;

/// The version of the event format.
pub const VERSION: u32 = 2;

/// One observation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// The format's version.
    pub v: u32,
    /// The number in the stream, from 1, without gaps.
    pub seq: u64,
    /// Wall-clock time, UTC.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// Milliseconds since the run began, or was resumed.
    pub elapsed_ms: u64,
    /// The run.
    pub run: String,
    /// The epoch of the controller that wrote it; left out as long as there is only one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub epoch: Option<u64>,
    /// Where secrets stood. The event holds `***` in their place.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub hidden: Vec<Hidden>,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What a run was started for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// A run from its beginning.
    Run,
    /// A stopped or failed run is resumed.
    Resume,
    /// A run is undone.
    Undo,
    /// A run in a simulated world.
    Rehearse,
}

impl Verb {
    /// As it is typed: `resume`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Resume => "resume",
            Self::Undo => "undo",
            Self::Rehearse => "rehearse",
        }
    }
}

impl std::fmt::Display for Verb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// Runs a module, of this name.
    Module(String),
    /// Asks a person.
    Gate,
    /// Groups steps.
    Block,
    /// Undoes what a step has changed.
    Undo,
}

impl StepKind {
    /// The module's name, or `gate`, `block` or `undo`.
    pub fn name(&self) -> &str {
        match self {
            Self::Module(name) => name,
            Self::Gate => "gate",
            Self::Block => "block",
            Self::Undo => "undo",
        }
    }
}

/// A part of a block that runs only after its steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Section {
    /// Its steps.
    Block,
    /// Run because one of its steps failed.
    Rescue,
    /// Run in any case.
    Always,
}

/// A phase that lies ahead of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedPhase {
    /// Its title.
    pub name: String,
    /// Its budget in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub budget_ms: Option<u64>,
    /// Whether it is the point of no return.
    #[serde(default)]
    pub point_of_no_return: bool,
}

/// A change that stands when a run ends before its time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StandingChange {
    /// Its number.
    pub change: ChangeId,
    /// The task that made it.
    pub task: TaskId,
    /// Its sentence.
    pub summary: Text,
    /// Whether it was completed; if not, it is not known how far it came.
    pub complete: bool,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EventKind {
    /// A run began, or was resumed.
    RunStarted {
        /// The playbook's title.
        playbook: String,
        /// Its path.
        playbook_path: String,
        /// Its digest.
        playbook_digest: String,
        /// The inventory's path.
        inventory_path: String,
        /// The inventory's digest.
        inventory_digest: String,
        /// All parameters as resolved; secret ones as `***`.
        params: Value,
        /// The window in milliseconds.
        window_ms: Option<u64>,
        /// Since when the window and the budgets count, for a run that goes on: its beginning, unless it was given a new window.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        #[schemars(with = "Option<String>")]
        window_from: Option<Timestamp>,
        /// What it was started to do.
        verb: Verb,
        /// The tool's version.
        version: String,
        /// The seed of all randomness.
        seed: u64,
        /// Who runs it and where, if known.
        operator: Option<String>,
        /// The phases ahead, in order: what has to fit into the window.
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        phases: Vec<PlannedPhase>,
    },
    /// A phase began.
    PhaseStarted {
        /// Its number, from 1.
        index: usize,
        /// How many phases there are.
        count: usize,
        /// Its title.
        name: String,
        /// Its budget in milliseconds.
        budget_ms: Option<u64>,
        /// Whether it is the point of no return.
        point_of_no_return: bool,
    },
    /// A step began.
    StepStarted {
        /// Its path.
        path: Path,
        /// Its rendered title.
        name: String,
        /// What it does.
        step: StepKind,
        /// Its place, as `file:line:col`.
        place: String,
        /// Its budget in milliseconds.
        budget_ms: Option<u64>,
        /// What it works on.
        targets: Vec<Target>,
    },
    /// A block went on with its `rescue` or `always` steps.
    SectionStarted {
        /// The block's path, with the pass of its loop.
        path: Path,
        /// The section.
        section: Section,
    },
    /// A section of a block that has several ended, other than by a stop.
    SectionFinished {
        /// The block's path, with the pass of its loop.
        path: Path,
        /// The section.
        section: Section,
        /// The worst outcome of its steps.
        outcome: Outcome,
        /// What went wrong in it first.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        failure: Option<RecordedFailure>,
    },
    /// A task's attempt began.
    TaskStarted {
        /// The task.
        task: TaskId,
        /// The attempt, from 1.
        attempt: u32,
    },
    /// The world was probed.
    Probed {
        /// The task.
        task: TaskId,
        /// The state that the module found.
        state: Value,
        /// What was read for it, if the run records that.
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        reads: Vec<Reading>,
    },
    /// A change is about to be made. Durable before its first action is sent.
    Applying {
        /// The task.
        task: TaskId,
        /// The change's number in the run.
        number: ChangeId,
        /// The change, with the actions that make it and those that undo it.
        change: Change,
    },
    /// An action of a change was carried out.
    Acted {
        /// The task.
        task: TaskId,
        /// The change.
        number: ChangeId,
        /// Which action, counted from 0.
        action: usize,
        /// Whether it is one of the actions that undo the change.
        #[serde(skip_serializing_if = "std::ops::Not::not", default)]
        undo: bool,
        /// Its result.
        done: Done,
        /// Milliseconds it took.
        took_ms: u64,
    },
    /// A change was made: all its actions succeeded.
    Applied {
        /// The task.
        task: TaskId,
        /// The change.
        number: ChangeId,
    },
    /// Nothing of a change was sent, because the target could not be reached, or the API server or the program has refused it: it
    /// was not begun after all.
    NotSent {
        /// The task.
        task: TaskId,
        /// The change.
        number: ChangeId,
    },
    /// A person has looked: a change whose outcome was unknown was made (`--done`). Its result stays unknown.
    DeclaredDone {
        /// The task that began it.
        task: TaskId,
        /// The change.
        number: ChangeId,
        /// Its key.
        key: String,
    },
    /// A change was undone.
    Undone {
        /// The task that had made it.
        task: TaskId,
        /// The change.
        number: ChangeId,
    },
    /// The world is converging; repeated only when the sentence or the percentage changes.
    Waiting {
        /// The task.
        task: TaskId,
        /// What for.
        waiting: Waiting,
    },
    /// An attempt failed and another follows.
    Retrying {
        /// The task.
        task: TaskId,
        /// The attempt that failed, from 1.
        attempt: u32,
        /// Attempts in all.
        attempts: u32,
        /// The delay in milliseconds.
        delay_ms: u64,
        /// Why.
        message: Text,
    },
    /// A task ended.
    TaskFinished {
        /// The task.
        task: TaskId,
        /// How.
        outcome: Outcome,
        /// Attempts made.
        attempts: u32,
        /// Milliseconds it took.
        took_ms: u64,
        /// The result that `register` stores.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        result: Option<Value>,
        /// What went wrong.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        failure: Option<RecordedFailure>,
    },
    /// A step ended.
    StepFinished {
        /// Its path.
        path: Path,
        /// The worst outcome of its tasks.
        outcome: Outcome,
        /// Milliseconds it took.
        took_ms: u64,
        /// The most attempts any task needed.
        attempts: u32,
        /// Why it was skipped.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        reason: Option<Text>,
        /// What went wrong, if it was not one of its tasks that failed.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        failure: Option<RecordedFailure>,
    },
    /// A step's result was registered.
    Registered {
        /// The step's path.
        path: Path,
        /// The variable.
        name: String,
        /// Its value.
        value: Value,
        /// Whether the value is secret, and therefore is not here.
        #[serde(skip_serializing_if = "std::ops::Not::not", default)]
        withheld: bool,
    },
    /// A gate waits for a person.
    GateOpened {
        /// The step's path.
        path: Path,
        /// The question.
        question: String,
        /// The phrase to type.
        confirm: String,
    },
    /// A gate was answered.
    GateAnswered {
        /// The step's path.
        path: Path,
        /// Whether the run may go on.
        approved: bool,
        /// Who answered.
        by: String,
        /// What was typed, or why nobody could be asked.
        reason: String,
    },
    /// What has to hold before the outage was looked at again, right before it is to begin.
    LookedAgain {
        /// The path of the gate or step with which the outage begins.
        path: Path,
        /// Whether the gate had been answered by then.
        answered: bool,
        /// What was looked at.
        looks: Vec<Look>,
        /// Milliseconds it took.
        took_ms: u64,
    },
    /// The outage begins; in an undo, it begins anew.
    OutageBegan {
        /// The path of the gate or step with which it begins.
        path: Path,
    },
    /// The outage is over.
    OutageEnded {
        /// The path of the gate or step with which it ended; in an undo, of the step that was undone last.
        path: Path,
    },
    /// A phase ended.
    PhaseFinished {
        /// Its number, from 1.
        index: usize,
        /// Its title.
        name: String,
        /// How.
        outcome: Outcome,
        /// Milliseconds it took.
        took_ms: u64,
        /// Its budget in milliseconds.
        budget_ms: Option<u64>,
    },
    /// The operator stops the run.
    Stopping {
        /// Whether nothing is waited for any more. Otherwise it stops at the next safe point: an action that was sent is completed.
        at_once: bool,
    },
    /// Something an operator should read.
    Notice {
        /// The notice.
        message: Text,
    },
    /// The run ended.
    RunFinished {
        /// How.
        outcome: Outcome,
        /// The exit code.
        exit_code: u8,
        /// Milliseconds it took.
        took_ms: u64,
        /// The changes that still stand when the run did not end well.
        standing: Vec<StandingChange>,
    },
}

/// Something that was looked at again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Look {
    /// The path of its step.
    pub path: Path,
    /// The step's rendered title.
    pub name: String,
    /// What was looked at; left out if that is not known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub target: Option<Target>,
    /// What does not hold any more.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failure: Option<RecordedFailure>,
}

/// A query of a probe, and its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Reading {
    /// The command or request, as a plan prints it.
    pub sent: String,
    /// The output or answer.
    pub received: Done,
}

/// How a task, step, phase or run ended, from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Left out: `when` was false, or tags did not match.
    Skipped,
    /// Everything was as wanted already.
    InSync,
    /// Changes were made and verified.
    Changed,
    /// It failed, and `allow_failure` let the run go on.
    FailedAllowed,
    /// Stopped by the operator.
    Stopped,
    /// A target was unreachable.
    Unreachable,
    /// Refused.
    Blocked,
    /// It failed.
    Failed,
}

impl Outcome {
    /// Whether work with this outcome is done, and is not done again when the run is resumed.
    pub fn is_final(self) -> bool {
        matches!(self, Self::InSync | Self::Changed | Self::FailedAllowed)
    }
}
