//! A step's tasks, in parallel, each with its attempts, its result and its failure.

use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::Value;
use tokio::time::Instant;

use super::attempt::RESULT_LOST;
use super::drive::left_out;
use super::{Executor, retry};
use crate::event::{EventKind, Outcome};
use crate::failure::{Failure, FailureClass, RecordedFailure};
use crate::path::Path;
use crate::playbook::{OnUnreachable, Retry, Step, StepKind};
use crate::record::millis;
use crate::source::{Location, Node};
use crate::text::Text;
use crate::walk::{End, Names, StepVisit, Task, outcome_of, prepare};
use crate::{template, text};

/// How a task ended.
struct TaskEnd {
    outcome: Outcome,
    attempts: u32,
    /// The result that `register` stores; `None` if it is secret and was not recorded.
    result: Option<Value>,
    failure: Option<Failure>,
}

impl Executor<'_> {
    /// Executes a step that names a module; returns how it ended, the most attempts that a task needed, and why there was
    /// nothing to do.
    pub(super) async fn module(&self, visit: &StepVisit<'_>, names: &mut Names) -> (End, u32, Option<Text>) {
        let step = visit.step;
        let prepared = match prepare(self.run, visit, names, &self.ports.world) {
            Ok(prepared) => prepared,
            Err(unrendered) => return (End::failed(unrendered.into()), 0, None),
        };
        if let Err(failure) = self.same_elements(&prepared.tasks) {
            return (End::failed(failure), 0, None);
        }
        if prepared.tasks.is_empty() {
            self.register_skipped(step, &visit.path, names);
            return (End::new(), 0, Some(left_out(step)));
        }
        if let Err(failure) = self.begin_outage(visit, names).await {
            return (End::failed(failure), 0, None);
        }
        let mut ends = Vec::new();
        let width = step.serial.unwrap_or(prepared.tasks.len()).max(1);
        for batch in prepared.tasks.chunks(width) {
            ends.extend(join_all(batch.iter().map(|task| self.task(step, task))).await);
            if ends.iter().any(|end| end.failure.is_some()) {
                break;
            }
        }
        let attempts = ends.iter().map(|end| end.attempts).max().unwrap_or(0);
        let (mut end, mut results) = (End::new(), Vec::new());
        for task in ends {
            results.push(task.result);
            end.absorb(End::of(task.outcome, task.failure));
        }
        if let Some(name) = step.register.as_ref().filter(|_| end.failure.is_none()) {
            self.register(step, name, &visit.path, results, prepared.plural, names);
        }
        (end, attempts, None)
    }

    /// Registers the results of a step's tasks. A secret one from an earlier execution is missing: it was not recorded.
    fn register(
        &self,
        step: &Step,
        name: &str,
        path: &Path,
        mut results: Vec<Option<Value>>,
        plural: bool,
        names: &mut Names,
    ) {
        let known: Option<Vec<Value>> = match plural {
            true => results.into_iter().collect(),
            false => results.pop().unwrap_or_default().map(|result| vec![result]),
        };
        let value = match (known, plural) {
            (Some(known), true) => Value::Array(known),
            (Some(mut known), false) => known.pop().unwrap_or_default(),
            (None, _) => {
                names.withheld.insert(name.to_owned(), path.clone());
                return self.registered(path, name, Value::Null, true);
            }
        };
        names.withheld.remove(name);
        Arc::make_mut(&mut names.registered).insert(name.to_owned(), value.clone());
        self.registered(path, name, if step.secret { Value::Null } else { value }, step.secret);
    }

    async fn task(&self, step: &Step, task: &Task) -> TaskEnd {
        if let Some(finished) = self.settings.past.task(&task.id) {
            // Its recorded result is used, and its changes are not made again.
            return TaskEnd { outcome: finished.outcome, attempts: 0, result: finished.result.clone(), failure: None };
        }
        let began = Instant::now();
        let mut end = self.attempts(step, task).await;
        let unreachable = end.failure.as_ref().is_some_and(|failure| failure.class == FailureClass::Unreachable);
        let recorded = end.failure.as_ref().map(|failure| self.recorded(step, failure));
        // The failure goes up to the step and the run, which must not record it again.
        if let Some(failure) = &mut end.failure {
            failure.recorded = true;
        }
        if unreachable && step.on_unreachable == OnUnreachable::Skip {
            let message = text!(
                "engine.left-out-unreachable",
                "{target} is unreachable and left out of: {step}",
                target = &task.id.target,
                step = &step.name
            );
            self.recorder().emit(EventKind::Notice { message });
            end = TaskEnd { outcome: Outcome::Skipped, failure: None, ..end };
        }
        let result = end.result.clone().filter(|_| end.failure.is_none() && step.register.is_some() && !step.secret);
        self.recorder().emit(EventKind::TaskFinished {
            task: task.id.clone(),
            outcome: end.outcome,
            attempts: end.attempts,
            took_ms: millis(began.elapsed()),
            result,
            failure: recorded,
        });
        end
    }

    async fn attempts(&self, step: &Step, task: &Task) -> TaskEnd {
        let once = Retry { attempts: 1, ..Retry::default() };
        let policy = step.retry.as_ref().unwrap_or(&once);
        let (began, mut attempt, mut changed) = (Instant::now(), 0, false);
        let failed = |attempts, failure: Failure| TaskEnd {
            outcome: outcome_of(failure.class),
            attempts,
            result: Some(Value::Null),
            failure: Some(failure),
        };
        loop {
            attempt += 1;
            self.recorder().emit(EventKind::TaskStarted { task: task.id.clone(), attempt });
            let tried = self.attempt(step, task, &mut changed).await;
            self.settle(&task.id, tried.as_ref().err().map(|failure| failure.class));
            let failure = match tried {
                // Nobody knows the result of what a person declared done, so `until` cannot be asked either.
                Ok(None) => {
                    return TaskEnd { outcome: Outcome::Changed, attempts: attempt, result: None, failure: None };
                }
                Ok(Some(result)) => match self.until(step, task, &result) {
                    Ok(true) => {
                        let outcome = if changed { Outcome::Changed } else { Outcome::InSync };
                        return TaskEnd { outcome, attempts: attempt, result: Some(result), failure: None };
                    }
                    Ok(false) => {
                        let until = step.until.as_ref().map(|until| until.at.text().trim()).unwrap_or_default();
                        Failure::failed(text!("engine.until", "`until` does not hold: {until}", until))
                    }
                    Err(failure) => failure,
                },
                Err(failure) => failure,
            };
            // A step with `until` and no `retry` is probed again until its time runs out.
            let polling = step.until.is_some() && step.retry.is_none();
            let more = if polling { began.elapsed() < task.timeout } else { attempt < policy.attempts };
            // A change that was made, or may have been made, must not be repeated by a retry.
            let is_lost = failure.message.id() == Some(RESULT_LOST);
            if !more || is_lost || !retry::worth_it(failure.class) || self.is_in_doubt(&task.id) {
                return failed(attempt, failure);
            }
            let delay = retry::delay(policy, attempt, retry::luck(self.settings.seed, &task.id, attempt));
            let delay = if polling { policy.delay.0 } else { delay };
            if policy.max_elapsed.is_some_and(|most| began.elapsed() + delay > most.0) {
                let help = text!("engine.max-elapsed", "no further attempt: `max_elapsed` would be exceeded");
                return failed(attempt, if failure.help.is_none() { failure.help(help) } else { failure });
            }
            self.recorder().emit(EventKind::Retrying {
                task: task.id.clone(),
                attempt,
                attempts: policy.attempts.max(attempt + 1),
                delay_ms: millis(delay),
                message: failure.message.clone(),
            });
            if let Err(stopped) = self.ports.stop.sleep(delay, Instant::now() + delay).await {
                return failed(attempt, stopped);
            }
        }
    }

    /// Whether a result satisfies the step's `until`.
    pub(super) fn until(&self, step: &Step, task: &Task, result: &Value) -> Result<bool, Failure> {
        let Some(until) = &step.until else { return Ok(true) };
        let mut scope = task.scope.clone();
        for name in step.register.iter().map(String::as_str).chain(["result"]) {
            scope.set(name, result.clone());
        }
        Ok(template::condition(until, &scope)?)
    }

    /// A failure with its place in the playbook.
    pub(super) fn recorded(&self, step: &Step, failure: &Failure) -> RecordedFailure {
        RecordedFailure { place: Some(place(step, failure).to_string()), ..failure.as_recorded() }
    }
}

/// The place in the playbook that a failure of a step points to.
pub(crate) fn place(step: &Step, failure: &Failure) -> Location {
    let params = match &step.kind {
        StepKind::Module { params, .. } => Some(params),
        _ => None,
    };
    let pointed = |params: &Node| failure.pointer.as_deref().map(|pointer| params.deepest(pointer).at.clone());
    failure.at.clone().or_else(|| params.and_then(pointed)).unwrap_or_else(|| step.at.clone())
}
