//! Takes a run back: its journal backwards, each change by the actions that were recorded with it, or by the step's own
//! `undo` steps. What cannot be taken back is said, not guessed, and nothing before it is touched. How the recorded actions
//! are carried out is in `inverse`.

use tokio::time::Instant;

use super::{End, Ending, Executor, Ports, Settings};
use crate::event::{Event, EventKind, Outcome, PlannedPhase, TaskId};
use crate::failure::{Failure, FailureClass};
use crate::module::{Change, Class};
use crate::playbook::{Phase, Playbook, Step, StepKind};
use crate::record::millis;
use crate::run::{Names, Run, surroundings};

/// A change that a run has made and that was not taken back yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Made {
    /// The task that made it.
    pub task: TaskId,
    /// The change.
    pub change: Change,
    /// Whether it was made to its end; if not, the run was interrupted in it.
    pub complete: bool,
}

/// The changes that still stand, in the order they were made.
pub fn made(events: &[Event]) -> Vec<Made> {
    let mut found: Vec<Made> = Vec::new();
    let mut undoing = false;
    for event in events {
        match &event.kind {
            EventKind::RunStarted { verb, .. } => undoing = verb == "undo",
            // What `undo:` steps have changed is not taken back again.
            EventKind::Applying { .. } | EventKind::Applied { .. } if undoing => {}
            EventKind::Applying { task, change } if change.class != Class::Transient => {
                // Begun again after its outcome was not known. What takes it back is what was recorded before it was begun
                // for the first time.
                let again = |made: &Made| !made.complete && made.task == *task && made.change.summary == change.summary;
                if !found.iter().any(again) {
                    found.push(Made { task: task.clone(), change: change.clone(), complete: false });
                }
            }
            EventKind::Applied { task, summary } => {
                let mine = |made: &&mut Made| made.task == *task && made.change.summary == *summary;
                if let Some(made) = found.iter_mut().rev().find(mine) {
                    made.complete = true;
                }
            }
            EventKind::Undone { task, summary } => {
                let mine = |made: &Made| made.task == *task && made.change.summary == *summary;
                if let Some(at) = found.iter().rposition(mine) {
                    found.remove(at);
                }
            }
            _ => {}
        }
    }
    found
}

/// The phase without a way back that a run has done something of.
fn passed<'a>(playbook: &'a Playbook, events: &[Event]) -> Option<&'a Phase> {
    let done = |step: &Step| {
        !matches!(step.kind, StepKind::Block { .. })
            && events.iter().any(|event| match &event.kind {
                EventKind::StepFinished { step: id, outcome: Outcome::InSync | Outcome::Changed, .. } => *id == step.id,
                EventKind::Applying { task, change } => task.step == step.id && change.class != Class::Transient,
                _ => false,
            })
    };
    playbook.phases.iter().find(|phase| phase.point_of_no_return && phase.all_steps().into_iter().any(done))
}

/// Takes a run back. Exit code 7 if all of it was, 8 if something failed, 3 if something cannot be taken back: nothing can
/// once a step of a phase with `point_of_no_return` is done.
pub async fn undo(run: &Run, ports: &Ports, settings: &Settings, events: &[Event]) -> Ending {
    let phase = PlannedPhase { name: "Take back".to_owned(), budget_ms: None, point_of_no_return: false };
    let executor = Executor::begin(run, ports, settings, vec![phase.clone()]);
    let (index, name, budget_ms) = (1, phase.name, None);
    executor.recorder().emit(EventKind::PhaseStarted {
        index,
        count: 1,
        name: name.clone(),
        budget_ms,
        point_of_no_return: false,
    });
    let mut names = Names { registered: settings.past.registered(), ..Names::default() };
    let mut left = made(events);
    let mut end = match passed(&run.playbook, events) {
        Some(phase) => {
            let words = format!("the run has passed its point of no return (`{}`): nothing is taken back", phase.name);
            let help =
                "what has been written since then would be lost; go forward, or move back with a playbook of its own";
            let failure = Failure::blocked(words).help(help);
            executor.cannot(&failure);
            End::failed(failure)
        }
        None => End::new(),
    };
    while end.failure.is_none()
        && let Some(step) = left.last().map(|made| made.task.step.clone())
    {
        // A step's changes, the last first. Steps ran one after the other, so they stand together.
        let from = left.iter().rposition(|made| made.task.step != step).map_or(0, |at| at + 1);
        let mine: Vec<Made> = left.split_off(from).into_iter().rev().collect();
        let part = executor.take_back(&step, &mine, &mut names).await;
        let failed = part.failure.is_some();
        end.absorb(part);
        if failed {
            left.extend(mine.into_iter().rev());
            break;
        }
    }
    let class = end.failure.as_ref().map(|failure| failure.class);
    let exit_code = match class {
        None => 7,
        Some(FailureClass::Stopped) => 5,
        Some(FailureClass::Blocked) => 3,
        Some(_) => 8,
    };
    let standing = left.iter().map(|made| format!("{}: {}", made.task.target, made.change.summary)).collect();
    let took_ms = executor.recorder().elapsed_ms();
    let outcome = end.outcome;
    executor.recorder().emit(EventKind::PhaseFinished { index, name, outcome, took_ms, budget_ms });
    executor.recorder().emit(EventKind::RunFinished { outcome: end.outcome, exit_code, took_ms, standing });
    let failure = end.failure.map(|failure| executor.recorder().shown(failure));
    Ending { outcome: end.outcome, exit_code, failure }
}

impl Executor<'_> {
    /// Takes the changes of a step back; they come last first.
    async fn take_back(&self, id: &str, mine: &[Made], names: &mut Names) -> End {
        let began = Instant::now();
        let found = surroundings(&self.run.playbook, id);
        let (title, place) = match &found {
            Some((step, _)) => (step.name.clone(), step.at.to_string()),
            None => (id.to_owned(), String::new()),
        };
        let mut targets: Vec<_> = mine.iter().map(|made| made.task.target.clone()).collect();
        targets.dedup();
        self.recorder().emit(EventKind::StepStarted {
            step: id.to_owned(),
            name: format!("Take back: {title}"),
            module: "undo".to_owned(),
            place,
            budget_ms: None,
            targets,
        });
        let own = found.as_ref().and_then(|(step, environment)| Some((step.undo.as_ref()?, environment, *step)));
        let end = match own {
            Some((steps, environment, step)) => {
                let mut inner = environment.with(&step.vars);
                inner.target = step.target.as_ref().or(inner.target);
                let end = self.steps(steps, &inner, names, false).await;
                match end.failure {
                    Some(_) => end,
                    None => {
                        mine.iter().for_each(|made| self.undone(made));
                        End { outcome: Outcome::Changed, failure: None }
                    }
                }
            }
            None => {
                let end = self.inverse(found.as_ref(), mine, names).await;
                end.failure.iter().for_each(|failure| self.cannot(failure));
                end
            }
        };
        let took_ms = millis(began.elapsed());
        let outcome = end.outcome;
        let finished = EventKind::StepFinished { step: id.to_owned(), outcome, took_ms, attempts: 1, reason: None };
        self.recorder().emit(finished);
        end
    }

    /// Says why something is not taken back, line by line.
    fn cannot(&self, failure: &Failure) {
        let help = failure.help.iter().map(|help| format!("help: {help}"));
        for message in std::iter::once(failure.message.clone()).chain(failure.details.clone()).chain(help) {
            self.recorder().emit(EventKind::Notice { message });
        }
    }

    pub(super) fn undone(&self, made: &Made) {
        let (task, summary) = (made.task.clone(), made.change.summary.clone());
        self.recorder().emit(EventKind::Undone { task, summary });
    }
}
