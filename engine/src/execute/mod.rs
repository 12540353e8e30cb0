//! Executes a bound playbook: phases in order, steps in order, tasks in parallel. All-or-nothing: a failure stops the run
//! before the next step. Tasks are in `task` and `attempt`.

mod act;
mod attempt;
mod backoff;
mod doubt;
mod drive;
mod gate;
mod inverse;
mod ledger;
mod look_again;
mod outage;
mod past;
mod patience;
mod registered;
mod retry;
mod same;
mod stop;
mod task;
mod undo;
mod withheld;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::Value;

use act::act;
pub use gate::{Answer, Approver, Judgement, Question, Unanswered};
pub(crate) use gate::{NO, YES};
pub use ledger::{Ledger, Made};
pub use past::{DeclaredDone, Past};
pub use stop::Stop;
pub(crate) use task::place;
pub use undo::{point_of_no_return, undo};

use doubt::repeat_help;
use outage::Course;
use past::Doubt;
use registered::Registrants;

use crate::action::{Action, Done};
use crate::event::{EventKind, Outcome, PlannedPhase, Verb};
use crate::failure::{Failure, FailureClass};
use crate::module::{Change, Class, Registry};
use crate::path::Path;
use crate::playbook::{Phase, Step};
use crate::record::{Recorder, millis};
use crate::run::Run;
use crate::selector::Selector;
use crate::slug::slug;
use crate::task::{ChangeId, TaskId};
use crate::text;
use crate::walk::{Cursor, End, Mode};
use crate::world::{Caller, Gap, World};

/// How a run is executed.
pub struct Settings {
    /// What it is started for.
    pub verb: Verb,
    /// The tool's version.
    pub version: String,
    /// Who runs it and where, if known.
    pub operator: Option<String>,
    /// The seed of all randomness.
    pub seed: u64,
    /// Which steps run.
    pub tags: Tags,
    /// Steps that are made to fail.
    pub fail: Vec<Selector>,
    /// The results of earlier, stopped executions of the same run.
    pub past: Past,
    /// Tasks whose interrupted at-most-once change a person has looked at: it was not made, and may be made now.
    pub repeat: Vec<Selector>,
    /// Changes that a person declared done, as [`Past::declare_done`] returned them.
    pub declared_done: Vec<DeclaredDone>,
    /// Whether the queries and answers of probes are recorded as well.
    pub record_reads: bool,
    /// The moment from which the window and the budgets count; by default the first start of the run.
    pub window_from: Option<Timestamp>,
    /// The names of what need not be simulated.
    pub accepted_gaps: Vec<String>,
}

impl Settings {
    /// The settings of an ordinary execution by this version, with seed 1.
    pub fn new(verb: Verb, tags: Tags) -> Self {
        Self {
            verb,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            operator: None,
            seed: 1,
            tags,
            fail: Vec::new(),
            past: Past::default(),
            repeat: Vec::new(),
            declared_done: Vec::new(),
            record_reads: false,
            window_from: None,
            accepted_gaps: Vec::new(),
        }
    }
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

/// The parts that a run works with, provided by the caller.
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
    /// How many changes of the run stand.
    pub standing: usize,
}

/// A run that is being executed.
pub(crate) struct Executor<'a> {
    run: &'a Run,
    ports: &'a Ports,
    settings: &'a Settings,
    ledger: Mutex<Ledger>,
    /// At-most-once changes whose outcome is unknown, begun by this execution or an earlier one.
    doubts: Mutex<Vec<Doubt>>,
    /// Tasks that took over the results of changes made by an earlier execution.
    reused: Mutex<BTreeSet<TaskId>>,
    registrants: Mutex<Registrants>,
    /// The warnings of API servers that were reported already, with their sites.
    warned: Mutex<BTreeSet<(String, String)>>,
    /// Since when the window counts.
    window_from: Timestamp,
    outage: Mutex<Course>,
}

/// Executes a run to its end. Its last event is `RunFinished`.
pub async fn execute(run: &Run, ports: &Ports, settings: &Settings) -> Ending {
    let executor = Executor::begin(run, ports, settings, run.playbook.phases.iter().map(ahead).collect());
    let mut end = match executor.cannot_go_on() {
        Some(failure) => {
            executor.notice(&failure);
            End::failed(failure)
        }
        None => {
            let cursor = Cursor::new(&run.playbook, Mode::Execute(run), &settings.tags)
                .going_on(settings.past.reached(), settings.past.entered());
            ports.stop.recorded(executor.recorder(), executor.drive(cursor)).await.0
        }
    };
    // A playbook may go on after a change in doubt, but that does not settle the change.
    if end.failure.is_none()
        && let Some(doubt) = executor.unsettled().first()
    {
        let failure = doubt::left_in_doubt(doubt);
        executor.notice(&failure);
        end.absorb(End::failed(failure));
    }
    // Who has stopped it was not asking for its end.
    if end.failure.is_none() && ports.stop.is_requested() {
        let failure = stop::stopped_at_its_end();
        executor.notice(&failure);
        end.absorb(End::failed(failure));
    }
    executor.look_at_the_journal(&mut end).await;
    let proven = executor.is_proven();
    let standing = executor.ledger().summary();
    let class = end.failure.as_ref().map(|failure| failure.class);
    let code = exit_code(end.outcome, class, !standing.is_empty());
    let exit_code = if code == 0 && !proven { NOT_PROVEN } else { code };
    let stand = standing.len();
    let standing = if code == 0 { Vec::new() } else { standing };
    let took_ms = executor.recorder().elapsed_ms();
    let kind = EventKind::RunFinished { outcome: end.outcome, exit_code, took_ms, standing };
    let journal = executor.recorder().durably(kind).await.err();
    let failure = end.failure.or(journal).map(|failure| executor.recorder().shown(failure));
    Ending { outcome: end.outcome, exit_code, failure, standing: stand }
}

impl Executor<'_> {
    /// What was done and is not recorded is not evidence: a run whose journal is not whole does not end well.
    async fn look_at_the_journal(&self, end: &mut End) {
        if let Err(failure) = self.recorder().settled().await
            && end.failure.is_none()
        {
            self.notice(&failure);
            end.absorb(End::failed(failure));
        }
    }
}

/// The exit code of what has come to a good end in a world that did not simulate all of it.
pub(super) const NOT_PROVEN: u8 = 9;

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
        Outcome::Failed if class == Some(FailureClass::Unsimulated) => 9,
        Outcome::Failed => 1,
    }
}

/// The refusal to resume a run that was undone: the results it recorded describe the world before the undo.
fn undone() -> Failure {
    Failure::blocked(text!("engine.undone", "this run was undone, as a whole or in part: it does not go on"))
        .help(text!("engine.undone.help", "bring its undo to an end, then begin a new run"))
}

/// The id of [`made_to_fail`]'s message, by which readers of events recognise such a failure.
pub const MADE_TO_FAIL: &str = "engine.made-to-fail";

/// The failure of a step that was made to fail.
fn made_to_fail() -> Failure {
    Failure::failed(text!("engine.made-to-fail", "made to fail on purpose (--fail)"))
}

impl<'a> Executor<'a> {
    /// Records that an execution begins.
    fn begin(run: &'a Run, ports: &'a Ports, settings: &'a Settings, phases: Vec<PlannedPhase>) -> Self {
        let window_from = settings.window_from.or(settings.past.window_from());
        ports.recorder.emit(EventKind::RunStarted {
            playbook: run.playbook.name.clone(),
            playbook_path: run.playbook.source.path.display().to_string(),
            playbook_digest: run.playbook.digest.clone(),
            inventory_path: run.inventory.source.path.display().to_string(),
            inventory_digest: run.inventory.digest.clone(),
            params: run.shown_params(),
            window_ms: run.playbook.window.map(|window| millis(window.0)),
            window_from,
            verb: settings.verb,
            version: settings.version.clone(),
            seed: settings.seed,
            operator: settings.operator.clone(),
            phases,
        });
        for DeclaredDone { task, number, key, summary } in settings.declared_done.iter().cloned() {
            let message =
                text!("engine.declared-done", "declared done by who has looked: {task}: {summary}", task, summary);
            ports.recorder.emit(EventKind::DeclaredDone { task, number, key });
            ports.recorder.emit(EventKind::Notice { message });
        }
        let ledger = Mutex::new(settings.past.ledger().clone());
        let doubts = Mutex::new(settings.past.doubts().to_vec());
        let registrants = Mutex::new(Registrants::of(&settings.past));
        let window_from = window_from.unwrap_or_else(|| ports.world.now());
        let (reused, warned) = (Mutex::default(), Mutex::default());
        let outage = Mutex::new(settings.past.outage().clone());
        Self { run, ports, settings, ledger, doubts, reused, registrants, warned, window_from, outage }
    }

    fn recorder(&self) -> &'a Recorder {
        &self.ports.recorder
    }

    /// The changes of the run so far.
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The reason why an earlier execution cannot be resumed, if there is one before anything is probed.
    fn cannot_go_on(&self) -> Option<Failure> {
        if self.settings.past.is_undone() {
            return Some(undone());
        }
        let steps = self.run.playbook.steps();
        let gone = |doubt: &&Doubt| !steps.iter().any(|step| step.id == doubt.task.path.id());
        let doubts = self.unsettled();
        let doubt = doubts.iter().find(gone)?;
        let words = text!(
            "engine.doubt-without-step",
            "the playbook has no step {path} any more, and the outcome of this change of it is unknown: {summary}",
            path = &doubt.task.path,
            summary = &doubt.summary
        );
        Some(Failure::new(FailureClass::OutcomeUnknown, words).help(repeat_help(&doubt.task, self.undoing())))
    }

    fn doubts(&self) -> MutexGuard<'_, Vec<Doubt>> {
        self.doubts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The at-most-once changes whose outcome neither the run nor a person knows.
    fn unsettled(&self) -> Vec<Doubt> {
        self.doubts().iter().filter(|doubt| doubt.is_live || !self.repeats(&doubt.task)).cloned().collect()
    }

    /// Whether a task has begun a change in this execution whose outcome is unknown.
    fn is_in_doubt(&self, task: &TaskId) -> bool {
        self.doubts().iter().any(|doubt| doubt.is_live && doubt.task == *task)
    }

    /// Records that an at-most-once change is begun.
    fn doubt(&self, step: &Step, task: &TaskId, number: ChangeId, change: &Change) {
        if change.class == Class::AtMostOnce {
            let module = step.kind.module().unwrap_or_default();
            past::begin(&mut self.doubts(), Doubt::new(number, task, change, module));
        }
    }

    /// Settles the changes in doubt about which an attempt of a task is conclusive.
    fn settle(&self, task: &TaskId, class: Option<FailureClass>) {
        past::settle(&mut self.doubts(), task, class);
    }

    /// Whether a person has looked at a task, and it may be repeated.
    fn repeats(&self, task: &TaskId) -> bool {
        self.settings.repeat.iter().any(|selector| selector.selects_task(task))
    }

    /// Whether a task is made to fail.
    fn task_made_to_fail(&self, step: &Step, task: &TaskId) -> bool {
        let meant = |wanted: &Selector| wanted.selects_task(task) || slug(&wanted.to_string()) == slug(&step.name);
        self.settings.fail.iter().any(meant)
    }

    /// Whether a step that has no tasks is made to fail: a gate or a block.
    fn made_to_fail(&self, step: &Step, path: &Path) -> bool {
        let meant = |wanted: &Selector| {
            wanted.target().is_none() && wanted.selects(path) || slug(&wanted.to_string()) == slug(&step.name)
        };
        self.settings.fail.iter().any(meant)
    }

    /// Reports a failure that belongs to no step as notices, line by line.
    fn notice(&self, failure: &Failure) {
        let help = failure.help.iter().map(|help| text!("engine.help", "help: {help}", help));
        for message in std::iter::once(failure.message.clone()).chain(failure.details.clone()).chain(help) {
            self.recorder().emit(EventKind::Notice { message });
        }
    }

    /// Reports what the world does not simulate of what it was asked for. Whether all of it was accepted, by name.
    fn is_proven(&self) -> bool {
        let gaps = self.ports.world.gaps();
        for Gap { name, what } in &gaps {
            let message = match self.settings.accepted_gaps.contains(name) {
                true => {
                    text!("engine.gap-accepted", "not simulated, and accepted by name ({name}): {what}", name, what)
                }
                false => text!(
                    "engine.gap",
                    "not simulated: {what}; nothing is proven of it (to rehearse without it: --accept-unsimulated {name})",
                    what,
                    name
                ),
            };
            self.recorder().emit(EventKind::Notice { message });
        }
        gaps.iter().all(|gap| self.settings.accepted_gaps.contains(&gap.name))
    }

    /// Carries out an action of a change. Each warning of an API server is reported once.
    async fn act(&self, action: &Action, caller: Caller) -> Result<Done, Failure> {
        let named = self.ports.world.called_by(caller);
        let world = named.as_ref().unwrap_or(&self.ports.world);
        act(world.as_ref(), action, &|site, words| self.warn(site, words)).await
    }

    fn warn(&self, site: &str, words: String) {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.insert((site.to_owned(), words.clone())) {
            let message = text!("engine.api-warning", "{site}: the API server warns: {words}", site, words);
            self.recorder().emit(EventKind::Notice { message });
        }
    }

    /// A value as it may be recorded.
    fn shown(&self, secret: bool, value: Value) -> Value {
        if secret { Value::String(crate::redact::HIDDEN.to_owned()) } else { value }
    }
}
