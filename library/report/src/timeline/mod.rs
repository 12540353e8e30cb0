//! A run as it unfolded: phases, steps, tasks, with start, duration, attempts and outcome. Folded from events alone, and
//! the only source of every table, total and chart. Says nothing about how any of it looks. What was changed is in `change`.

mod attempts;
mod change;
mod fold;
mod outage;
mod totals;
mod window;

#[cfg(test)]
mod tests;

use cutover_protocol::diff::Waiting;
use cutover_protocol::event::{Outcome, PlannedPhase, Section, StandingChange, StepKind, Verb};
use cutover_protocol::failure::RecordedFailure;
use cutover_protocol::path::Path;
use cutover_protocol::target::Target;
use cutover_protocol::task::TaskId;
use cutover_protocol::text::Text;
use jiff::Timestamp;
use serde_json::Value;

pub(crate) use change::{Acted, Made, Undo, Undone};
pub(crate) use outage::{Outage, looked_again};

/// A run, as far as its events tell. Times are milliseconds since the run began; a resumed run goes on counting.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Timeline {
    /// What was begun.
    pub(crate) header: Option<Header>,
    /// The phases that began, in order.
    pub(crate) phases: Vec<Phase>,
    /// The changes that were begun, in order, each once.
    pub(crate) changes: Vec<Made>,
    /// When the service was out.
    pub(crate) outages: Vec<Outage>,
    /// What an operator should read.
    pub(crate) notices: Vec<Notice>,
    /// Since when it is being stopped, if it is.
    pub(crate) stopping: Option<Stopping>,
    /// How it ended.
    pub(crate) end: Option<End>,
    /// The time of the latest event.
    pub(crate) now_ms: u64,
    /// Why the steps of a block failed that ended last, and which block it is.
    reason: Option<(Path, Text)>,
    /// When the current stretch of the run (the run itself, or its latest resumption) began.
    stretch_ms: u64,
    /// Since when the window counts.
    window_from_ms: u64,
    /// What earlier executions have recorded, if it is not shown.
    recalled: Option<Box<Timeline>>,
}

/// What was begun.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Header {
    /// The run's id.
    pub(crate) run: String,
    /// When it began.
    pub(crate) started: Timestamp,
    /// When it was resumed or undone, each time.
    pub(crate) again: Vec<(Verb, Timestamp)>,
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
    /// Since when the window counts, if that is not the beginning of this execution.
    pub(crate) window_from: Option<Timestamp>,
    /// What it was started to do last.
    pub(crate) verb: Verb,
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
    /// Whether it undoes the others.
    pub(crate) undoes: bool,
    /// When it began.
    pub(crate) start_ms: u64,
    /// Since when it takes of its budget: an earlier execution may have begun it.
    pub(crate) begun_ms: u64,
    /// How long it took; none while it runs.
    pub(crate) took_ms: Option<u64>,
    /// How it ended.
    pub(crate) outcome: Option<Outcome>,
    /// Its steps in the order they began; those of a block follow it.
    pub(crate) steps: Vec<Step>,
}

/// A step, or the `rescue` or `always` section of a block.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Step {
    /// Its path; the block's, for a section.
    pub(crate) path: Path,
    /// Its title; for one inside of a loop, with the pass.
    pub(crate) name: String,
    /// What it does; none if its beginning was not seen.
    pub(crate) kind: Option<StepKind>,
    /// Which section it is.
    pub(crate) section: Option<Section>,
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
    /// Since when it takes of its budget: an earlier execution may have begun it.
    pub(crate) begun_ms: u64,
    /// How long it took; none while it runs.
    pub(crate) took_ms: Option<u64>,
    /// How it ended.
    pub(crate) outcome: Option<Outcome>,
    /// The most attempts any task needed.
    pub(crate) attempts: u32,
    /// Why it was skipped, or why the section runs.
    pub(crate) reason: Option<Text>,
    /// What went wrong, if it was not one of its tasks that failed.
    pub(crate) failure: Option<RecordedFailure>,
    /// The names under which its result is kept.
    pub(crate) registered: Vec<String>,
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

/// One target of a step, in one pass of its loop.
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
    /// What was seen at the last look.
    pub(crate) seen: Option<Value>,
    /// What `register` keeps.
    pub(crate) result: Option<Value>,
    /// What went wrong.
    pub(crate) failure: Option<RecordedFailure>,
    /// Attempts that failed and were followed by another.
    pub(crate) retries: Vec<Retry>,
}

/// What a task is doing.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Doing {
    /// It reads the world.
    Probing,
    /// It makes a change.
    Applying(Text),
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
    pub(crate) message: Text,
}

/// A stop that the operator asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stopping {
    /// When it was asked for first.
    pub(crate) at_ms: u64,
    /// Whether nothing is waited for any more.
    pub(crate) at_once: bool,
}

impl Stopping {
    /// What it means, for people.
    pub(crate) fn meaning(at_once: bool) -> &'static str {
        match at_once {
            false => "at the next safe point: what was sent is completed; Ctrl-C once more stops at once",
            true => "at once: what was sent may still be carried out; `cutover resume` looks first",
        }
    }
}

/// What an operator should read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Notice {
    /// When it was reported.
    pub(crate) at_ms: u64,
    /// The words.
    pub(crate) message: Text,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct End {
    /// How.
    pub(crate) outcome: Outcome,
    /// The exit code.
    pub(crate) exit_code: u8,
    /// What was changed and still stands.
    pub(crate) standing: Vec<StandingChange>,
}

impl Phase {
    /// How long it took, or runs already at a time.
    pub(crate) fn actual_ms(&self, now_ms: u64) -> u64 {
        self.took_ms.unwrap_or_else(|| now_ms.saturating_sub(self.start_ms))
    }

    /// How much of its budget it took, or has taken at a time: over all executions since it was begun, the pauses between them too.
    pub(crate) fn spent_ms(&self, now_ms: u64) -> u64 {
        self.start_ms.saturating_sub(self.begun_ms).saturating_add(self.actual_ms(now_ms))
    }
}

impl Step {
    /// How long it took, or runs already at a time.
    pub(crate) fn actual_ms(&self, now_ms: u64) -> u64 {
        self.took_ms.unwrap_or_else(|| now_ms.saturating_sub(self.start_ms))
    }

    /// How much of its budget it took, or has taken at a time: over all executions since it was begun, the pauses between them too.
    pub(crate) fn spent_ms(&self, now_ms: u64) -> u64 {
        self.start_ms.saturating_sub(self.begun_ms).saturating_add(self.actual_ms(now_ms))
    }

    /// Whether it still runs.
    pub(crate) fn runs(&self) -> bool {
        self.outcome.is_none()
    }

    /// Whether it only groups other steps.
    pub(crate) fn is_block(&self) -> bool {
        self.kind == Some(StepKind::Block)
    }

    /// Whether it undoes what another step has changed.
    pub(crate) fn undoes(&self) -> bool {
        self.kind == Some(StepKind::Undo)
    }

    /// Its title, as it is known in a task: with the pass of its own loop.
    pub(crate) fn name_in(&self, task: &TaskId) -> String {
        match task.path.item() {
            Some(item) => format!("{} [{}]", self.name, item.position),
            None => self.name.clone(),
        }
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

    /// The latest step with a path.
    pub(crate) fn step(&self, path: &Path) -> Option<&Step> {
        let mut steps = self.phases.iter().rev().flat_map(|phase| phase.steps.iter().rev());
        steps.find(|step| step.path == *path && step.section.is_none())
    }

    /// The latest section of a block.
    pub(crate) fn section(&self, block: &Path) -> Option<&Step> {
        let mut steps = self.phases.iter().rev().flat_map(|phase| phase.steps.iter().rev());
        steps.find(|step| step.path == *block && step.section.is_some())
    }

    /// The latest task with an id.
    pub(crate) fn task(&self, id: &TaskId) -> Option<(&Step, &Task)> {
        let step = self.step(&id.path.step())?;
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
