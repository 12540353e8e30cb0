//! Takes a run back: its journal backwards, each change by the actions that were recorded with it, or by the step's own
//! `undo` steps. What cannot be taken back is said, not guessed, and nothing before it is touched.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use super::{End, Ending, Executor, Ports, Settings, act, retry};
use crate::action::Action;
use crate::event::{Event, EventKind, Outcome, TaskId};
use crate::failure::{Failure, FailureClass};
use crate::module::{Change, Class, Waiting};
use crate::record::millis;
use crate::run::{Names, Run, surroundings};

/// The time that one action of an undo may take.
const TIMEOUT: Duration = Duration::from_secs(600);

/// For how long a failing action of an undo is tried again. What it needs may be on its way only: an object that is still being
/// deleted cannot be made again, and a file system that a pod which is ending still uses cannot be unmounted.
const PATIENCE: Duration = Duration::from_secs(180);

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
                found.push(Made { task: task.clone(), change: change.clone(), complete: false });
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

/// Takes a run back. Exit code 7 if all of it was, 8 if something failed, 3 if something cannot be taken back.
pub async fn undo(run: &Run, ports: &Ports, settings: &Settings, events: &[Event]) -> Ending {
    let executor = Executor::begin(run, ports, settings);
    let mut names = Names { registered: settings.past.registered(), ..Names::default() };
    let mut left = made(events);
    let mut end = End::new();
    while let Some(step) = left.last().map(|made| made.task.step.clone()) {
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
            None => self.inverse(mine).await,
        };
        let took_ms = millis(began.elapsed());
        let outcome = end.outcome;
        let finished = EventKind::StepFinished { step: id.to_owned(), outcome, took_ms, attempts: 1, reason: None };
        self.recorder().emit(finished);
        end
    }

    async fn inverse(&self, mine: &[Made]) -> End {
        let lines = mine.iter().filter(|made| made.change.undo.is_none());
        let stuck: Vec<String> = lines.map(|made| format!("{}: {}", made.task.target, made.change.summary)).collect();
        if !stuck.is_empty() {
            let failure = Failure::blocked("this cannot be taken back by itself, so nothing before it is touched")
                .details(stuck)
                .help("take it back by hand, or give the step `undo:` steps (an empty list if there is nothing to do)");
            self.cannot(&failure);
            return End::failed(failure);
        }
        let mut tasks: Vec<&TaskId> = Vec::new();
        for made in mine {
            if !tasks.contains(&&made.task) {
                tasks.push(&made.task);
            }
        }
        let of = |task: &TaskId| mine.iter().filter(|made| made.task == *task).cloned().collect::<Vec<_>>();
        let ends = join_all(tasks.into_iter().map(|task| self.inverse_of(of(task)))).await;
        let mut end = End::new();
        for part in ends {
            part.failure.iter().for_each(|failure| self.cannot(failure));
            end.absorb(part);
        }
        end
    }

    /// Says why something is not taken back, line by line.
    fn cannot(&self, failure: &Failure) {
        let help = failure.help.iter().map(|help| format!("help: {help}"));
        for message in std::iter::once(failure.message.clone()).chain(failure.details.clone()).chain(help) {
            self.recorder().emit(EventKind::Notice { message });
        }
    }

    /// Takes one task's changes back.
    async fn inverse_of(&self, mine: Vec<Made>) -> End {
        for made in mine {
            if hides_secret(&made.change) {
                let message = format!("the journal keeps no secrets, and this needs one: {}", made.change.summary);
                return End::failed(Failure::failed(message).help("take it back by hand"));
            }
            for action in made.change.undo.iter().flatten() {
                if let Err(failure) = self.patiently(&made.task, action).await {
                    let summary = &made.change.summary;
                    let message = format!("{}: could not take back: {summary}", made.task.target);
                    let details = [vec![failure.message.clone()], failure.details.clone()].concat();
                    return End::failed(Failure { message, details, ..failure });
                }
            }
            self.undone(&made);
        }
        End { outcome: Outcome::Changed, failure: None }
    }

    /// Carries out an action of an undo, again and again while it fails and there is patience left.
    async fn patiently(&self, task: &TaskId, action: &Action) -> Result<(), Failure> {
        let (start, mut delay, mut told) = (Instant::now(), Duration::from_millis(500), String::new());
        loop {
            self.ports.stop.check()?;
            let began = Instant::now();
            let work = act(self.ports.world.as_ref(), action);
            let failure = match self.ports.stop.changing(began + TIMEOUT, work).await.and_then(|acted| acted) {
                Ok(done) => {
                    let (task, action) = (task.clone(), action.clone());
                    let took_ms = millis(began.elapsed());
                    self.recorder().emit(EventKind::Acted { task, action, done, took_ms });
                    return Ok(());
                }
                Err(failure) => failure,
            };
            if !retry::worth_it(failure.class) || start.elapsed() >= PATIENCE {
                return Err(failure);
            }
            let why = failure.details.first().map_or_else(String::new, |detail| format!(" ({detail})"));
            let why = format!("{}{why}", failure.message);
            if why != told {
                told.clone_from(&why);
                let waiting = Waiting { why, progress: None };
                self.recorder().emit(EventKind::Waiting { task: task.clone(), waiting });
            }
            self.ports.stop.sleep(delay, start + PATIENCE).await?;
            delay = (delay * 2).min(Duration::from_secs(5));
        }
    }

    fn undone(&self, made: &Made) {
        let (task, summary) = (made.task.clone(), made.change.summary.clone());
        self.recorder().emit(EventKind::Undone { task, summary });
    }
}

/// Whether the recorded actions have lost a secret.
fn hides_secret(change: &Change) -> bool {
    let text = serde_json::to_string(&change.undo).unwrap_or_default();
    text.contains(crate::redact::HIDDEN)
}
