//! Tries a case: the playbook as shipped and the one without a guard, in the same bad world.

use std::sync::Arc;

use cutover_engine::check::check;
use cutover_engine::event::{Event, EventKind};
use cutover_engine::execute::{Answer, Approver, Question, Unanswered};
use cutover_engine::module::Class;
use cutover_engine::playbook::{Playbook, Step};
use cutover_modules::REGISTRY;
use cutover_sandbox::Snapshot;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::case::{Case, Without};
use super::deed::{does, with_old};
use super::good::{DRILL, FAILOVER, Good, PURGE, REPROTECT, ROLLBACK, SWITCHOVER, base, good, plain};
use super::guard::{Guard, guards, without};
use super::harm::{Harm, Outcome};
use super::laws::{Found, claims, needed, old_volumes_are_gone, primaries, served, two_primaries};
use crate::support::play::{CUTOVER, PREPARE, Play};
use crate::support::ran::{Ran, changed};
use crate::support::stage::{Stage, paused};
use crate::support::truth::Truth;

/// Tries a case; returns what came of it without the guard, or what is wrong with it.
pub(super) fn tried(playbook: &str, guard: &Guard, case: &Case) -> Result<String, String> {
    let (good, usual) = (begun(playbook, case), good(playbook, &plain(), &plain()));
    let remembered = if matches!(case.without, Without::Check(_)) { &[] } else { usual.events.as_slice() };
    let shortened = without(&good.play.playbook, guard, remembered);
    let faults = check(&shortened, Some(&good.play.inventory), &REGISTRY).to_string();
    if let Without::Check(words) = &case.without {
        return match faults.contains(words.as_str()) {
            true => Ok(format!("check: {words}")),
            false => Err(format!("check does not say `{words}`: {faults}")),
        };
    }
    if let Without::Shared(other) = &case.without {
        return is_shared(&good.play.playbook, guard, other);
    }
    if !faults.is_empty() {
        return Err(format!("check refuses it: {faults}"));
    }
    let stop = |play: &Play, is_whole: bool| paused().block_on(run(playbook, &good, play, guard, case, is_whole));
    let whole = stop(&good.play, true);
    if whole.harm >= Harm::Untrue {
        return Err(format!("the whole playbook does not survive this: {whole}"));
    }
    let other = stop(&Play { playbook: shortened, ..good.play.clone() }, false);
    let (right, wanted) = match case.without {
        Without::Harm(harm) => (other.harm == harm && whole.harm < harm, format!("{harm:?}")),
        Without::Later => (other.is_later_than(&whole), "later".to_owned()),
        Without::Check(_) | Without::Shared(_) => unreachable!("returned above"),
    };
    let words = format!("whole: {whole}\n    without: {other}");
    if right { Ok(words) } else { Err(format!("not {wanted}\n    {words}")) }
}

/// Whether a step stands in a file that another playbook includes as well, and changes something in that one's good run.
fn is_shared(playbook: &Playbook, guard: &Guard, other: &str) -> Result<String, String> {
    let Guard::Step(id) = guard else { return Err("only a step is shared".to_owned()) };
    let at = playbook.steps().into_iter().find(|step| step.id == *id).map(|step| step.at.to_string());
    let there = good(other, &plain(), &plain());
    let idle = guards(&there.play.playbook, &there.events);
    let busy = |step: &&Step| Some(step.at.to_string()) == at && !idle.contains(&Guard::Step(step.id.clone()));
    match there.play.playbook.steps().into_iter().find(busy) {
        Some(step) => Ok(format!("shared with {}", step.id)),
        None => Err(format!("no such lines change anything in {other}")),
    }
}

/// What the run of a case goes on from. One that begins at the beginning need not be possible.
fn begun(playbook: &str, case: &Case) -> Arc<Good> {
    if case.at.as_deref() != Some("the-beginning") {
        return good(playbook, &case.spec, &case.params);
    }
    let usual = good(playbook, &plain(), &plain());
    let base = base(playbook, &case.spec, &case.params);
    let play = paused().block_on(async { Play::in_world(playbook, &Stage::from(&base).world, &case.params) });
    Arc::new(Good::at_the_beginning(play, base, usual.truth.clone()))
}

/// Says no at one gate, and yes at all others.
struct Person(Option<String>);

impl Approver for Person {
    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Result<Answer, Unanswered>> {
        let no = self.0.as_deref() == Some(question.path.id().as_str());
        let typed = if no { "no".to_owned() } else { question.confirm.clone() };
        async { Ok(Answer { typed, by: "tester".to_owned() }) }.boxed()
    }
}

async fn run(playbook: &str, good: &Good, play: &Play, guard: &Guard, case: &Case, is_whole: bool) -> Outcome {
    let (stage, events) = begin(good, guard, case);
    let mut truth = good.truth.clone();
    for deed in &case.does {
        does(&stage, deed, &mut truth).await;
    }
    for strike in &case.strikes {
        let strike = with_old(&stage, &strike.to_string()).await;
        stage.world.inject(serde_json::from_str(&strike).unwrap_or_else(|error| panic!("{strike}: {error}")));
    }
    let needed = if playbook == PURGE { needed(&stage).await } else { Vec::new() };
    let execution = stage.execution(play).after(&events).answered_by(Person(case.no_at.clone()));
    let ran = match &case.fails_in {
        Some(step) => execution.fail(step).go().await,
        None => execution.go().await,
    };
    let mut found = Found::default();
    if !needed.is_empty() && old_volumes_are_gone(&stage).await {
        found.lost.extend(needed);
    }
    if playbook != REPROTECT {
        found.lost.extend(two_primaries(&stage).await);
    }
    let harm = if ran.ending.exit_code == 0 {
        let claimed = claims(playbook, &stage, &truth, &case.params, &ran.events).await;
        found.lost.extend(claimed.lost);
        found.untrue.extend(claimed.untrue);
        if case.no_at.is_some() {
            found.untrue.push("a person has refused it".to_owned());
        }
        if found.untrue.is_empty() { Harm::None } else { Harm::Untrue }
    } else {
        stopped(playbook, &ran)
    };
    let lost_wanted = matches!(case.without, Without::Harm(Harm::Lost));
    let can_be_undone = can_be_undone(playbook) && !has_passed_the_last_gate(&play.playbook, &ran);
    if ran.ending.exit_code != 0 && harm >= Harm::Begun && can_be_undone && (is_whole || lost_wanted) {
        for deed in &case.mends {
            does(&stage, deed, &mut truth).await;
        }
        comes_back(playbook, &stage, play, &ran, &truth, &mut found).await;
    }
    let harm = if found.lost.is_empty() { harm } else { Harm::Lost };
    let (changes, seconds) = (changed(&ran.events).len(), elapsed(&ran.events[events.len()..]));
    let words = format!("{} {:?}", ran.summary(), found);
    let approved = |event: &&Event| matches!(event.kind, EventKind::GateAnswered { approved: true, .. });
    let asked = ran.events.iter().filter(approved).count();
    Outcome {
        harm,
        changes,
        seconds,
        asked,
        named: ran.words().lines().count().max(ran.failures().lines().count()),
        words,
    }
}

/// The world of a case before anything is done to it, and what the run has done in it so far.
fn begin(good: &Good, guard: &Guard, case: &Case) -> (Stage, Vec<Event>) {
    let (Guard::Step(own) | Guard::Before(own) | Guard::Outage(own)) = guard;
    let from = |snapshot: &Snapshot, events: &[Event]| (Stage::from(snapshot), events.to_vec());
    if let Some(other) = &case.world_of {
        return from(&base(other, &plain(), &case.params), &[]);
    }
    match case.at.as_deref() {
        Some("the-beginning") => from(&good.base, &[]),
        at => {
            let (snapshot, events) = good.before(at.unwrap_or(own));
            from(snapshot, events)
        }
    }
}

/// The harm of a run that was refused, by what it had changed until then.
fn stopped(playbook: &str, ran: &Ran) -> Harm {
    let (begun, removed) = steps(playbook);
    let did = |ends: &[&str]| {
        ran.events.iter().any(|event| match &event.kind {
            EventKind::Applying { task, change, .. } if change.class != Class::Transient => {
                ends.iter().any(|end| task.path.id().ends_with(end))
            }
            _ => false,
        })
    };
    let out = ran.events.iter().any(|event| matches!(event.kind, EventKind::OutageBegan { .. }));
    match () {
        () if did(removed) => Harm::Removed,
        () if did(begun) || out => Harm::Begun,
        () if !changed(&ran.events).is_empty() => Harm::Touched,
        () => Harm::None,
    }
}

/// The steps with which something begins that cannot stay so, and those that take away what was there.
fn steps(playbook: &str) -> (&'static [&'static str], &'static [&'static str]) {
    const STOPS: &[&str] = &["/remove-the-markers", "/stop-the-service"];
    match playbook {
        PREPARE => (&["/write-the-resource-create-its-metadata-bring-it-up"], &["/make-the-file-system"]),
        CUTOVER => (&["/scale-to-zero"], &["/uninstall-the-release"]),
        FAILOVER => (&["/promote-every-replica-at-once"], &[]),
        SWITCHOVER | DRILL => (STOPS, &["/promote-every-replica-at-once"]),
        REPROTECT => (STOPS, &["/the-victim-s-changes-are-discarded"]),
        ROLLBACK => (STOPS, &["/delete-the-claims-their-volumes-stay"]),
        PURGE => (&[], &["/delete-the-old-volumes", "/remove-the-old-directories", "/remove-the-backups"]),
        other => panic!("nobody says what begins in {other}"),
    }
}

fn can_be_undone(playbook: &str) -> bool {
    matches!(playbook, CUTOVER | FAILOVER | SWITCHOVER | DRILL | ROLLBACK)
}

/// Whether a step behind the point of no return has been done: there the way on is `resume`, and the old volumes are old.
fn has_passed_the_last_gate(playbook: &Playbook, ran: &Ran) -> bool {
    let phases: Vec<_> =
        playbook.phases.iter().filter(|phase| phase.point_of_no_return).map(|phase| &phase.id).collect();
    ran.events.iter().any(|event| match &event.kind {
        EventKind::StepFinished { path, outcome, .. } => {
            outcome.is_final() && phases.iter().any(|phase| path.id().starts_with(&format!("{phase}/")))
        }
        _ => false,
    })
}

/// After the undo the service has what it had, where it was. After that of a take-over nobody is Primary.
async fn comes_back(playbook: &str, stage: &Stage, play: &Play, ran: &Ran, truth: &Truth, found: &mut Found) {
    let undone = stage.execution(play).after(&ran.events).undo().await;
    let mut now = Found::default();
    match playbook {
        FAILOVER => now.untrue.extend(primaries(stage, "standby").await),
        _ => served(stage, "primary", truth, &mut now).await,
    }
    if undone.ending.exit_code != 7 || !now.untrue.is_empty() || !now.lost.is_empty() {
        found.lost.push(format!("undone: {}: {now:?}", undone.summary()));
    }
}

fn elapsed(events: &[Event]) -> u64 {
    let (Some(first), Some(last)) = (events.first(), events.last()) else { return 0 };
    u64::try_from(last.at.duration_since(first.at).as_secs()).unwrap_or(0)
}
