//! One trial: a playbook runs, at some call somebody else does something, and the laws are looked at.

use std::fmt;
use std::time::Duration;

use cutover_engine::clock::Clock as _;
use cutover_engine::event::EventKind;
use cutover_sandbox::Sandbox;
use cutover_testkit::Random;

use super::hand::Hand;
use super::kinds::KINDS;
use super::laws::{self, Keys};
use super::subject::{Subject, changes, step};
use super::world::Disturbed;
use crate::support::ran::Ran;
use crate::support::stage::Stage;

/// How long the longest intervention goes on, and the slowest consequence takes.
const AFTERMATH: Duration = Duration::from_secs(600);
/// Whatever is waited for, a run comes to an end within this time.
const END: Duration = Duration::from_secs(3 * 24 * 3600);
/// How often a person tries to undo, having brought back what was lost.
const TRIES: usize = 3;

/// What is done to which run, and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case {
    pub(super) seed: u64,
    pub(super) subject: usize,
    pub(super) kind: usize,
    /// Before which call of the undisturbed run; the first is 0.
    pub(super) call: u64,
    /// How long after that call was sent.
    pub(super) after: Option<Duration>,
}

impl Case {
    /// The case of a seed.
    pub(super) fn of(seed: u64, subjects: &[Subject]) -> Self {
        let mut random = Random::new(seed);
        let subject = if random.chance(15) { 0 } else { subjects.len() - 1 };
        let kind = random.below(KINDS.len());
        let call = subjects[subject].any_call(&mut random);
        let after = random.chance(35).then(|| Duration::from_millis(random.between(50, 60_000) as u64));
        Self { seed, subject, kind, call, after }
    }
}

/// What came of a trial.
#[derive(Debug, Default)]
pub(super) struct Trial {
    /// Whether anything was done before the run ended.
    pub(super) fired: bool,
    /// Whether the run went otherwise than it would have without it.
    pub(super) mattered: bool,
    pub(super) exit: u8,
    /// The exit codes of the attempts to undo.
    pub(super) undone: Vec<u8>,
    /// Whether one of them has asked something.
    pub(super) asked: bool,
    /// The law that was broken.
    pub(super) broken: Option<String>,
    /// What was done, and how the run went.
    pub(super) course: Vec<String>,
}

impl fmt::Display for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let broken = self.broken.as_deref().unwrap_or("no law is broken");
        write!(f, "exit {}, undone with {:?}: {broken}\n  {}", self.exit, self.undone, self.course.join("\n  "))
    }
}

/// Lives through a case.
pub(super) async fn live(subject: &Subject, case: Case) -> Trial {
    let kind = &KINDS[case.kind];
    let (moment, skip) = subject.at(case.call);
    let stage = Stage::from(&moment.snapshot);
    stage.world.keep_no_calls();
    let hand = Hand::new(&stage.world);
    let other = hand.clone();
    let deed = move || -> futures_util::future::BoxFuture<'static, bool> {
        let hand = other.clone();
        Box::pin(async move {
            let before = hand.world.snapshot();
            if (kind.act)(&hand, &mut Random::new(case.seed)).await {
                hand.fired();
            }
            let mut account = hand.account();
            account.before = Some(before);
            account.fired.is_some()
        })
    };
    let door = Disturbed::new(stage.world.clone(), skip, case.after, std::sync::Arc::new(deed));
    let run = stage.execution(&subject.play).after(&moment.events).through(door).go();
    let mut trial = Trial::default();
    trial.course.push(format!("{}: {} in {}", subject.name, kind.name, step(moment)));
    let Ok(ran) = tokio::time::timeout(END, run).await else {
        trial.broken = Some("the run never ends".to_owned());
        return trial;
    };
    let ended = stage.world.now();
    trial.exit = ran.ending.exit_code;
    trial.fired = hand.account().fired.is_some_and(|at| at <= ended);
    if !trial.fired {
        return trial;
    }
    trial.mattered = trial.exit != 0 || changes(ran.own()) != subject.changes(moment);
    tokio::time::sleep(AFTERMATH).await;
    trial.course.push(ran.summary());
    trial.broken = judge(subject, case, &stage, &hand, &ran, &mut trial).await.err();
    trial.course.splice(1..1, hand.account().lines.clone());
    trial
}

/// Everything that was acknowledged.
fn acknowledged(subject: &Subject, hand: &Hand) -> Keys {
    let mut all = subject.keys.clone();
    all.extend(hand.account().acknowledged.iter().map(|(key, (value, _))| (key.clone(), value.clone())));
    all
}

async fn judge(
    subject: &Subject,
    case: Case,
    stage: &Stage,
    hand: &Hand,
    ran: &Ran,
    trial: &mut Trial,
) -> Result<(), String> {
    let (world, all) = (&stage.world, acknowledged(subject, hand));
    let primaries = if subject.moves { laws::two_primaries(world).await } else { Vec::new() };
    if !primaries.is_empty()
        && alone(hand, case, |world| async move { laws::two_primaries(&world).await }).await.is_empty()
    {
        return Err(format!("{} is Primary on both sides", primaries.join(", ")));
    }
    laws::bring_back(world).await;
    if ran.ending.exit_code == 0 {
        return well(subject, stage, hand, ran, &all).await;
    }
    let words = ran.words();
    if words.is_empty() {
        return Err("it stopped without a word".to_owned());
    }
    // Of what the new release has taken before the last gate, `undo` has to tell.
    let here: Keys =
        all.iter().filter(|(key, _)| !on_new(hand, key)).map(|(key, value)| (key.clone(), value.clone())).collect();
    let (old, new) = (laws::keys_of(world, &subject.originals).await, laws::keys_of(world, &laws::replicated()).await);
    if let Some(lost) = laws::not_held(&here, &old) {
        let committed = passed(ran, "approve-that-clients-write-again") && laws::not_held(&all, &new).is_none();
        let (originals, keys) = (subject.originals.clone(), subject.keys.clone());
        let look = |world| async move { laws::not_held(&keys, &laws::keys_of(&world, &originals).await) };
        // Kubernetes knows no precondition on the volume when its claim is deleted: between the last look at its reclaim policy and
        // that request everything was verified, and the copies hold it.
        let copied = during(ran, "delete-the-claims-the-volumes-stay", hand) && laws::not_held(&here, &new).is_none();
        if !committed && !copied && alone(hand, case, look).await.is_none() {
            return Err(format!("after exit {}: on the originals {lost}", ran.ending.exit_code));
        }
    }
    undo(subject, case, (stage, hand), &here, ran, trial).await?;
    let silent = trial.undone.last() == Some(&7) && !trial.asked && here.len() < all.len();
    if silent {
        return Err("undo has given up in silence what the new release had acknowledged".to_owned());
    }
    Ok(())
}

/// Whether a key was acknowledged by a pod on one of the planned nodes.
fn on_new(hand: &Hand, key: &str) -> bool {
    let planned = |node: &str| laws::replicated().iter().any(|new| node == format!("primary/{}", new.node));
    hand.account().acknowledged.get(key).is_some_and(|(_, node)| planned(node))
}

/// Whether something was done while a step ran.
fn during(ran: &Ran, step: &str, hand: &Hand) -> bool {
    let mut within = (None, None);
    for event in &ran.events {
        match &event.kind {
            EventKind::StepStarted { path, .. } if path.to_string().ends_with(step) => within.0 = Some(event.at),
            EventKind::StepFinished { path, .. } if path.to_string().ends_with(step) => within.1 = Some(event.at),
            _ => {}
        }
    }
    let at = hand.account().fired;
    at >= within.0 && within.0.is_some() && within.1.is_none_or(|end| at <= Some(end))
}

/// Whether a step was finished.
fn passed(ran: &Ran, wanted: &str) -> bool {
    ran.events.iter().any(|event| match &event.kind {
        EventKind::StepFinished { path, .. } => path.to_string().ends_with(wanted),
        _ => false,
    })
}

/// After a good end.
async fn well(subject: &Subject, stage: &Stage, hand: &Hand, ran: &Ran, all: &Keys) -> Result<(), String> {
    let world = &stage.world;
    if !subject.moves {
        return match laws::not_held(all, &laws::keys_of(world, &subject.originals).await) {
            Some(lost) => Err(format!("after exit 0: on the originals {lost}")),
            None => Ok(()),
        };
    }
    let new = laws::keys_of(world, &laws::replicated()).await;
    if let Some(lost) = laws::not_held(all, &new) {
        return Err(format!("after exit 0: on the replicated disks {lost}"));
    }
    // Nothing can see what comes after the last look.
    let last = ran.events.iter().find(|event| match &event.kind {
        EventKind::StepStarted { path, .. } => path.to_string().ends_with("/every-replica-is-still-ready"),
        _ => false,
    });
    let fired = hand.account().fired;
    if last.is_some_and(|event| fired.is_some_and(|at| at >= event.at)) {
        return Ok(());
    }
    laws::on_replicated_disks(world).await?;
    laws::served(world, "primary", all).await
}

/// A person undoes what stands.
async fn undo(
    subject: &Subject,
    case: Case,
    (stage, hand): (&Stage, &Hand),
    all: &Keys,
    ran: &Ran,
    trial: &mut Trial,
) -> Result<(), String> {
    let (mut events, mut done) = (ran.events.clone(), false);
    for _ in 0..TRIES {
        let undone = tokio::time::timeout(END, stage.execution(&subject.play).after(&events).undo()).await;
        let Ok(undone) = undone else { return Err("undo never ends".to_owned()) };
        trial.undone.push(undone.ending.exit_code);
        trial.asked |= undone.own().iter().any(|event| matches!(event.kind, EventKind::GateAnswered { .. }));
        trial.course.push(format!("undo: {}", undone.summary()));
        events.clone_from(&undone.events);
        done = undone.ending.exit_code == 7;
        if done {
            break;
        }
        if undone.words().is_empty() {
            return Err("undo stopped without a word".to_owned());
        }
        laws::mend(&stage.world).await;
    }
    if done {
        let stopped = changes(&ran.events).iter().any(|change| change.contains("/scale-to-zero@"));
        if let Err(missing) = laws::served(&stage.world, "primary", all).await {
            let keys = subject.keys.clone();
            let served = |world| async move { laws::served(&world, "primary", &keys).await };
            if stopped || alone(hand, case, served).await.is_ok() {
                return Err(format!("it was undone, and {missing}"));
            }
        }
    }
    Ok(())
}

/// What becomes of the world if the same is done to it at the same time, and the run does not go on.
async fn alone<T, F: Future<Output = T>>(hand: &Hand, case: Case, look: impl FnOnce(Sandbox) -> F) -> T {
    let before = hand.account().before.clone().expect("a world");
    let world = before.world();
    world.keep_no_calls();
    (KINDS[case.kind].act)(&Hand::new(&world), &mut Random::new(case.seed)).await;
    tokio::time::sleep(AFTERMATH).await;
    look(world).await
}
