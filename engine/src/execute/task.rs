//! A step's tasks: side by side, each with its attempts, its result and its failure.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{End, Executor, outcome_of, retry};
use crate::event::{EventKind, Outcome, RecordedFailure};
use crate::failure::{Failure, FailureClass};
use crate::playbook::{OnUnreachable, Retry, Step, StepKind};
use crate::record::millis;
use crate::run::{Environment, Names, Task, prepare};
use crate::slug::slug;
use crate::source::Node;
use crate::template;

/// How a task ended.
struct TaskEnd {
    outcome: Outcome,
    attempts: u32,
    result: Value,
    failure: Option<Failure>,
}

impl Executor<'_> {
    /// Executes a step that names a module; gives how it ended and the most attempts a task needed.
    pub(super) async fn module(
        &self,
        step: &Step,
        environment: &Environment<'_>,
        names: &mut Names,
        unmet: &BTreeSet<String>,
    ) -> (End, u32) {
        let prepared = match prepare(self.run, step, environment, names, &self.ports.world) {
            Ok(prepared) => prepared,
            // In a phase that checks everything, what needs the result of a failed check cannot be checked.
            Err(_) if !unmet.is_empty() && crate::run::mentions_any(step, unmet) => return (End::new(), 0),
            Err(unrendered) => return (self.refuse(&step.id, unrendered.into()), 0),
        };
        if prepared.tasks.is_empty() {
            if let Some(name) = &step.register {
                names.registered.insert(name.clone(), json!({"skipped": true}));
            }
            return (End::new(), 0);
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
            end.absorb(End { outcome: task.outcome, failure: task.failure });
        }
        if let Some(name) = step.register.as_ref().filter(|_| end.failure.is_none()) {
            let value = if prepared.plural { Value::Array(results) } else { results.pop().unwrap_or_default() };
            names.registered.insert(name.clone(), value.clone());
            let value = self.shown(step.secret, value);
            self.recorder().emit(EventKind::Registered { name: name.clone(), value });
        }
        (end, attempts)
    }

    /// A failure that no task has: of a step that cannot even be prepared, or of taking one back. It is said in a notice.
    pub(super) fn refuse(&self, step: &str, failure: Failure) -> End {
        let mut message = match &failure.at {
            Some(at) => format!("{step}: {at}: {failure}"),
            None => format!("{step}: {failure}"),
        };
        if let Some(help) = &failure.help {
            message += &format!("\n  {help}");
        }
        self.recorder().emit(EventKind::Notice { message });
        End::failed(failure)
    }

    async fn task(&self, step: &Step, task: &Task) -> TaskEnd {
        let began = Instant::now();
        let mut end = self.attempts(step, task).await;
        let unreachable = end.failure.as_ref().is_some_and(|failure| failure.class == FailureClass::Unreachable);
        let recorded = end.failure.as_ref().map(|failure| self.recorded(step, failure));
        if unreachable && step.on_unreachable == OnUnreachable::Skip {
            let message = format!("{} is unreachable and left out of: {}", task.id.target, step.name);
            self.recorder().emit(EventKind::Notice { message });
            end = TaskEnd { outcome: Outcome::Skipped, failure: None, ..end };
        }
        let result = (end.failure.is_none() && step.register.is_some()).then(|| end.result.clone());
        self.recorder().emit(EventKind::TaskFinished {
            task: task.id.clone(),
            outcome: end.outcome,
            attempts: end.attempts,
            took_ms: millis(began.elapsed()),
            result: result.map(|result| self.shown(step.secret, result)),
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
            result: Value::Null,
            failure: Some(failure),
        };
        loop {
            attempt += 1;
            self.recorder().emit(EventKind::TaskStarted { task: task.id.clone(), attempt });
            let failure = match self.attempt(step, task, &mut changed).await {
                Ok(result) => match self.until(step, task, &result) {
                    Ok(true) => {
                        let outcome = if changed { Outcome::Changed } else { Outcome::InSync };
                        return TaskEnd { outcome, attempts: attempt, result, failure: None };
                    }
                    Ok(false) => {
                        let until = step.until.as_ref().map(|until| until.at.text().trim()).unwrap_or_default();
                        Failure::failed(format!("`until` does not hold: {until}"))
                    }
                    Err(failure) => failure,
                },
                Err(failure) => failure,
            };
            // A step that says only `until` is looked at again until its time runs out.
            let polling = step.until.is_some() && step.retry.is_none();
            let more = if polling { began.elapsed() < task.timeout } else { attempt < policy.attempts };
            if !more || !retry::worth_it(failure.class) {
                return failed(attempt, failure);
            }
            let delay = retry::delay(policy, attempt, retry::luck(self.settings.seed, &task.id, attempt));
            let delay = if polling { policy.delay.0 } else { delay };
            if policy.max_elapsed.is_some_and(|most| began.elapsed() + delay > most.0) {
                let help = "no further attempt: `max_elapsed` would be exceeded";
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
    fn until(&self, step: &Step, task: &Task, result: &Value) -> Result<bool, Failure> {
        let Some(until) = &step.until else { return Ok(true) };
        let mut scope = task.scope.clone();
        for name in step.register.iter().map(String::as_str).chain(["result"]) {
            scope.set(name, result.clone());
        }
        Ok(template::condition(until, &scope)?)
    }

    /// A failure with its place in the playbook.
    fn recorded(&self, step: &Step, failure: &Failure) -> RecordedFailure {
        let params = match &step.kind {
            StepKind::Module { params, .. } => Some(params),
            _ => None,
        };
        let pointed = |params: &Node| failure.pointer.as_deref().map(|pointer| params.deepest(pointer).at.clone());
        let at = failure.at.clone().or_else(|| params.and_then(pointed)).unwrap_or_else(|| step.at.clone());
        RecordedFailure {
            class: failure.class,
            message: failure.message.clone(),
            details: failure.details.clone(),
            help: failure.help.clone(),
            place: Some(at.to_string()),
        }
    }

    /// Whether a step is the one that is made to fail.
    pub(super) fn made_to_fail(&self, step: &Step) -> bool {
        let Some(wanted) = &self.settings.fail else { return false };
        let last = step.id.rsplit('/').next().unwrap_or_default();
        *wanted == step.id || wanted == last || slug(wanted) == slug(&step.name)
    }
}
