//! One case: a fault, and what becomes of the run. From the moment before the struck step the run goes on and is struck; the engine
//! retries; if it stops, the run is resumed, and, once more from where it stopped, undone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use cutover_engine::event::{Event, EventKind, Verb};
use cutover_engine::execute::{Ending, Past, point_of_no_return};
use cutover_sandbox::{At, Portrait, Sandbox, Strike, StrikeKind};
use serde_json::Value;

use super::fault::Fault;
use super::judge::{Eye, Judge};
use super::law::{Breach, Law, Leg};
use super::ledger;
use super::leg::{Scene, Trace};
use super::operator::{Ended, Operator};
use super::undisturbed::Undisturbed;

/// How long a world is left alone before it is compared with what it was: pods become ready.
const SETTLES: Duration = Duration::from_secs(5 * 60);
/// How many differences a breach names.
const NAMED: usize = 4;

/// What became of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It was not tried: the budget was used up.
    NotTried,
    /// The call never came.
    NeverFired,
    /// The call was struck, and nothing was otherwise than without it.
    NoEffect,
    /// The engine dealt with it by itself.
    Retried,
    /// The run stopped; resumed, it completed. It could have been undone as well, where an undisturbed one could.
    Resumed,
    /// The run stopped and could not be completed; it was undone.
    Undone,
    /// A law was broken.
    Unsafe,
}

/// A case that was tried.
#[derive(Debug, Clone)]
pub struct Tried {
    /// What was broken.
    pub fault: Fault,
    /// What became of it.
    pub verdict: Verdict,
    /// The laws that were broken.
    pub breaches: Vec<Breach>,
    /// How each part of it ended, in words.
    pub course: Vec<(Leg, String)>,
}

impl Tried {
    /// A case that was not tried.
    pub(super) fn not(fault: Fault) -> Self {
        Self { fault, verdict: Verdict::NotTried, breaches: Vec::new(), course: Vec::new() }
    }
}

/// What an undo of the undisturbed run leads to.
#[derive(Debug, Clone, Default)]
pub(super) struct Back {
    /// Whether everything was undone.
    pub(super) whole: bool,
    /// How it ended, in words.
    pub(super) words: String,
    /// What it leaves otherwise than it was.
    pub(super) leaves: BTreeSet<String>,
}

impl Back {
    /// Whether a difference is one that it leaves as well, or one inside of what it leaves: a backup that was made by half.
    fn leaves_anyway(&self, line: &str) -> bool {
        let name = |line: &str| line.split(": ").next().unwrap_or_default().to_owned();
        let wanted = name(line);
        self.leaves
            .iter()
            .map(|left| name(left))
            .any(|left| wanted.strip_prefix(left.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
    }
}

/// What all cases of a campaign are compared with.
pub(super) struct Bench {
    pub(super) scene: Scene,
    pub(super) undisturbed: Arc<Undisturbed>,
    pub(super) once: BTreeMap<String, usize>,
    /// The world before the playbook.
    pub(super) start: Portrait,
    /// The same as invariants know it, if the playbook has any.
    pub(super) before: Option<Value>,
    /// The undo from each moment of the undisturbed run.
    pub(super) backs: Vec<Arc<Back>>,
    /// The laws that the undisturbed run breaks.
    pub(super) breaches: Vec<Breach>,
}

impl Bench {
    /// Undoes the undisturbed run from a moment.
    pub(super) async fn undo_from(&self, moment: usize, eye: &Eye) -> (Back, Vec<Breach>) {
        let from = &self.undisturbed.moments[moment];
        let world = from.snapshot.world();
        let judge = from.judge.fork(&self.undisturbed.measure, eye);
        judge.begin(Leg::Undo);
        let events = self.undisturbed.until(moment).to_vec();
        let account = from.account.clone();
        let (scene, undisturbed) = (&self.scene, &self.undisturbed);
        let mut operator =
            Operator { scene, undisturbed, world: &world, judge: &judge, events, account, booted: false };
        let ended = operator.bring(Verb::Undo).await;
        let whole = matches!(ended, Ended::Well { .. });
        let words = words(&ended, "undone");
        tokio::time::sleep(SETTLES).await;
        world.catch_up();
        if whole {
            self.serves(&world, &judge, self.undisturbed.measure.served.keys(), "undone");
            self.own(&world, &judge, "undone");
        }
        let leaves = self.start.differences(&judge.with_inspector(|inspector| inspector.portrait(&world)));
        (Back { whole, words, leaves: leaves.into_iter().collect() }, judge.breaches())
    }

    /// Holds the end of the undisturbed run to the playbook's own laws.
    pub(super) fn undisturbed_ends(&self, world: &Sandbox) -> Vec<Breach> {
        let judge = Judge::new(&self.undisturbed.measure, &Eye::default());
        self.own(world, &judge, "completed");
        judge.breaches()
    }

    /// Tries a case.
    pub(super) async fn try_case(&self, fault: Fault, eye: &Eye) -> Tried {
        let index = self.undisturbed.before(fault.ordinal);
        let moment = &self.undisturbed.moments[index];
        let world = moment.snapshot.world();
        let judge = moment.judge.fork(&self.undisturbed.measure, eye);
        for blow in &fault.blows {
            if let Ok(call) = blow.call.parse() {
                world.inject(Strike::new(At::Name(call), blow.kind.clone()));
            }
        }
        let before = self.undisturbed.until(index);
        let settings = self.scene.settings(Verb::Resume, Past::of(before));
        let trace = Trace::new(&world, &judge, moment.account.clone(), Some(&self.undisturbed));
        let ending = self.scene.execute(&world, &judge, settings, before, &trace, Box::new(trace.clone())).await;
        let (new, account) = trace.take();
        let struck = world.struck().len();
        let done = ending.as_ref().is_some_and(|ending| ending.exit_code == 0);
        let mut course = vec![(Leg::Run, self.ran(&world, ending.as_ref(), trace.same_from()))];
        let mut verdict = match (struck, trace.same_from()) {
            (0, _) => Verdict::NeverFired,
            (_, Some(same)) if kinds(&new) == kinds(self.between(index, same)) => Verdict::NoEffect,
            (_, Some(_)) => Verdict::Retried,
            _ if done => Verdict::Retried,
            _ => Verdict::Resumed,
        };
        let events = [before, &new].concat();
        self.hold(&world, &judge, &events);
        let mut breaches = Vec::new();
        if done {
            self.completed(&world, &judge).await;
        } else if trace.same_from().is_none() {
            self.own(&world, &judge, "stopped");
            let snapshot = world.snapshot();
            // Where nothing has changed, the undo is the one that was tried already.
            let portrait = judge.with_inspector(|inspector| inspector.portrait(&world));
            let like = [index, index + 1]
                .into_iter()
                .find(|moment| self.undisturbed.goes_back_like(*moment, &account, &portrait));
            let (forth, back) =
                (judge.fork(&self.undisturbed.measure, eye), judge.fork(&self.undisturbed.measure, eye));
            let (scene, undisturbed) = (&self.scene, &self.undisturbed);
            forth.begin(Leg::Resume);
            let booted = fault.blows.iter().any(|blow| matches!(blow.kind, StrikeKind::NodeLost { .. }));
            let mut operator = Operator {
                scene,
                undisturbed,
                world: &world,
                judge: &forth,
                events: events.clone(),
                account: account.clone(),
                booted,
            };
            let resumed = operator.bring(Verb::Resume).await;
            course.push((Leg::Resume, words(&resumed, "completed")));
            let went_on = operator.events;
            self.hold(&world, &forth, &went_on);
            if matches!(resumed, Ended::Well { same_from: None, .. }) {
                self.completed(&world, &forth).await;
            }
            // From as far as the run came, and from before: tasks of a step that stopped may have done their part.
            let reached = self.undisturbed.after(fault.ordinal).max(self.undisturbed.reached(&events));
            let usual = self.backs.get(index..=reached).unwrap_or_default();
            // Behind the point of no return the way out is `resume`.
            let returns = point_of_no_return(&scene.run.playbook, &events).is_none();
            let could = returns && usual.iter().all(|back| back.whole);
            let went_back = match like.and_then(|moment| self.backs.get(moment)) {
                Some(back) => {
                    course.push((Leg::Undo, back.words.clone()));
                    if back.whole { Ok(()) } else { Err(back.words.clone()) }
                }
                None => {
                    let world = snapshot.world();
                    back.begin(Leg::Undo);
                    let mut operator =
                        Operator { scene, undisturbed, world: &world, judge: &back, events, account, booted };
                    let undone = operator.bring(Verb::Undo).await;
                    course.push((Leg::Undo, words(&undone, "undone")));
                    let went_back = operator.events;
                    self.hold(&world, &back, &went_back);
                    match undone {
                        Ended::Well { .. } => {
                            self.undone(&world, &back, usual).await;
                            Ok(())
                        }
                        Ended::Badly(last) => Err(why(last.as_ref())),
                    }
                }
            };
            match (&resumed, went_back) {
                (Ended::Well { .. }, Ok(())) => {}
                (Ended::Badly(_), Ok(())) => verdict = Verdict::Undone,
                (Ended::Well { .. }, Err(why)) if could => {
                    back.find(Law::Undo, format!("an undisturbed run can be undone here, and this one not: {why}"));
                }
                (Ended::Well { .. }, Err(_)) => {}
                (Ended::Badly(last), Err(why_back)) => {
                    let seen =
                        format!("neither resume ({}) nor undo ({why_back}) leads to a good end", why(last.as_ref()));
                    forth.find(Law::Ends, seen);
                }
            }
            breaches.extend(forth.breaches());
            breaches.extend(back.breaches());
        }
        breaches.extend(judge.breaches());
        breaches.sort();
        breaches.dedup();
        if !breaches.is_empty() {
            verdict = Verdict::Unsafe;
        }
        Tried { fault, verdict, breaches, course }
    }

    fn between(&self, from: usize, to: usize) -> &[Event] {
        let (moments, events) = (&self.undisturbed.moments, &self.undisturbed.events);
        &events[moments[from].events..moments[to].events.max(moments[from].events)]
    }

    /// The laws about what was done and recorded.
    fn hold(&self, world: &Sandbox, judge: &Judge, events: &[Event]) {
        let calls = world.calls();
        ledger::once(judge, events, &calls, &self.once);
        ledger::agree(judge, events, &calls);
    }

    /// The playbook's own laws.
    fn own(&self, world: &Sandbox, judge: &Judge, ended: &str) {
        let Some(before) = &self.before else { return };
        let state = judge.with_inspector(|inspector| inspector.state(world));
        for invariant in &self.scene.run.playbook.invariants {
            match self.scene.run.holds(invariant, state.clone(), before.clone(), ended) {
                Ok(true) => {}
                Ok(false) => {
                    judge.find(Law::Own(invariant.name.clone()), format!("it does not hold after the run was {ended}"))
                }
                Err(fault) => judge.find(Law::Own(invariant.name.clone()), fault.message),
            }
        }
    }

    /// A run that has completed serves what the undisturbed one serves.
    async fn completed(&self, world: &Sandbox, judge: &Judge) {
        tokio::time::sleep(SETTLES).await;
        world.catch_up();
        judge.look(world, true);
        self.serves(world, judge, self.undisturbed.served.iter(), "completed");
        self.own(world, judge, "completed");
    }

    /// A run that was undone leaves the world as it was, but for what the undo of an undisturbed one leaves.
    async fn undone(&self, world: &Sandbox, judge: &Judge, usual: &[Arc<Back>]) {
        tokio::time::sleep(SETTLES).await;
        world.catch_up();
        judge.look(world, true);
        self.serves(world, judge, self.undisturbed.measure.served.keys(), "undone");
        self.own(world, judge, "undone");
        let now = judge.with_inspector(|inspector| inspector.portrait(world));
        let usual = |line: &String| usual.iter().any(|back| back.leaves_anyway(line));
        let left: Vec<String> = self.start.differences(&now).into_iter().filter(|line| !usual(line)).collect();
        if !left.is_empty() {
            let more = left.len().saturating_sub(NAMED);
            let mut seen = left[..left.len().min(NAMED)].join("; ");
            if more > 0 {
                seen += &format!("; and {more} more");
            }
            judge.find(Law::Undo, seen);
        }
    }

    fn serves<'a>(&self, world: &Sandbox, judge: &Judge, wanted: impl Iterator<Item = &'a String>, how: &str) {
        let served = judge.with_inspector(|inspector| inspector.inspect(world)).served;
        for identity in wanted {
            if !served.iter().any(|one| one.identity == *identity) {
                judge.find(Law::Writes, format!("the run was {how}, and {identity} is served nowhere"));
            }
        }
    }

    fn ran(&self, world: &Sandbox, ending: Option<&Ending>, same_from: Option<usize>) -> String {
        if let Some(moment) = same_from {
            return format!("as undisturbed from {} on", self.undisturbed.moments[moment].step);
        }
        match ending {
            Some(ending) if ending.exit_code == 0 => "completed".to_owned(),
            None if world.is_killed() => "the controller was killed".to_owned(),
            ending => format!("stopped: {}", why(ending)),
        }
    }
}

/// How a resume or an undo ended, in words.
fn words(ended: &Ended, well: &str) -> String {
    match ended {
        Ended::Well { tries: 0 | 1, .. } => well.to_owned(),
        Ended::Well { tries, .. } => format!("{well} with the {tries}. try"),
        Ended::Badly(ending) => format!("not {well}: {}", why(ending.as_ref())),
    }
}

fn why(ending: Option<&Ending>) -> String {
    match ending {
        None => "the controller was killed".to_owned(),
        Some(ending) => {
            let failure = ending.failure.as_ref().map(ToString::to_string).unwrap_or_default();
            let first = failure.lines().next().unwrap_or_default();
            format!("{first} (code {})", ending.exit_code)
        }
    }
}

/// What happened, without when: two runs with the same of it were not disturbed differently.
fn kinds(events: &[Event]) -> Vec<String> {
    let kind = |event: &Event| match &event.kind {
        EventKind::RunStarted { .. } | EventKind::PhaseStarted { .. } => None,
        EventKind::Waiting { task, .. } => Some(format!("{task} waits")),
        EventKind::Retrying { task, .. } => Some(format!("{task} retries")),
        EventKind::Applying { task, change, .. } => Some(format!("{task} {}", change.key)),
        EventKind::Applied { task, .. } => Some(format!("{task} applied")),
        EventKind::NotSent { task, .. } => Some(format!("{task} not sent")),
        EventKind::TaskFinished { task, outcome, attempts, .. } => Some(format!("{task} {outcome:?} {attempts}")),
        _ => None,
    };
    let mut kinds: Vec<String> = events.iter().filter_map(kind).collect();
    // Tasks run in parallel.
    kinds.sort();
    kinds
}
