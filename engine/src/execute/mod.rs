//! Executes a bound playbook: phases in order, steps in order, tasks side by side. All-or-nothing: a failure stops the run
//! before the next step. What a task does is in `task` and `attempt`.

mod act;
mod attempt;
mod gate;
mod inverse;
mod past;
mod phases;
mod retry;
mod steps;
mod stop;
mod task;
mod undo;

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

pub use act::act;
pub use gate::{Answer, Approver, Question};
pub use past::Past;
pub use stop::Stop;
pub use undo::{Made, made, undo};

use crate::event::{EventKind, Outcome, PlannedPhase, TaskId};
use crate::failure::{Failure, FailureClass};
use crate::module::{Change, Registry};
use crate::playbook::Phase;
use crate::record::{Recorder, millis};
use crate::run::{Names, Run};
use crate::world::World;

/// How a run is executed.
pub struct Settings {
    /// `run`, `rehearse` or `resume`.
    pub verb: String,
    /// The tool's version.
    pub version: String,
    /// Who runs it and where, if known.
    pub operator: Option<String>,
    /// The seed of all randomness.
    pub seed: u64,
    /// Which steps run.
    pub tags: Tags,
    /// A step that is made to fail, by id, last part of the id, or title.
    pub fail: Option<String>,
    /// What an earlier, stopped execution of the same run has done.
    pub past: Past,
    /// Steps whose interrupted at-most-once change somebody has looked at: it was not made and may be made now.
    pub repeat: Vec<String>,
}

/// Selects steps by tags.
#[derive(Debug, Clone, Default)]
pub struct Tags {
    /// Only steps with one of these; all if empty.
    pub only: Vec<String>,
    /// No step with one of these.
    pub skip: Vec<String>,
}

impl Tags {
    /// Whether a step with these tags runs.
    pub fn select(&self, tags: &[String]) -> bool {
        let any = |wanted: &[String]| tags.iter().any(|tag| wanted.contains(tag));
        (self.only.is_empty() || any(&self.only)) && !any(&self.skip)
    }
}

/// What a run works with.
pub struct Ports {
    /// The modules.
    pub registry: Registry,
    /// The world it happens in.
    pub world: Arc<dyn World>,
    /// Who answers gates.
    pub approver: Arc<dyn Approver>,
    /// Where its events go.
    pub recorder: Recorder,
    /// How it is stopped.
    pub stop: Stop,
}

/// How a run ended.
#[derive(Debug, Clone)]
pub struct Ending {
    /// The worst outcome of its phases.
    pub outcome: Outcome,
    /// The exit code.
    pub exit_code: u8,
    /// What went wrong first.
    pub failure: Option<Failure>,
}

/// A change that was carried out, or may have been.
struct Standing {
    task: TaskId,
    summary: String,
    sure: bool,
}

/// A run that is being executed.
pub(crate) struct Executor<'a> {
    run: &'a Run,
    ports: &'a Ports,
    settings: &'a Settings,
    standing: Mutex<Vec<Standing>>,
}

/// Executes a run to its end. Its last event is `RunFinished`.
pub async fn execute(run: &Run, ports: &Ports, settings: &Settings) -> Ending {
    let executor = Executor::begin(run, ports, settings, run.playbook.phases.iter().map(ahead).collect());
    let mut names = Names { registered: settings.past.registered(), ..Names::default() };
    let end = match settings.past.is_taken_back() {
        true => executor.refuse("resume", taken_back()),
        false => executor.phases(&mut names).await,
    };
    let touched = !executor.standing().is_empty();
    let class = end.failure.as_ref().map(|failure| failure.class);
    let exit_code = exit_code(end.outcome, class, touched);
    let standing = if exit_code == 0 { Vec::new() } else { executor.standing() };
    let took_ms = executor.recorder().elapsed_ms();
    let kind = EventKind::RunFinished { outcome: end.outcome, exit_code, took_ms, standing };
    let journal = executor.recorder().durably(kind).err();
    let failure = end.failure.or(journal).map(|failure| executor.recorder().shown(failure));
    Ending { outcome: end.outcome, exit_code, failure }
}

/// A phase as the first event announces it.
fn ahead(phase: &Phase) -> PlannedPhase {
    PlannedPhase {
        name: phase.name.clone(),
        budget_ms: phase.budget.map(|budget| millis(budget.0)),
        point_of_no_return: phase.point_of_no_return,
    }
}

/// The exit code of an outcome: 2 only while nothing was touched.
fn exit_code(outcome: Outcome, class: Option<FailureClass>, touched: bool) -> u8 {
    match outcome {
        Outcome::Skipped | Outcome::InSync | Outcome::Changed | Outcome::FailedAllowed => 0,
        Outcome::Stopped => 5,
        Outcome::Unreachable => 4,
        Outcome::Blocked => 3,
        Outcome::Failed if class == Some(FailureClass::Invalid) && !touched => 2,
        Outcome::Failed => 1,
    }
}

/// The outcome that a failure of a class gives.
pub(crate) fn outcome_of(class: FailureClass) -> Outcome {
    match class {
        FailureClass::Blocked => Outcome::Blocked,
        FailureClass::Unreachable => Outcome::Unreachable,
        FailureClass::Stopped => Outcome::Stopped,
        FailureClass::Failed | FailureClass::Invalid | FailureClass::OutcomeUnknown | FailureClass::TimedOut => {
            Outcome::Failed
        }
    }
}

/// Why a run that was taken back does not go on: what it knows of the world, and has kept of it, is from before.
fn taken_back() -> Failure {
    Failure::blocked("this run was taken back, as a whole or in part: it does not go on")
        .help("bring its undo to an end, then begin a new run")
}

/// The failure of a step that was made to fail.
fn made_to_fail() -> Failure {
    Failure::failed("made to fail on purpose (--fail)")
}

/// How a part of a run ended.
pub(crate) struct End {
    /// The worst outcome in it.
    pub(crate) outcome: Outcome,
    /// What went wrong first.
    pub(crate) failure: Option<Failure>,
}

impl End {
    /// Nothing happened yet.
    pub(crate) fn new() -> Self {
        Self { outcome: Outcome::Skipped, failure: None }
    }

    /// A failure.
    pub(crate) fn failed(failure: Failure) -> Self {
        Self { outcome: outcome_of(failure.class), failure: Some(failure) }
    }

    /// Takes in how a part of it ended.
    pub(crate) fn absorb(&mut self, part: Self) {
        self.outcome = self.outcome.max(part.outcome);
        if self.failure.is_none() {
            self.failure = part.failure;
        }
    }
}

impl<'a> Executor<'a> {
    /// Says that an execution begins.
    fn begin(run: &'a Run, ports: &'a Ports, settings: &'a Settings, phases: Vec<PlannedPhase>) -> Self {
        ports.recorder.emit(EventKind::RunStarted {
            playbook: run.playbook.name.clone(),
            playbook_path: run.playbook.source.path.display().to_string(),
            playbook_digest: run.playbook.digest.clone(),
            inventory_path: run.inventory.source.path.display().to_string(),
            inventory_digest: run.inventory.digest.clone(),
            params: run.shown_params(),
            window_ms: run.playbook.window.map(|window| millis(window.0)),
            verb: settings.verb.clone(),
            version: settings.version.clone(),
            seed: settings.seed,
            operator: settings.operator.clone(),
            phases,
        });
        let before = settings.past.made().iter().map(|made| Standing {
            task: made.task.clone(),
            summary: made.change.summary.clone(),
            sure: made.complete,
        });
        Self { run, ports, settings, standing: Mutex::new(before.collect()) }
    }

    fn recorder(&self) -> &'a Recorder {
        &self.ports.recorder
    }

    /// Remembers a change that is about to be made; gives the key to say how it went.
    fn remember(&self, task: &TaskId, change: &Change) -> usize {
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        let again = |entry: &Standing| !entry.sure && entry.task == *task && entry.summary == change.summary;
        standing.iter().position(again).unwrap_or_else(|| {
            standing.push(Standing { task: task.clone(), summary: change.summary.clone(), sure: false });
            standing.len() - 1
        })
    }

    fn made(&self, key: usize) {
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = standing.get_mut(key) {
            entry.sure = true;
        }
    }

    /// What was changed so far, one line each.
    fn standing(&self) -> Vec<String> {
        let standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        let line = |entry: &Standing| {
            let doubt = if entry.sure { "" } else { " (begun; whether it is complete is not known)" };
            format!("{}: {}{doubt}", entry.task.target, entry.summary)
        };
        standing.iter().map(line).collect()
    }

    /// A value as it may be recorded.
    fn shown(&self, secret: bool, value: Value) -> Value {
        if secret { Value::String(crate::redact::HIDDEN.to_owned()) } else { value }
    }
}
