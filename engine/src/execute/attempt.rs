//! One attempt of a task: probe, compare, change, and probe again until the world is as wanted. Every wait is this loop.

use std::sync::PoisonError;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::backoff::Backoff;
use super::doubt::{begun_before, in_doubt, is_unknown, not_done, unknown};
use super::patience::Patience;
use super::same::same;
use super::withheld::{unread, withheld};
use super::{Executor, made_to_fail};
use crate::action::{Action, Done};
use crate::event::EventKind;
use crate::failure::{Failure, FailureClass};
use crate::module::{Bound, Change, Class, Diff, Probed, Waiting};
use crate::playbook::Step;
use crate::record::millis;
use crate::task::{ChangeId, TaskId};
use crate::text;
use crate::text::Text;
use crate::walk::Task;
use crate::world::Caller;

/// The id of the refusal to repeat a change that was made, but whose secret result no journal holds.
pub(super) const RESULT_LOST: &str = "engine.result-lost";

/// The longest time between two probes of something that reports its remaining time: a tenth of that, up to this.
const FAR_LOOK: Duration = Duration::from_secs(60);
/// How often a change is sent again after its outcome was unknown and a probe shows that it is still needed.
const MOST_LOSSES: u32 = 3;
/// The time for a last probe after an attempt's time ran out in the middle of a change.
const LAST_LOOK: Duration = Duration::from_secs(30);

/// A deadline so far away that it is never reached.
pub(super) fn far_future() -> Instant {
    Instant::now() + Duration::from_secs(86400 * 365)
}

/// The progress of an attempt: what it has seen and done so far.
struct Progress {
    /// The results of the executed actions.
    done: Vec<Done>,
    /// The changes that were made last.
    last: Vec<Change>,
    /// The change whose outcome is unknown, and why.
    unsure: Option<(Change, Failure)>,
    losses: u32,
    waiting: Option<Waiting>,
    seen: Option<Value>,
    /// Why the last probe did not reach the target.
    away: Option<Failure>,
    /// How long probes, and then changes, have been turned away.
    looking: Patience,
    sending: Patience,
    /// The time that the target asked for before the next probe.
    after: Duration,
    backoff: Backoff,
}

impl Executor<'_> {
    /// Drives a task to its end and returns its result; `None` if nobody knows it, since a person declared the task's change done.
    /// `changed` is set once something was changed.
    pub(super) async fn attempt(&self, step: &Step, task: &Task, changed: &mut bool) -> Result<Option<Value>, Failure> {
        let bound = task.bind(step, self.ports.registry)?;
        let deadline = Instant::now() + task.timeout;
        let mut progress = Progress {
            done: Vec::new(),
            last: Vec::new(),
            unsure: None,
            losses: 0,
            waiting: None,
            seen: None,
            away: None,
            looking: Patience::default(),
            sending: Patience::default(),
            after: Duration::ZERO,
            backoff: Backoff::new(),
        };
        loop {
            let probed = match self.look(bound.as_ref(), step, task, deadline, &mut progress).await? {
                Some(probed) => probed,
                None => {
                    self.pause(task, deadline, &mut progress).await?;
                    continue;
                }
            };
            // A step that is made to fail fails where a real one would: once the world has settled.
            if self.task_made_to_fail(step, &task.id) && !matches!(probed.diff, Diff::Waiting(_)) {
                return Err(made_to_fail());
            }
            match &probed.diff {
                Diff::InSync => return Ok(Some(probed.result(&progress.done))),
                Diff::Blocked(reasons) => return Err(blocked(reasons)),
                Diff::Waiting(waiting) => self.waiting(task, waiting.clone(), &mut progress),
                // They were made and succeeded, so the world is only slow to show them.
                Diff::Change(changes) if same(changes, &progress.last) && progress.unsure.is_none() => {
                    self.waiting(task, not_visible(changes), &mut progress);
                }
                Diff::Change(changes) => {
                    let changes = changes.clone();
                    self.in_doubt(step, task, &changes, false)?;
                    if let Some(change) = changes.iter().find(|change| self.is_declared_done(&task.id, change)) {
                        return Err(not_done(change, &task.id));
                    }
                    if let Err(failure) =
                        self.changes(step, task, &changes, false, deadline, changed, &mut progress).await
                    {
                        let looked = self.last_look(bound.as_ref(), step, task, &changes, failure, &mut progress).await;
                        return looked.map(Some);
                    }
                    if progress.unsure.is_none() {
                        progress.last = changes;
                        progress.backoff = Backoff::new();
                        continue;
                    }
                }
                Diff::Run(changes) => {
                    let changes = changes.clone();
                    // A trial that found something is repeated: whoever resumes has mended it.
                    if let Some(done) =
                        self.made_before(step, task, &changes)?.filter(|done| probed.judge(done).is_ok())
                    {
                        *changed = true;
                        return Ok(Some(probed.result(&done)));
                    }
                    let declared = changes.iter().any(|change| self.is_declared_done(&task.id, change));
                    *changed |= declared;
                    let is_made = |change: &Change| {
                        self.is_declared_done(&task.id, change) || self.settings.past.had_made(&task.id, change)
                    };
                    let changes = match declared {
                        true => changes.into_iter().filter(|change| !is_made(change)).collect(),
                        false => changes,
                    };
                    self.in_doubt(step, task, &changes, true)?;
                    self.changes(step, task, &changes, true, deadline, changed, &mut progress).await?;
                    // No probe can see the effect, so none could settle an unknown outcome.
                    return match progress.unsure.take() {
                        Some((change, failure)) => Err(unknown(&change, &failure)),
                        None if declared => Ok(None),
                        None => {
                            probed.judge(&progress.done)?;
                            Ok(Some(probed.result(&progress.done)))
                        }
                    };
                }
            }
            self.pause(task, deadline, &mut progress).await?;
        }
    }

    /// The results of these changes in an earlier execution that was interrupted between their end and the task's. Returned once:
    /// a later attempt makes the changes again.
    fn made_before(&self, step: &Step, task: &Task, changes: &[Change]) -> Result<Option<Vec<Done>>, Failure> {
        if self.repeats(&task.id) {
            return Ok(None);
        }
        let Some(done) = self.settings.past.made_before(&task.id, changes) else { return Ok(None) };
        if step.secret && step.register.is_some() {
            let (message, path) =
                ("it was done before the run was interrupted, and its secret result was not stored", &task.id.path);
            return Err(Failure::blocked(text!("engine.result-lost", "{path}: {message}", path, message))
                .help(text!("engine.result-withheld.help", "finish by hand, or undo the run and begin a new one")));
        }
        let first = self.reused.lock().unwrap_or_else(PoisonError::into_inner).insert(task.id.clone());
        Ok(first.then_some(done))
    }

    /// Whether a person declared a change done, and not, since, that it may be repeated.
    fn is_declared_done(&self, task: &TaskId, change: &Change) -> bool {
        self.settings.past.is_declared_done(task, change) && !self.repeats(task)
    }

    /// Refuses at-most-once changes of a task as long as one that an earlier execution began is in doubt. A probe settles it if it
    /// can see the change and no longer asks for it.
    fn in_doubt(&self, step: &Step, task: &Task, changes: &[Change], blind: bool) -> Result<(), Failure> {
        if !changes.iter().any(|change| change.class == Class::AtMostOnce) || self.repeats(&task.id) {
            return Ok(());
        }
        let module = step.kind.module().unwrap_or_default();
        // A change whose key is hidden could be any of them.
        let wanted =
            |key: &Option<String>| key.as_ref().is_none_or(|key| changes.iter().any(|change| change.key == *key));
        let doubts = self.doubts();
        let mut open = doubts.iter().filter(|doubt| !doubt.is_live && doubt.task == task.id);
        match open.find(|doubt| blind || doubt.module != module || wanted(&doubt.key)) {
            Some(doubt) => Err(begun_before(doubt, self.undoing())),
            None => Ok(()),
        }
    }

    /// Probes once. `None`: the target cannot be reached at the moment, but has been before, or is likely to be soon.
    async fn look(
        &self,
        bound: &dyn Bound,
        step: &Step,
        task: &Task,
        deadline: Instant,
        progress: &mut Progress,
    ) -> Result<Option<Probed>, Failure> {
        if self.settings.record_reads {
            task.context.keep_readings();
        }
        let looked = self.ports.stop.reading(deadline, bound.look(&task.context)).await;
        // Readings of a probe that saw nothing new, or failed, are not recorded.
        let reads = task.context.take_readings();
        let probed = match looked.and_then(|looked| looked) {
            Ok(probed) => probed,
            Err(failure) => {
                let lost = matches!(failure.class, FailureClass::Unreachable | FailureClass::OutcomeUnknown);
                let again = progress.looking.after(&failure);
                if lost && (again.is_some() || progress.seen.is_some()) {
                    progress.after = again.unwrap_or_default();
                    self.waiting(task, Waiting { why: failure.message.clone(), progress: None }, progress);
                    progress.away = Some(failure);
                    return Ok(None);
                }
                // A probe changes nothing, so losing its answer leaves no doubt about the world.
                return Err(match failure.class {
                    FailureClass::OutcomeUnknown => Failure { class: FailureClass::Unreachable, ..failure },
                    FailureClass::TimedOut => expired(task, progress, failure),
                    _ => failure,
                });
            }
        };
        progress.away = None;
        progress.looking.renew();
        if progress.seen.as_ref() != Some(&probed.state) {
            let state = self.shown(step.secret, probed.state.clone());
            let reads = if step.secret { unread(reads) } else { reads };
            self.recorder().emit(EventKind::Probed { task: task.id.clone(), state, reads });
            progress.seen = Some(probed.state.clone());
        }
        Ok(Some(probed))
    }

    /// Makes changes in order, up to one after which the world is looked at again. An unknown outcome is left in `progress`; the next
    /// probe decides, unless no probe sees the changes (`blind`).
    #[expect(clippy::too_many_arguments, reason = "what an attempt is about, one by one")]
    async fn changes(
        &self,
        step: &Step,
        task: &Task,
        changes: &[Change],
        blind: bool,
        deadline: Instant,
        changed: &mut bool,
        progress: &mut Progress,
    ) -> Result<(), Failure> {
        if let Some((before, failure)) = progress.unsure.take() {
            let again = changes.iter().any(|change| change.key == before.key);
            let spent = match failure.passing {
                // Nothing of it was begun.
                Some(_) if failure.unsent => false,
                _ if before.class == Class::AtMostOnce => true,
                Some(_) => false,
                None => progress.losses >= MOST_LOSSES,
            };
            if again && spent {
                return Err(unknown(&before, &failure));
            }
        }
        for change in changes {
            self.ports.stop.check()?;
            let lasting = change.class != Class::Transient;
            let (number, is_new) = self.ledger().begin(&task.id, change, !self.undoing());
            let applying = EventKind::Applying { task: task.id.clone(), number, change: change.clone() };
            self.in_outage(&applying);
            // Write-ahead: after a crash the journal has every change of which anything may have been sent.
            self.recorder().durably(applying).await?;
            self.doubt(step, &task.id, number, change);
            // Set before anything is sent: the outcome may stay unknown, and then something may have changed.
            let changed_before = std::mem::replace(changed, *changed || lasting);
            for (index, action) in change.actions.iter().enumerate() {
                let untouched = change.actions[..index].iter().all(only_reads);
                // What was done before it, or cannot be seen, must not be done again: then this very action is sent later.
                let in_place = blind || !untouched;
                let (began, acted) = loop {
                    let began = Instant::now();
                    let caller = Caller::change(task.id.clone(), &change.key, false);
                    let acted = self.ports.stop.changing(deadline, self.act(action, caller)).await;
                    match acted.and_then(|acted| acted) {
                        // One that was refused because its object has changed would be refused again.
                        Err(failure) if in_place && failure.unsent && failure.class == FailureClass::Unreachable => {
                            match self.waits_for(task, deadline, &failure, progress).await {
                                Ok(true) => {}
                                Ok(false) => break (began, Err(failure)),
                                Err(stopped) => break (began, Err(Failure { unsent: true, ..stopped })),
                            }
                        }
                        acted => break (began, acted),
                    }
                };
                let took_ms = millis(began.elapsed());
                let failure = match acted {
                    Ok(done) => {
                        let event = EventKind::Acted {
                            task: task.id.clone(),
                            number,
                            action: index,
                            undo: false,
                            done: if step.secret { withheld(&done) } else { done.clone() },
                            took_ms,
                        };
                        self.recorder().emit(event);
                        progress.done.push(done);
                        progress.sending.renew();
                        continue;
                    }
                    Err(failure) => failure,
                };
                // A change that is not new may have been sent by an earlier execution, so it stays in the ledger.
                if (failure.unsent || failure.refused) && untouched && is_new {
                    *changed = changed_before;
                    self.not_sent(task, number);
                }
                let is_request = matches!(action, Action::Request(_));
                let is_passing = failure.passing.is_some();
                let later = if in_place { None } else { progress.sending.after(&failure) };
                progress.after = later.unwrap_or_default();
                return match failure.class {
                    // Turned away: the next probe decides whether it is still needed.
                    FailureClass::Unreachable | FailureClass::Failed if failure.unsent && later.is_some() => {
                        self.waiting(task, Waiting { why: failure.message.clone(), progress: None }, progress);
                        // It may have been carried out when it was sent before.
                        let unsent = is_new || change.class == Class::AtMostOnce;
                        progress.unsure = Some((change.clone(), Failure { unsent, ..failure }));
                        Ok(())
                    }
                    // A restarting API server refuses connections for a while: what was not sent can be sent again.
                    FailureClass::Unreachable
                        if failure.unsent && !is_passing && is_request && change.class != Class::AtMostOnce =>
                    {
                        progress.losses += 1;
                        let waiting = Waiting { why: failure.message.clone(), progress: None };
                        self.recorder().emit(EventKind::Waiting { task: task.id.clone(), waiting });
                        progress.unsure = Some((change.clone(), failure));
                        Ok(())
                    }
                    FailureClass::OutcomeUnknown => {
                        progress.losses += 1;
                        let waiting = in_doubt(change, &failure);
                        self.recorder().emit(EventKind::Waiting { task: task.id.clone(), waiting });
                        progress.unsure = Some((change.clone(), failure));
                        Ok(())
                    }
                    FailureClass::TimedOut => {
                        let message = text!(
                            "engine.timed-out-while",
                            "the time ran out after {span} while: {summary}",
                            span = span(task.timeout),
                            summary = &change.summary
                        );
                        Err(Failure { message, ..failure })
                    }
                    _ => Err(failure),
                };
            }
            self.ledger().complete(number);
            self.doubts().retain(|doubt| doubt.number != number);
            self.recorder().emit(EventKind::Applied { task: task.id.clone(), number });
            if change.look_after {
                break;
            }
        }
        Ok(())
    }

    /// Waits until something that was turned away may be sent again. Whether it may.
    async fn waits_for(
        &self,
        task: &Task,
        deadline: Instant,
        failure: &Failure,
        progress: &mut Progress,
    ) -> Result<bool, Failure> {
        let Some(after) = progress.sending.after(failure) else { return Ok(false) };
        self.waiting(task, Waiting { why: failure.message.clone(), progress: None }, progress);
        self.ports.stop.sleep(progress.backoff.pause().max(after), deadline).await?;
        progress.backoff.grow();
        Ok(Instant::now() < deadline)
    }

    /// Records that nothing of a change was sent, or that it was refused: it does not stand, and its outcome is not in doubt.
    fn not_sent(&self, task: &Task, number: ChangeId) {
        self.ledger().remove(number);
        self.doubts().retain(|doubt| doubt.number != number);
        self.recorder().emit(EventKind::NotSent { task: task.id.clone(), number });
    }

    /// Probes once more when the time ran out in the middle of a change that must not be repeated.
    async fn last_look(
        &self,
        bound: &dyn Bound,
        step: &Step,
        task: &Task,
        changes: &[Change],
        failure: Failure,
        progress: &mut Progress,
    ) -> Result<Value, Failure> {
        let once = changes.iter().find(|change| change.class == Class::AtMostOnce);
        let Some(change) = once.filter(|_| failure.class == FailureClass::TimedOut) else { return Err(failure) };
        match self.look(bound, step, task, Instant::now() + LAST_LOOK, progress).await {
            Ok(Some(probed)) if probed.diff == Diff::InSync => Ok(probed.result(&progress.done)),
            _ => Err(unknown(change, &failure)),
        }
    }

    fn waiting(&self, task: &Task, waiting: Waiting, progress: &mut Progress) {
        if progress.waiting.as_ref() != Some(&waiting) {
            let event = EventKind::Waiting { task: task.id.clone(), waiting: waiting.clone() };
            self.recorder().emit(event);
            progress.waiting = Some(waiting);
        }
    }

    /// Waits before the next probe.
    async fn pause(&self, task: &Task, deadline: Instant, progress: &mut Progress) -> Result<(), Failure> {
        if Instant::now() >= deadline {
            return Err(expired(task, progress, Failure::new(FailureClass::TimedOut, Text::default())));
        }
        let eta = progress.waiting.as_ref().and_then(|waiting| waiting.progress?.eta_seconds);
        let far = eta.map_or(Duration::ZERO, |seconds| (Duration::from_secs(seconds) / 10).min(FAR_LOOK));
        let after = std::mem::take(&mut progress.after);
        self.ports.stop.sleep(progress.backoff.pause().max(far).max(after), deadline).await?;
        progress.backoff.grow();
        Ok(())
    }
}

pub(super) fn blocked(reasons: &[Text]) -> Failure {
    match reasons {
        [] => Failure::blocked(text!("engine.refused", "refused")),
        [only] => Failure::blocked(only.clone()),
        [first, rest @ ..] => Failure::blocked(first.clone()).details(rest.iter().cloned()),
    }
}

fn not_visible(changes: &[Change]) -> Waiting {
    let what = changes.first().map_or_else(|| Text::verbatim(""), |change| change.summary.clone());
    Waiting { why: text!("engine.not-visible", "done, but not visible yet: {what}", what), progress: None }
}

/// Whether an action only reads: what an object was is read before it is deleted.
fn only_reads(action: &Action) -> bool {
    matches!(action, Action::Request(request) if request.method == "GET")
}

fn expired(task: &Task, progress: &Progress, failure: Failure) -> Failure {
    let span = span(task.timeout);
    let message = match progress.waiting.as_ref().map(|waiting| &waiting.why) {
        Some(why) => text!("engine.not-done-after", "not done after {span}: {why}", span, why),
        None => text!("engine.no-answer-within", "no answer within {span}", span),
    };
    // The time ran out because the target was away. An at-most-once change stays in doubt all the same.
    let once = progress.unsure.as_ref().is_some_and(|(change, _)| change.class == Class::AtMostOnce);
    let unsent = progress.unsure.as_ref().is_some_and(|(_, cause)| cause.unsent);
    let is_away = progress.away.is_some() && !once;
    let class = if is_away || unsent { FailureClass::Unreachable } else { failure.class };
    let cause = progress.away.as_ref().or(progress.unsure.as_ref().map(|(_, cause)| cause));
    let help = cause.and_then(|cause| cause.help.clone()).or(failure.help);
    let failure = Failure { class, message, help, ..failure };
    match &progress.unsure {
        Some((change, cause)) if !cause.unsent => failure.details([is_unknown(&change.summary)]),
        _ => failure,
    }
}

fn span(duration: Duration) -> String {
    crate::duration::HumanDuration(duration).to_string()
}
