//! A playbook that is disturbed, lived through once without any disturbance: the world before each of its steps, and what it
//! sends from there on.

use cutover_engine::event::{Event, EventKind};
use cutover_sandbox::{Snapshot, WorldSpec};
use cutover_testkit::Random;

use super::laws::{Directory, keys_of, originals};
use crate::support::execution::Moment;
use crate::support::play::Play;
use crate::support::stage::{Stage, aside};

/// A playbook, and its undisturbed run.
pub(super) struct Subject {
    pub(super) name: &'static str,
    pub(super) play: Play,
    /// The world before each of its steps, and at its end.
    pub(super) moments: Vec<Moment>,
    /// How many calls there were until then.
    calls: Vec<u64>,
    /// Where the volumes were at first, and what their members held.
    pub(super) originals: Vec<Directory>,
    pub(super) keys: std::collections::BTreeMap<String, String>,
    /// Whether the service is to be on the replicated disks after it.
    pub(super) moves: bool,
}

impl Subject {
    /// The preparation.
    pub(super) fn prepare() -> Self {
        let play = Play::prepare();
        let begin = aside(async { Stage::new(&Play::prepare(), WorldSpec::default(), 1).world.snapshot() });
        Self::of("prepare", play, &begin, false)
    }

    /// The cutover, in the world that is prepared.
    pub(super) fn cutover() -> Self {
        let begin = aside(async { Stage::prepared().world.snapshot() });
        Self::of("cutover", Play::cutover(), &begin, true)
    }

    fn of(name: &'static str, play: Play, begin: &Snapshot, moves: bool) -> Self {
        let (moments, calls, originals, keys) = aside(async {
            let stage = Stage::from(begin);
            let originals = originals(&stage).await;
            let keys = keys_of(&stage.world, &originals).await.swap_remove(0);
            let stage = Stage::from(begin);
            stage.world.begin_run();
            let shown =
                |event: &Event| matches!(event.kind, EventKind::StepStarted { .. } | EventKind::RunFinished { .. });
            let moments = stage.execution(&play).moments(shown).await;
            let count = |moment: &Moment| moment.snapshot.world().calls().len() as u64;
            let calls = moments.iter().map(count).collect();
            (moments, calls, originals, keys)
        });
        Self { name, play, moments, calls, originals, keys, moves }
    }

    /// One of the calls of the undisturbed run, of each step as often as of any other: steps that only look send most of them.
    pub(super) fn any_call(&self, random: &mut Random) -> u64 {
        let steps: Vec<&[u64]> = self.calls.windows(2).filter(|pair| pair[0] < pair[1]).collect();
        let step = *random.pick(&steps);
        step[0] + random.below((step[1] - step[0]) as usize) as u64
    }

    /// The moment before the step in which a call is sent, and how many calls the step sends before it. Calls count from 0.
    pub(super) fn at(&self, call: u64) -> (&Moment, u64) {
        let last = self.moments.len() - 2;
        let index = self.calls.partition_point(|before| *before <= call).saturating_sub(1).min(last);
        (&self.moments[index], call - self.calls[index])
    }

    /// What is changed from a moment on if nobody disturbs it, one line for each change.
    pub(super) fn changes(&self, from: &Moment) -> Vec<String> {
        let whole = &self.moments.last().expect("an end").events;
        changes(&whole[from.events.len()..])
    }
}

/// The changes in events, one line for each.
pub(super) fn changes(events: &[Event]) -> Vec<String> {
    let change = |event: &Event| match &event.kind {
        EventKind::Applying { task, change, .. } => Some(format!("{task}:{}", change.key)),
        _ => None,
    };
    events.iter().filter_map(change).collect()
}

/// The path of the step that a moment is before.
pub(super) fn step(moment: &Moment) -> String {
    match &moment.next.kind {
        EventKind::StepStarted { path, .. } => path.to_string(),
        _ => "the end".to_owned(),
    }
}
