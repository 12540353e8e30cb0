//! What has to hold before the outage (`before_outage`) is looked at again right before it begins, because people wait at gates
//! for hours: each such step is probed and compared, and nothing is changed. A gate looks before it asks, and after the answer.

use futures_util::future::join_all;
use serde_json::Value;
use tokio::time::Instant;

use super::Executor;
use super::attempt::blocked;
use super::backoff::Backoff;
use super::patience::Patience;
use crate::event::{EventKind, Look};
use crate::execute::stop::stopped;
use crate::failure::{Failure, FailureClass};
use crate::module::{Change, Diff};
use crate::playbook::{BeforeOutage, Step, StepKind};
use crate::record::millis;
use crate::text;
use crate::text::Text;
use crate::walk::{Cursor, Decision, End, Mode, Names, StepVisit, Task, Visit, decide, prepare, title};

/// The most differences of a result that are reported.
const MOST_DIFFERENCES: usize = 5;

impl Executor<'_> {
    /// Looks again at every step before a gate that is marked so; fails with all that does not hold any more.
    pub(super) async fn look_again(&self, gate: &StepVisit<'_>, names: &Names, answered: bool) -> Result<(), Failure> {
        let began = Instant::now();
        let (mut looks, mut failures) = (Vec::new(), Vec::new());
        for visit in self.marked(gate, names) {
            for (look, failure) in self.look_at(&visit, names).await {
                if failure.as_ref().is_some_and(|failure| failure.class == FailureClass::Stopped) {
                    return Err(stopped());
                }
                failures.extend(failure.map(|failure| (line(&look, &failure), failure)));
                looks.push(look);
            }
        }
        if looks.is_empty() {
            return Ok(());
        }
        let (path, many, took_ms) = (gate.path.clone(), looks.len(), millis(began.elapsed()));
        self.recorder().durably(EventKind::LookedAgain { path, answered, looks, took_ms }).await?;
        if failures.is_empty() { Ok(()) } else { Err(refusal(failures, many)) }
    }

    /// The marked steps before a gate, as far as they run.
    fn marked(&self, gate: &StepVisit<'_>, names: &Names) -> Vec<StepVisit<'_>> {
        let mode = Mode::Plan(self.run);
        let mut cursor = Cursor::new(&self.run.playbook, mode, &self.settings.tags).with_names(names.clone());
        let mut marked = Vec::new();
        while let Some(visit) = cursor.next() {
            match visit {
                Visit::PhaseBegins { phase, environment, .. } => {
                    let decision = phase.when.as_ref().map(|when| decide(self.run, when, &environment, names));
                    if let Some(decision) = decision.filter(|decision| *decision != Decision::Run) {
                        cursor.skip_phase(decision);
                    }
                }
                Visit::Step(visit) if visit.path == gate.path => break,
                Visit::Step(visit) if matches!(visit.step.kind, StepKind::Block { .. }) => cursor.enter(),
                Visit::Step(visit) => {
                    let runs = !matches!(visit.decision, Decision::Skip(_));
                    if visit.step.before_outage.is_some() && runs && self.settings.past.left_out(&visit.path).is_none()
                    {
                        marked.push(visit);
                    }
                    cursor.ended(End::new());
                }
                Visit::PhaseEnds { .. }
                | Visit::SectionBegins { .. }
                | Visit::SectionEnds { .. }
                | Visit::BlockEnds { .. } => {}
            }
        }
        marked
    }

    /// Looks at a step on all its targets.
    async fn look_at(&self, visit: &StepVisit<'_>, names: &Names) -> Vec<(Look, Option<Failure>)> {
        let step = visit.step;
        let prepared = match &visit.decision {
            Decision::Fault(failure) => Err(failure.clone()),
            _ => prepare(self.run, visit, names, &self.ports.world).map_err(Failure::from),
        };
        let look = Look { path: visit.path.clone(), name: title(self.run, visit, names), target: None, failure: None };
        let prepared = match prepared {
            Ok(prepared) => prepared,
            Err(failure) => {
                let recorded = Some(self.recorded(step, &failure));
                return vec![(Look { failure: recorded, ..look }, Some(failure))];
            }
        };
        let wanted = step.register.as_ref().filter(|_| step.before_outage == Some(BeforeOutage::Same));
        let wanted = wanted.map(|name| names.registered.get(name).cloned().unwrap_or_default());
        // Of several tasks, each has its place in the list.
        let of_task = |index: usize| match &wanted {
            Some(Value::Array(all)) if prepared.plural => all.get(index).cloned().or(Some(Value::Null)),
            other => other.clone(),
        };
        let tasks = prepared.tasks.iter().enumerate();
        let looked = join_all(tasks.map(|(index, task)| self.look_once(step, task, of_task(index)))).await;
        let of = |(task, failure): (&Task, Option<Failure>)| {
            let recorded = failure.as_ref().map(|failure| self.recorded(step, failure));
            let (path, target) = (task.id.path.clone(), Some(task.id.target.clone()));
            (Look { path, target, failure: recorded, ..look.clone() }, failure)
        };
        prepared.tasks.iter().zip(looked).map(of).collect()
    }

    /// Looks at a task until it holds or its time runs out; returns what does not hold.
    async fn look_once(&self, step: &Step, task: &Task, wanted: Option<Value>) -> Option<Failure> {
        let found = match self.seen(step, task).await {
            Ok(found) => found,
            Err(failure) => return Some(failure),
        };
        let wanted = wanted.filter(|wanted| *wanted != found)?;
        let mut differences = Vec::new();
        compare("", &wanted, &found, &mut differences);
        let more = differences.len().saturating_sub(MOST_DIFFERENCES);
        differences.truncate(MOST_DIFFERENCES);
        differences
            .extend((more > 0).then(|| text!("engine.more-differences", "and {more} more differences", more = more)));
        let words = text!("engine.result-changed", "what it found is not what the run has worked with since");
        Some(Failure::blocked(words).details(differences))
    }

    async fn seen(&self, step: &Step, task: &Task) -> Result<Value, Failure> {
        let bound = task.bind(step, self.ports.registry)?;
        let deadline = Instant::now() + task.timeout;
        let mut backoff = Backoff::new();
        let (mut before, mut away): (Option<Text>, Option<Failure>) = (None, None);
        let mut patience = Patience::default();
        loop {
            let looked = self.ports.stop.reading(deadline, bound.look(&task.context)).await;
            let looked = looked.and_then(|looked| looked);
            if let Err(failure) = &looked {
                if let Some(after) = patience.after(failure).filter(|_| Instant::now() < deadline) {
                    self.ports.stop.sleep(backoff.pause().max(after), deadline).await?;
                    backoff.grow();
                    away = Some(failure.clone());
                    continue;
                }
                if let Some(away) = away.filter(|_| failure.class == FailureClass::TimedOut) {
                    return Err(away);
                }
            }
            (away, patience) = (None, Patience::default());
            let probed = match (looked, before.take()) {
                (Err(failure), Some(why)) if failure.class == FailureClass::TimedOut => {
                    return Err(Failure::blocked(why));
                }
                (looked, _) => looked?,
            };
            let not_yet = match &probed.diff {
                Diff::InSync => {
                    let result = probed.result(&[]);
                    if self.until(step, task, &result)? {
                        return Ok(result);
                    }
                    let until = step.until.as_ref().map(|until| until.at.text().trim()).unwrap_or_default();
                    text!("engine.until", "`until` does not hold: {until}", until)
                }
                Diff::Waiting(waiting) => waiting.why.clone(),
                Diff::Blocked(reasons) => return Err(blocked(reasons)),
                Diff::Change(changes) | Diff::Run(changes) => return Err(not_in_sync(changes)),
            };
            if Instant::now() >= deadline {
                return Err(Failure::blocked(not_yet));
            }
            self.ports.stop.sleep(backoff.pause(), deadline).await?;
            backoff.grow();
            before = Some(not_yet);
        }
    }
}

/// The failure of a look that would have to change something.
fn not_in_sync(changes: &[Change]) -> Failure {
    let words = text!("engine.not-in-sync-any-more", "it is not as it has to be, and would have to be changed");
    Failure::blocked(words).details(changes.iter().map(|change| change.summary.clone()))
}

/// What does not hold, in a line.
fn line(look: &Look, failure: &Failure) -> Text {
    let target = look.target.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
    text!(
        "engine.does-not-hold",
        "{step} on {target}: {why}",
        step = &look.name,
        target = target,
        why = &failure.message
    )
}

fn refusal(failures: Vec<(Text, Failure)>, many: usize) -> Failure {
    let classes: Vec<FailureClass> = failures.iter().map(|(_, failure)| failure.class).collect();
    let class = match classes.as_slice() {
        classes if classes.contains(&FailureClass::Unsimulated) => FailureClass::Unsimulated,
        classes if classes.iter().all(|class| *class == FailureClass::Unreachable) => FailureClass::Unreachable,
        _ => FailureClass::Blocked,
    };
    let words = text!(
        "engine.before-outage",
        "the outage does not begin: {count} of {many} checks before it do not hold any more",
        count = failures.len(),
        many
    );
    let details = failures.into_iter().flat_map(|(line, failure)| std::iter::once(line).chain(failure.details));
    Failure::new(class, words).details(details).help(text!(
        "engine.before-outage.help",
        "the service was not stopped; repair what has changed, then `cutover resume` looks again and asks again"
    ))
}

/// The places where two values differ.
fn compare(at: &str, before: &Value, now: &Value, differences: &mut Vec<Text>) {
    match (before, now) {
        (Value::Object(one), Value::Object(other)) => {
            let added = other.keys().filter(|key| !one.contains_key(*key));
            for key in one.keys().chain(added) {
                let part = |map: &serde_json::Map<String, Value>| map.get(key).cloned().unwrap_or_default();
                compare(&format!("{at}/{key}"), &part(one), &part(other), differences);
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (index, (before, now)) in one.iter().zip(other).enumerate() {
                compare(&format!("{at}/{index}"), before, now, differences);
            }
        }
        (before, now) if before != now => differences.push(text!(
            "engine.difference",
            "{at} was {before} and is {now}",
            at = if at.is_empty() { "it" } else { at },
            before = before.to_string(),
            now = now.to_string()
        )),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn differences_are_reported_with_their_places() {
        let mut differences = Vec::new();
        let before = json!({"gone": 1, "same": true, "volumes": [{"pv": "a"}, {"pv": "b"}]});
        let now = json!({"new": [], "same": true, "volumes": [{"pv": "a"}, {"pv": "c"}]});
        compare("", &before, &now, &mut differences);
        let lines: Vec<String> = differences.iter().map(Text::to_string).collect();
        assert_eq!(
            lines,
            ["/gone was 1 and is null", "/volumes/1/pv was \"b\" and is \"c\"", "/new was null and is []"]
        );
    }
}
