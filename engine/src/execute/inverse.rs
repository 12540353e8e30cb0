//! Carries out the actions that were recorded to take changes back. A request that an API server refuses, and a place that
//! cannot be reached, are tried for a while: what was taken back before may take its time (pods that end, claims that are
//! deleted). A change that its module wants to make again counts as taken back: so a broken undo can be repeated.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use super::undo::Made;
use super::{End, Executor, act};
use crate::action::Action;
use crate::event::{EventKind, Outcome, TaskId};
use crate::failure::{Failure, FailureClass};
use crate::module::{Change, Diff, Waiting};
use crate::playbook::{Step, StepKind};
use crate::record::millis;
use crate::run::{Environment, Names, prepare};
use crate::template;

/// The time that one action of an undo may take.
const TIMEOUT: Duration = Duration::from_secs(600);
/// How long an action is tried again that may still succeed.
const PATIENCE: Duration = Duration::from_secs(120);
/// The shortest and the longest time between two tries.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(5));

/// A step and what surrounds it.
type Around<'a> = (&'a Step, Environment<'a>);

impl Executor<'_> {
    /// Takes the changes of a step back, those of its tasks side by side; they come last first.
    pub(super) async fn inverse(&self, around: Option<&Around<'_>>, mine: &[Made], names: &Names) -> End {
        let (mut stuck, mut mine) = (Vec::new(), mine.to_vec());
        for made in mine.iter().filter(|made| made.change.undo.is_none()) {
            if made.complete || !self.is_wanted_again(around, made, names).await {
                stuck.push(format!("{}: {}", made.task.target, made.change.summary));
            }
        }
        if !stuck.is_empty() {
            let failure = Failure::blocked("this cannot be taken back by itself, so nothing before it is touched")
                .details(stuck)
                .help("take it back by hand, or give the step `undo:` steps (an empty list if there is nothing to do)");
            return End::failed(failure);
        }
        let mut tasks: Vec<TaskId> = Vec::new();
        for made in &mine {
            if !tasks.contains(&made.task) {
                tasks.push(made.task.clone());
            }
        }
        let mut take = |task: &TaskId| mine.extract_if(.., |made| made.task == *task).collect::<Vec<_>>();
        let lists: Vec<Vec<Made>> = tasks.iter().map(&mut take).collect();
        let ends = join_all(lists.iter().map(|list| self.inverse_of(around, list, names))).await;
        let mut end = End::new();
        ends.into_iter().for_each(|part| end.absorb(part));
        end
    }

    /// Takes one task's changes back.
    async fn inverse_of(&self, around: Option<&Around<'_>>, mine: &[Made], names: &Names) -> End {
        for made in mine {
            if let Err(failure) = self.back(around, made, names).await {
                return End::failed(failure);
            }
            self.undone(made);
        }
        End { outcome: Outcome::Changed, failure: None }
    }

    /// Takes one change back.
    async fn back(&self, around: Option<&Around<'_>>, made: &Made, names: &Names) -> Result<(), Failure> {
        let summary = &made.change.summary;
        if hides_secret(&made.change) {
            let message = format!("the journal keeps no secrets, and this needs one: {summary}");
            return Err(Failure::failed(message).help("take it back by hand"));
        }
        let patience = Instant::now() + PATIENCE;
        let mut pause = PAUSES.0;
        for action in made.change.undo.iter().flatten() {
            loop {
                self.ports.stop.check()?;
                let began = Instant::now();
                let work = act(self.ports.world.as_ref(), action);
                let acted = self.ports.stop.changing(began + TIMEOUT, work).await;
                let failure = match acted.and_then(|acted| acted) {
                    Ok(done) => {
                        let (task, action) = (made.task.clone(), action.clone());
                        let took_ms = millis(began.elapsed());
                        self.recorder().emit(EventKind::Acted { task, action, done, took_ms });
                        break;
                    }
                    Err(failure) => failure,
                };
                if failure.class == FailureClass::Stopped {
                    return Err(failure);
                }
                if self.is_wanted_again(around, made, names).await {
                    return Ok(());
                }
                if !may_succeed(action, &failure) || Instant::now() + pause > patience {
                    let message = format!("{}: could not take back: {summary}", made.task.target);
                    let details = [vec![failure.message.clone()], failure.details.clone()].concat();
                    return Err(Failure { message, details, ..failure });
                }
                let why = format!("cannot take it back yet: {summary}: {failure}");
                let waiting = Waiting { why, progress: None };
                self.recorder().emit(EventKind::Waiting { task: made.task.clone(), waiting });
                self.ports.stop.sleep(pause, patience).await?;
                pause = (pause * 3 / 2).min(PAUSES.1);
            }
        }
        Ok(())
    }

    /// Whether the step would make the very change again as the world is now: then it does not stand any more, or never did.
    async fn is_wanted_again(&self, around: Option<&Around<'_>>, made: &Made, names: &Names) -> bool {
        let Some((step, environment)) = around else { return false };
        let StepKind::Module { module, params, .. } = &step.kind else { return false };
        let prepared = prepare(self.run, step, environment, names, &self.ports.world);
        let task = prepared.ok().and_then(|prepared| prepared.tasks.into_iter().find(|task| task.id == made.task));
        let Some((task, module)) = task.zip(self.ports.registry.get(module)) else { return false };
        let Ok(bound) =
            template::render(params, &task.scope).map_err(Failure::from).and_then(|params| module.bind(params))
        else {
            return false;
        };
        let looked = self.ports.stop.reading(Instant::now() + TIMEOUT, bound.look(&task.context)).await;
        match looked.and_then(|looked| looked) {
            Ok(probed) => match probed.diff {
                Diff::Change(changes) | Diff::Run(changes) => {
                    changes.iter().any(|change| change.summary == made.change.summary)
                }
                Diff::InSync | Diff::Waiting(_) | Diff::Blocked(_) => false,
            },
            Err(_) => false,
        }
    }
}

/// Whether an action that failed may succeed a little later. A command that ended badly has its reasons.
fn may_succeed(action: &Action, failure: &Failure) -> bool {
    match failure.class {
        FailureClass::Unreachable | FailureClass::OutcomeUnknown => true,
        FailureClass::Failed => matches!(action, Action::Request(_)),
        _ => false,
    }
}

/// Whether the recorded actions have lost a secret.
fn hides_secret(change: &Change) -> bool {
    let text = serde_json::to_string(&change.undo).unwrap_or_default();
    text.contains(crate::redact::HIDDEN)
}
