//! Connections that are lost before or after each command and request that changes something, answers that never come, and
//! refusals. Whatever happens, the run ends well or reports why not, and a resume completes it; what may be done only
//! once is done only once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use cutover_engine::action::Action;
use cutover_engine::event::{Event, EventKind};
use cutover_engine::module::Class;
use cutover_engine::record::Reader;
use cutover_sandbox::{Sandbox, Snapshot, Strike, StrikeKind, WorldSpec};

use crate::support::play::Play;
use crate::support::stage::Stage;
use crate::support::truth::{Truth, Workload};

/// Strikes a command or request as soon as the change it belongs to is about to be made.
struct Armed {
    world: Sandbox,
    text: String,
    kind: StrikeKind,
    armed: Arc<Mutex<bool>>,
}

impl Reader for Armed {
    fn event(&mut self, event: &Event) {
        let mut armed = self.armed.lock().unwrap();
        if *armed && texts(event).contains(&self.text) {
            *armed = false;
            self.world.inject(Strike::text(self.text.clone(), self.kind.clone()));
        }
    }
}

/// The commands and requests of a change that is about to be made, as the sandbox knows them.
fn texts(event: &Event) -> Vec<String> {
    let EventKind::Applying { change, .. } = &event.kind else { return Vec::new() };
    // A pipe is two commands.
    let text = |action: &Action| match action {
        Action::Pipe { .. } => action.to_string().split("  |  ").map(str::to_owned).collect(),
        Action::Exec { .. } | Action::Request(_) => vec![action.to_string()],
    };
    change.actions.iter().flat_map(text).collect()
}

/// Nothing that may be done at most once was done twice.
fn done_once(effects: &[String]) {
    let once = ["drbdadm create-md", "mkfs.ext4", "primary --force", " uninstall ", " install ", "> DELETE "];
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for effect in effects {
        let done = ["[0]", "[200]", "[202]"].iter().any(|code| effect.ends_with(code));
        if done && once.iter().any(|words| effect.contains(words)) {
            *counts.entry(effect).or_default() += 1;
        }
    }
    // 6 create-md, 3 promotions, 3 mkfs and 1 installation prepare it.
    assert!(counts.len() >= 13, "{counts:?}");
    let twice: Vec<_> = counts.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "done more than once: {twice:?}");
}

/// One fault in one execution.
struct Trial<'a> {
    play: &'a Play,
    snapshot: &'a Snapshot,
    events: &'a [Event],
    truth: &'a Truth,
}

impl Trial<'_> {
    async fn strike(&self, text: &str, kind: StrikeKind) {
        let stage = Stage::from(self.snapshot);
        let armed = Arc::new(Mutex::new(true));
        let strike =
            Armed { world: stage.world.clone(), text: text.to_owned(), kind: kind.clone(), armed: armed.clone() };
        let what = format!("{kind:?} {text}");
        let mut ran = stage.execution(self.play).after(self.events).watched(strike).go().await;
        assert!(!*armed.lock().unwrap(), "{what}: never struck");
        if ran.ending.exit_code != 0 {
            assert!(!ran.words().is_empty() && ran.failed().is_some(), "{what}: it does not say why");
            ran = stage.resume(self.play, &ran.events).await;
        }
        assert_eq!(ran.ending.exit_code, 0, "{what}: after a resume: {}", ran.summary());
        done_once(&stage.world.effects());
        Workload::default().serves(&stage, "primary", self.truth).await;
    }
}

/// Tries every `stride`th action of a playbook, from the `first`, with some kinds of faults.
async fn try_all(stage: Stage, play: &Play, (first, stride): (usize, usize), kinds: &[StrikeKind]) {
    let truth = Workload::default().truth(&stage, "primary").await;
    let step = |event: &Event| matches!(event.kind, EventKind::StepStarted { .. });
    let changes = |event: &Event| match &event.kind {
        EventKind::Applying { change, .. } => change.class != Class::Transient,
        _ => false,
    };
    let moments = stage.execution(play).moments(move |event| step(event) || changes(event)).await;
    let mut before = None;
    let mut actions = Vec::new();
    for moment in &moments {
        match &moment.next.kind {
            EventKind::StepStarted { .. } => before = Some(moment),
            _ => actions.extend(texts(&moment.next).into_iter().map(|text| (before.unwrap(), text))),
        }
    }
    println!("{} commands and requests of {}", actions.len(), play.playbook.name);
    for (moment, text) in actions.iter().skip(first).step_by(stride) {
        for kind in kinds {
            let trial = Trial { play, snapshot: &moment.snapshot, events: &moment.events, truth: &truth };
            trial.strike(text, kind.clone()).await;
        }
    }
}

// The three replicas are alike, and most things are done three times: with these strides each of them is struck at least once.

#[tokio::test(start_paused = true)]
async fn the_cutover_survives_lost_requests() {
    try_all(Stage::prepared(), &Play::cutover(), (0, 2), &[StrikeKind::LostBefore]).await;
}

#[tokio::test(start_paused = true)]
async fn the_cutover_survives_lost_answers() {
    try_all(Stage::prepared(), &Play::cutover(), (1, 2), &[StrikeKind::LostAfter]).await;
}

#[tokio::test(start_paused = true)]
async fn the_cutover_survives_silence_and_refusals() {
    try_all(Stage::prepared(), &Play::cutover(), (0, 4), &[StrikeKind::Hangs, StrikeKind::Fails(1)]).await;
}

#[tokio::test(start_paused = true)]
async fn the_preparation_survives_lost_connections() {
    let play = Play::prepare();
    let stage = Stage::new(&play, WorldSpec::default(), 1);
    try_all(
        stage,
        &play,
        (0, 5),
        &[StrikeKind::LostBefore, StrikeKind::LostAfter, StrikeKind::Hangs, StrikeKind::Fails(1)],
    )
    .await;
}
