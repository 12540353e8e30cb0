//! Undoes a run: its journal backwards, each change by the actions that were recorded with it, or by the step's own `undo`
//! steps. A change that cannot be undone is reported, and nothing before it is touched. The recorded actions are carried out
//! in `inverse`.

use std::sync::Arc;

use tokio::time::Instant;

use super::{Ending, Executor, Made, Ports, Settings};
use crate::event::{Event, EventKind, Outcome, PlannedPhase, StepKind, Verb};
use crate::failure::{Failure, FailureClass};
use crate::module::Class;
use crate::path::Path;
use crate::playbook::{Phase, Playbook, Step};
use crate::record::millis;
use crate::run::Run;
use crate::target::Target;
use crate::text;
use crate::walk::{Cursor, Element, End, Mode, Names, StepVisit, changed, enter, prepare};

/// The phase with `point_of_no_return` in which the run has already done something.
fn passed<'a>(playbook: &'a Playbook, events: &[Event]) -> Option<&'a Phase> {
    let done = |step: &Step| {
        !matches!(step.kind, crate::playbook::StepKind::Block { .. })
            && events.iter().any(|event| match &event.kind {
                EventKind::StepFinished { path, outcome: Outcome::InSync | Outcome::Changed, .. } => {
                    path.id() == step.id
                }
                EventKind::Applying { task, change, .. } => {
                    task.path.id() == step.id && change.class != Class::Transient
                }
                _ => false,
            })
    };
    playbook.phases.iter().find(|phase| phase.point_of_no_return && phase.all_steps().into_iter().any(done))
}

/// The title of the phase with `point_of_no_return` in which a run has already done something: its undo refuses.
pub fn point_of_no_return<'a>(playbook: &'a Playbook, events: &[Event]) -> Option<&'a str> {
    passed(playbook, events).map(|phase| phase.name.as_str())
}

/// Undoes a run. Exit code 7 if all of it was undone, 8 if an undo failed, 3 if something cannot be undone: nothing can once a step
/// of a phase with `point_of_no_return` is done.
pub async fn undo(run: &Run, ports: &Ports, settings: &Settings, events: &[Event]) -> Ending {
    let phase = PlannedPhase { name: "Undo".to_owned(), budget_ms: None, point_of_no_return: false };
    let executor = Executor::begin(run, ports, settings, vec![phase.clone()]);
    let (index, name, budget_ms) = (1, phase.name, None);
    executor.recorder().emit(EventKind::PhaseStarted {
        index,
        count: 1,
        name: name.clone(),
        budget_ms,
        point_of_no_return: false,
    });
    let mut end = match passed(&run.playbook, events) {
        Some(phase) => {
            let failure = past_return(phase);
            executor.notice(&failure);
            End::failed(failure)
        }
        None => ports.stop.recorded(executor.recorder(), executor.undo_all()).await,
    };
    if end.failure.is_none() && ports.stop.is_requested() {
        let failure = super::stop::stopped_at_its_end();
        executor.notice(&failure);
        end.absorb(End::failed(failure));
    }
    executor.look_at_the_journal(&mut end).await;
    if end.failure.is_none() {
        end.outcome = end.outcome.max(Outcome::InSync);
    }
    let proven = executor.is_proven();
    let class = end.failure.as_ref().map(|failure| failure.class);
    let exit_code = match class {
        None if !proven => super::NOT_PROVEN,
        None => 7,
        Some(FailureClass::Stopped) => 5,
        Some(FailureClass::Blocked) => 3,
        Some(FailureClass::Unsimulated) => 9,
        Some(_) => 8,
    };
    let standing = executor.ledger().summary();
    let stand = standing.len();
    let (took_ms, outcome) = (executor.recorder().elapsed_ms(), end.outcome);
    executor.recorder().emit(EventKind::PhaseFinished { index, name, outcome, took_ms, budget_ms });
    let finished = EventKind::RunFinished { outcome, exit_code, took_ms, standing };
    let journal = executor.recorder().durably(finished).await.err();
    let failure = end.failure.or(journal).map(|failure| executor.recorder().shown(failure));
    Ending { outcome, exit_code, failure, standing: stand }
}

fn past_return(phase: &Phase) -> Failure {
    Failure::blocked(text!(
        "engine.past-return",
        "the run has passed its point of no return (`{phase}`): nothing is undone",
        phase = &phase.name
    ))
    .help(text!(
        "engine.past-return.help",
        "data written since then would be lost; go forward, or move back with another playbook"
    ))
}

impl Executor<'_> {
    /// Whether this is an undo.
    pub(super) fn undoing(&self) -> bool {
        self.settings.verb == Verb::Undo
    }

    /// Undoes everything that stands, the latest step first.
    async fn undo_all(&self) -> End {
        let mut end = End::new();
        self.undo_goes_on(None);
        loop {
            // The lock must not be held across an await.
            let mine = {
                let ledger = self.ledger();
                let Some(step) = ledger.standing().last().map(|made| made.task.path.step()) else { break };
                // Steps ran one after the other, so the changes of one step are adjacent.
                let of_step = |made: &&Made| made.task.path.step() == step;
                ledger.standing().iter().rev().take_while(of_step).cloned().collect::<Vec<_>>()
            };
            let part = self.undo_step(&mine).await;
            let failed = part.failure.is_some();
            end.absorb(part);
            if failed {
                break;
            }
        }
        end
    }

    /// Undoes changes of one step; they come last first.
    async fn undo_step(&self, mine: &[Made]) -> End {
        let began = Instant::now();
        let Some(path) = mine.first().map(|made| made.task.path.step()) else { return End::new() };
        // The undone step saw the results registered at its own time, not those of a later pass or step.
        let mut names = self.settings.past.names_at(&path);
        let entered = enter(self.run, &path, &names);
        let found = entered.as_ref().ok().and_then(Option::as_ref);
        if let Some(name) = found.and_then(|visit| visit.step.register.as_ref())
            && !self.settings.past.has_registered(&path, name)
        {
            // It was interrupted: a value that another pass registered under its name is not its result.
            Arc::make_mut(&mut names.registered).remove(name);
        }
        let mut targets: Vec<_> = mine.iter().map(|made| made.task.target.clone()).collect();
        targets.dedup();
        self.recorder().emit(EventKind::StepStarted {
            path: path.clone(),
            name: found.map_or_else(|| path.to_string(), |visit| visit.step.name.clone()),
            step: StepKind::Undo,
            place: found.map_or_else(String::new, |visit| visit.step.at.to_string()),
            budget_ms: None,
            targets,
        });
        self.undo_begins(&path, mine);
        let own = found.and_then(|visit| Some((visit, visit.step.undo.as_deref()?)));
        let end = match (own, &entered) {
            (Some((visit, steps)), _) => self.undo_by_steps(visit, steps, mine, &names).await,
            // Without the loop's element it is unknown what its `undo:` steps would do.
            (None, Err(failure)) if self.has_own_undo(&path) => End::failed(failure.clone()),
            (None, _) => self.inverse(found, mine, &names).await,
        };
        if end.failure.is_none() {
            self.undo_goes_on(Some(&path));
        }
        let failure = end.failure.as_ref().filter(|failure| !failure.recorded);
        self.recorder().emit(EventKind::StepFinished {
            path,
            outcome: end.outcome,
            took_ms: millis(began.elapsed()),
            attempts: 1,
            reason: None,
            failure: failure.map(|failure| match found {
                Some(visit) => self.recorded(visit.step, failure),
                None => failure.as_recorded(),
            }),
        });
        end
    }

    fn has_own_undo(&self, path: &Path) -> bool {
        self.run.playbook.steps().iter().any(|step| step.id == path.id() && step.undo.is_some())
    }

    /// Undoes changes by the step's `undo:` steps: once for the step, or once for each pass of its loop that changed something.
    async fn undo_by_steps(&self, visit: &StepVisit<'_>, steps: &[Step], mine: &[Made], names: &Names) -> End {
        let mut passes: Vec<Path> = Vec::new();
        for made in mine {
            if !passes.contains(&made.task.path) {
                passes.push(made.task.path.clone());
            }
        }
        let mut end = End::new();
        for pass in passes {
            let element = match self.element_of(visit, &pass, names) {
                Ok(element) => element,
                Err(failure) => return End::failed(failure),
            };
            let mut environment = visit.environment.with(&visit.step.vars);
            environment.aim(visit.step.target.as_ref());
            let mut changed_on: Vec<Target> = Vec::new();
            for made in mine.iter().rev().filter(|made| made.task.path == pass) {
                if !changed_on.contains(&made.task.target) {
                    changed_on.push(made.task.target.clone());
                }
            }
            environment.changed_on = Some(changed_on);
            if element.is_some() {
                environment.element = element;
            }
            let outer = (visit.step.id.as_str(), &pass);
            let cursor = Cursor::over(Mode::Execute(self.run), &self.settings.tags, steps, outer, environment)
                .with_names(names.clone())
                .going_on(self.settings.past.reached(), self.settings.past.entered());
            let (part, _) = self.drive(cursor).await;
            if part.failure.is_some() {
                end.absorb(part);
                return end;
            }
            mine.iter().filter(|made| made.task.path == pass).for_each(|made| self.undone(made));
            end.absorb(End::well(Outcome::Changed));
        }
        end
    }

    /// The element of a step's own loop in one of its passes.
    fn element_of(&self, visit: &StepVisit<'_>, pass: &Path, names: &Names) -> Result<Option<Element>, Failure> {
        if pass.item().is_none() {
            return Ok(None);
        }
        let tasks = prepare(self.run, visit, names, &self.ports.world).map_err(Failure::from)?.tasks;
        let task = tasks.into_iter().find(|task| task.id.path == *pass && task.id.path.agrees_with(pass));
        task.map(|task| task.element).ok_or_else(|| changed(pass))
    }

    pub(super) fn undone(&self, made: &Made) {
        self.ledger().remove(made.number);
        let (task, number) = (made.task.clone(), made.number);
        self.recorder().emit(EventKind::Undone { task, number });
    }
}
