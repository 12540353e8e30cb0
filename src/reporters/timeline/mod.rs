//! A run as it unfolded: phases, steps, tasks, with start, duration, attempts and outcome. Folded from events alone, and
//! the only source of every table, total and chart. Says nothing about how any of it looks.

mod fold;
mod totals;
mod window;

#[cfg(test)]
mod tests;

use cutover_engine::action::{Action, Done};
use cutover_engine::event::{Outcome, PlannedPhase, RecordedFailure, TaskId};
use cutover_engine::module::{Change, Waiting};
use cutover_engine::target::Target;
use jiff::Timestamp;
use serde_json::Value;

/// A run, as far as its events tell. Times are milliseconds since the run began; a resumed run goes on counting.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Timeline {
    /// What was begun.
    pub(crate) header: Option<Header>,
    /// The phases that began, in order.
    pub(crate) phases: Vec<Phase>,
    /// What an operator should read.
    pub(crate) notices: Vec<Notice>,
    /// How it ended.
    pub(crate) end: Option<End>,
    /// The time of the latest event.
    pub(crate) now_ms: u64,
    /// When the current stretch of the run (the run itself, or its latest resumption) began.
    stretch_ms: u64,
}

/// What was begun.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Header {
    /// The run's id.
    pub(crate) run: String,
    /// When it began.
    pub(crate) started: Timestamp,
    /// When it was resumed, each time.
    pub(crate) resumed: Vec<Timestamp>,
    /// The playbook's title.
    pub(crate) playbook: String,
    /// The playbook's path and digest.
    pub(crate) playbook_file: (String, String),
    /// The inventory's path and digest.
    pub(crate) inventory_file: (String, String),
    /// The parameters as resolved.
    pub(crate) params: Value,
    /// The window.
    pub(crate) window_ms: Option<u64>,
    /// `run`, `rehearse` or `resume`.
    pub(crate) verb: String,
    /// The tool's version.
    pub(crate) version: String,
    /// The seed of all randomness.
    pub(crate) seed: u64,
    /// Who runs it.
    pub(crate) operator: Option<String>,
    /// The phases ahead.
    pub(crate) planned: Vec<PlannedPhase>,
}

/// A phase.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Phase {
    /// Its number, from 1; 0 for steps outside of any phase.
    pub(crate) index: usize,
    /// How many phases there are.
    pub(crate) count: usize,
    /// Its title.
    pub(crate) name: String,
    /// Its budget.
    pub(crate) budget_ms: Option<u64>,
    /// Whether it is the point of no return.
    pub(crate) point_of_no_return: bool,
    /// When it began.
    pub(crate) start_ms: u64,
    /// How long it took; none while it runs.
    pub(crate) took_ms: Option<u64>,
    /// How it ended.
    pub(crate) outcome: Option<Outcome>,
    /// Its steps in the order they began; those of a block follow it.
    pub(crate) steps: Vec<Step>,
}

/// A step.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Step {
    /// Its id.
    pub(crate) id: String,
    /// Its title.
    pub(crate) name: String,
    /// The module, `gate` or `block`.
    pub(crate) module: String,
    /// Its place in the playbook.
    pub(crate) place: String,
    /// Its budget.
    pub(crate) budget_ms: Option<u64>,
    /// What it works on.
    pub(crate) targets: Vec<Target>,
    /// How many blocks it stands in.
    pub(crate) depth: usize,
    /// When it began.
    pub(crate) start_ms: u64,
    /// How long it took; none while it runs.
    pub(crate) took_ms: Option<u64>,
    /// How it ended.
    pub(crate) outcome: Option<Outcome>,
    /// The most attempts any task needed.
    pub(crate) attempts: u32,
    /// Why it was skipped.
    pub(crate) reason: Option<String>,
    /// Its tasks in the order they began.
    pub(crate) tasks: Vec<Task>,
    /// The question it asks, for a gate.
    pub(crate) gate: Option<Gate>,
}

/// A question to a person.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Gate {
    /// The question.
    pub(crate) question: String,
    /// The phrase to type.
    pub(crate) confirm: String,
    /// When it was asked.
    pub(crate) opened_ms: u64,
    /// The answer; none while it waits.
    pub(crate) answer: Option<Answer>,
}

/// A person's answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    /// When it came.
    pub(crate) at_ms: u64,
    /// Whether the run may go on.
    pub(crate) approved: bool,
    /// Who gave it.
    pub(crate) by: String,
    /// What was typed.
    pub(crate) reason: String,
}

/// One target (and loop element) of a step.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Task {
    /// Which.
    pub(crate) id: TaskId,
    /// When it began.
    pub(crate) start_ms: u64,
    /// How long it took; none while it runs.
    pub(crate) took_ms: Option<u64>,
    /// Attempts so far.
    pub(crate) attempts: u32,
    /// What it is doing.
    pub(crate) doing: Doing,
    /// How it ended.
    pub(crate) outcome: Option<Outcome>,
    /// What `register` keeps.
    pub(crate) result: Option<Value>,
    /// What went wrong.
    pub(crate) failure: Option<RecordedFailure>,
    /// Attempts that failed and were followed by another.
    pub(crate) retries: Vec<Retry>,
    /// What it changed.
    pub(crate) changes: Vec<Made>,
}

/// What a task is doing.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Doing {
    /// It reads the world.
    Probing,
    /// It makes a change.
    Applying(String),
    /// It waits for the world.
    Waiting(Waiting),
    /// It pauses before another attempt.
    Pausing(Retry),
    /// Nothing any more.
    Done,
}

/// An attempt that failed and was followed by another.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Retry {
    /// When it failed.
    pub(crate) at_ms: u64,
    /// The attempt that failed, from 1.
    pub(crate) attempt: u32,
    /// Attempts in all.
    pub(crate) attempts: u32,
    /// The pause before the next.
    pub(crate) delay_ms: u64,
    /// Why it failed.
    pub(crate) message: String,
}

/// A change that was begun.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Made {
    /// When.
    pub(crate) at_ms: u64,
    /// The change.
    pub(crate) change: Change,
    /// Its actions that gave an answer.
    pub(crate) acted: Vec<Acted>,
    /// Whether all its actions succeeded.
    pub(crate) applied: bool,
}

/// An action that gave an answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Acted {
    /// The action.
    pub(crate) action: Action,
    /// The answer.
    pub(crate) done: Done,
    /// How long it took.
    pub(crate) took_ms: u64,
}

/// What an operator should read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Notice {
    /// When it was said.
    pub(crate) at_ms: u64,
    /// The words.
    pub(crate) message: String,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct End {
    /// How.
    pub(crate) outcome: Outcome,
    /// The exit code.
    pub(crate) exit_code: u8,
    /// What was changed and still stands.
    pub(crate) standing: Vec<String>,
}

impl Phase {
    /// How long it took, or runs already at a time.
    pub(crate) fn actual_ms(&self, now_ms: u64) -> u64 {
        self.took_ms.unwrap_or_else(|| now_ms.saturating_sub(self.start_ms))
    }
}

impl Step {
    /// How long it took, or runs already at a time.
    pub(crate) fn actual_ms(&self, now_ms: u64) -> u64 {
        self.took_ms.unwrap_or_else(|| now_ms.saturating_sub(self.start_ms))
    }

    /// Whether it still runs.
    pub(crate) fn runs(&self) -> bool {
        self.outcome.is_none()
    }

    /// Whether it only groups other steps.
    pub(crate) fn is_block(&self) -> bool {
        self.module == "block"
    }
}

impl Timeline {
    /// The phase that runs now, or ran last.
    pub(crate) fn phase(&self) -> Option<&Phase> {
        self.phases.last()
    }

    /// The innermost step that runs now.
    pub(crate) fn running(&self) -> Option<&Step> {
        self.phase()?.steps.iter().rev().find(|step| step.runs())
    }

    /// The latest step with an id.
    pub(crate) fn step(&self, id: &str) -> Option<&Step> {
        self.phases.iter().rev().flat_map(|phase| phase.steps.iter().rev()).find(|step| step.id == id)
    }

    /// The latest task with an id.
    pub(crate) fn task(&self, id: &TaskId) -> Option<(&Step, &Task)> {
        let step = self.step(&id.step)?;
        Some((step, step.tasks.iter().rev().find(|task| task.id == *id)?))
    }

    /// All steps, in the order they began.
    pub(crate) fn steps(&self) -> impl Iterator<Item = &Step> {
        self.phases.iter().flat_map(|phase| &phase.steps)
    }

    /// All tasks with their steps, in the order they began.
    pub(crate) fn tasks(&self) -> impl Iterator<Item = (&Step, &Task)> {
        self.steps().flat_map(|step| step.tasks.iter().map(move |task| (step, task)))
    }
}

/// By how much a duration is over its budget, if it is.
pub(crate) fn over(actual_ms: u64, budget_ms: Option<u64>) -> Option<u64> {
    budget_ms.and_then(|budget| actual_ms.checked_sub(budget)).filter(|over| *over > 0)
}
