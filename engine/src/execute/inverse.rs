//! Carries out the actions that were recorded to undo changes. A request that an API server refuses, and a place that cannot
//! be reached, are retried for a while: what was undone before may take its time (pods that terminate, claims that are deleted).
//! A change that its module would make again counts as undone, so that an interrupted undo can be repeated.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use super::backoff::Backoff;
use super::{Executor, Made};
use crate::action::Action;
use crate::event::{EventKind, Outcome};
use crate::failure::{Failure, FailureClass, Passing};
use crate::module::{Diff, Waiting};
use crate::record::millis;
use crate::task::TaskId;
use crate::text;
use crate::walk::{End, Names, StepVisit, prepare};
use crate::world::Caller;

/// The time that one action of an undo may take.
const TIMEOUT: Duration = Duration::from_secs(600);
/// How long a failed action that may still succeed is retried.
const PATIENCE: Duration = Duration::from_secs(120);

impl Executor<'_> {
    /// Undoes the changes of a step, its tasks in parallel; the changes come last first.
    pub(super) async fn inverse(&self, around: Option<&StepVisit<'_>>, mine: &[Made], names: &Names) -> End {
        let (mut stuck, mut mine) = (Vec::new(), mine.to_vec());
        for made in mine.iter().filter(|made| made.change.undo.is_none()) {
            if made.complete || !self.is_wanted_again(around, made, names).await {
                stuck.push(text!(
                    "engine.stuck-change",
                    "{target}: {summary}",
                    target = &made.task.target,
                    summary = &made.change.summary
                ));
            }
        }
        if !stuck.is_empty() {
            let words = text!("engine.stuck", "this cannot be undone by itself, so nothing before it is touched");
            let failure = Failure::blocked(words).details(stuck).help(text!(
                "engine.stuck.help",
                "undo it by hand, or give the step `undo:` steps (an empty list if there is nothing to do)"
            ));
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

    /// Undoes one task's changes.
    async fn inverse_of(&self, around: Option<&StepVisit<'_>>, mine: &[Made], names: &Names) -> End {
        for made in mine {
            if let Err(failure) = self.back(around, made, names).await {
                return End::failed(failure);
            }
            self.undone(made);
        }
        End::well(Outcome::Changed)
    }

    /// Undoes one change.
    async fn back(&self, around: Option<&StepVisit<'_>>, made: &Made, names: &Names) -> Result<(), Failure> {
        let summary = &made.change.summary;
        if !made.lacks.is_empty() {
            let names = made.lacks.join(", ");
            let message = text!(
                "engine.undo-secret",
                "this needs secrets that are missing, or are not what they were ({names}): {summary}",
                names,
                summary
            );
            let help = text!(
                "engine.undo-secret.help",
                "pass a secret parameter again with -e, let the inventory find its secrets, or undo it by hand"
            );
            return Err(Failure::failed(message).help(help));
        }
        let patience = Instant::now() + PATIENCE;
        let mut backoff = Backoff::new();
        for (index, action) in made.change.undo.iter().flatten().enumerate() {
            loop {
                self.ports.stop.check()?;
                let began = Instant::now();
                let work = self.act(action, Caller::change(made.task.clone(), &made.change.key, true));
                let acted = self.ports.stop.changing(began + TIMEOUT, work).await;
                let failure = match acted.and_then(|acted| acted) {
                    Ok(done) => {
                        self.recorder().emit(EventKind::Acted {
                            task: made.task.clone(),
                            number: made.number,
                            action: index,
                            undo: true,
                            done,
                            took_ms: millis(began.elapsed()),
                        });
                        break;
                    }
                    Err(failure) => failure,
                };
                if failure.class == FailureClass::Stopped {
                    return Err(failure);
                }
                // The action fails if an earlier, interrupted undo has carried it out already.
                if self.is_wanted_again(around, made, names).await {
                    return Ok(());
                }
                if !may_succeed(action, &failure) || Instant::now() + backoff.pause() > patience {
                    let message = text!(
                        "engine.undo-failed",
                        "{target}: could not undo: {summary}",
                        target = &made.task.target,
                        summary
                    );
                    let details = [vec![failure.message.clone()], failure.details.clone()].concat();
                    return Err(Failure { message, details, ..failure });
                }
                let why = text!(
                    "engine.undo-waits",
                    "cannot undo it yet: {summary}: {why}",
                    summary,
                    why = failure.to_string()
                );
                let waiting = Waiting { why, progress: None };
                self.recorder().emit(EventKind::Waiting { task: made.task.clone(), waiting });
                let after = failure.passing.map_or(Duration::ZERO, Passing::after);
                self.ports.stop.sleep(backoff.pause().max(after), patience).await?;
                backoff.grow();
            }
        }
        Ok(())
    }

    /// Whether the step would make this very change again as things are: then it no longer stands, or never did.
    async fn is_wanted_again(&self, around: Option<&StepVisit<'_>>, made: &Made, names: &Names) -> bool {
        // Without the step, its task or its parameters there is no evidence, and the failure counts.
        let Some(visit) = around else { return false };
        let prepared = prepare(self.run, visit, names, &self.ports.world);
        let task = prepared.ok().and_then(|prepared| prepared.tasks.into_iter().find(|task| task.id == made.task));
        let Some(task) = task else { return false };
        let Ok(bound) = task.bind(visit.step, self.ports.registry) else { return false };
        let looked = self.ports.stop.reading(Instant::now() + TIMEOUT, bound.look(&task.context)).await;
        match looked.and_then(|looked| looked) {
            Ok(probed) => match probed.diff {
                Diff::Change(changes) => changes.iter().any(|change| change.key == made.change.key),
                // A `Run` diff asks for its changes whatever the world is like, so it proves nothing.
                Diff::Run(_) | Diff::InSync | Diff::Waiting(_) | Diff::Blocked(_) => false,
            },
            Err(_) => false,
        }
    }
}

/// Whether a failed action may succeed a little later. A command that ran and failed is not retried: it would fail again.
fn may_succeed(action: &Action, failure: &Failure) -> bool {
    match failure.class {
        FailureClass::Unreachable | FailureClass::OutcomeUnknown => true,
        FailureClass::Failed => matches!(action, Action::Request(_)),
        _ => false,
    }
}
