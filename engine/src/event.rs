//! Everything observable about a run, as one stream. The same line is the journal's record, the `--output json` line and
//! the reporters' input.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::action::{Action, Done};
use crate::failure::FailureClass;
use crate::module::{Change, Waiting};
use crate::target::Target;

/// The version of the event format.
pub const VERSION: u32 = 1;

/// One observation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The format's version.
    pub v: u32,
    /// The number in the stream, from 1.
    pub seq: u64,
    /// Wall-clock time, UTC.
    pub at: Timestamp,
    /// Milliseconds since the run began.
    pub elapsed_ms: u64,
    /// The run.
    pub run: String,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// Identifies a task: one target (and loop element) of a step.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TaskId {
    /// The step's id.
    pub step: String,
    /// The target.
    pub target: Target,
    /// The index into the step's `loop`, if it has one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub item: Option<usize>,
}

/// A phase that a run is going to pass through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EventKind {
    /// A run began.
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
        /// `run`, `rehearse` or `resume`.
        verb: String,
        /// The tool's version.
        version: String,
        /// The seed of all randomness.
        seed: u64,
        /// Who runs it and where, if known.
        operator: Option<String>,
        /// The phases ahead, in order: what the window has to hold.
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
        /// Its id.
        step: String,
        /// Its rendered title.
        name: String,
        /// The module, `gate` or `block`.
        module: String,
        /// Its place, as `file:line:col`.
        place: String,
        /// Its budget in milliseconds.
        budget_ms: Option<u64>,
        /// What it works on.
        targets: Vec<Target>,
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
        /// What the module saw.
        state: Value,
    },
    /// A change is about to be made. Durable before its first action is sent.
    Applying {
        /// The task.
        task: TaskId,
        /// The change, with the actions that make it and those that take it back.
        change: Change,
    },
    /// An action of a change was carried out.
    Acted {
        /// The task.
        task: TaskId,
        /// The action.
        action: Action,
        /// What it gave back.
        done: Done,
        /// Milliseconds it took.
        took_ms: u64,
    },
    /// A change was made: all its actions succeeded.
    Applied {
        /// The task.
        task: TaskId,
        /// The change's summary.
        summary: String,
    },
    /// A change of an earlier execution was taken back.
    Undone {
        /// The task that had made it.
        task: TaskId,
        /// The change's summary.
        summary: String,
    },
    /// The world is on its way; said again only when the words or the percentage change.
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
        message: String,
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
        /// What `register` keeps.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        result: Option<Value>,
        /// What went wrong.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        failure: Option<RecordedFailure>,
    },
    /// A step ended.
    StepFinished {
        /// Its id.
        step: String,
        /// The worst outcome of its tasks.
        outcome: Outcome,
        /// Milliseconds it took.
        took_ms: u64,
        /// The most attempts any task needed.
        attempts: u32,
        /// Why it was skipped.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        reason: Option<String>,
    },
    /// A step's result was given its name.
    Registered {
        /// The variable.
        name: String,
        /// Its value.
        value: Value,
    },
    /// A gate waits for a person.
    GateOpened {
        /// The step's id.
        step: String,
        /// The question.
        question: String,
        /// The phrase to type.
        confirm: String,
    },
    /// A gate was answered.
    GateAnswered {
        /// The step's id.
        step: String,
        /// Whether the run may go on.
        approved: bool,
        /// Who answered.
        by: String,
        /// What was typed, or the reason given.
        reason: String,
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
    /// Something an operator should read.
    Notice {
        /// The words.
        message: String,
    },
    /// The run ended.
    RunFinished {
        /// How.
        outcome: Outcome,
        /// The exit code.
        exit_code: u8,
        /// Milliseconds it took.
        took_ms: u64,
        /// What was changed and still stands, when the run did not end well: one line for each change.
        standing: Vec<String>,
    },
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

/// A failure as recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedFailure {
    /// Its class.
    pub class: FailureClass,
    /// What went wrong.
    pub message: String,
    /// More lines.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub details: Vec<String>,
    /// What to type next.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub help: Option<String>,
    /// The place in the playbook, as `file:line:col`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub place: Option<String>,
}
