//! The operator of a case: waits until what was lost has come back, makes room on full disks, promotes and mounts again what a machine had
//! before it lost its power, and then resumes or undoes as the engine's own words say, declaring done or repeating what was in doubt
//! by looking at the world.

use std::sync::Arc;
use std::time::Duration;

use cutover_engine::event::{Event, Verb};
use cutover_engine::execute::{Ending, Past, Settings};
use cutover_engine::selector::Selector;
use cutover_engine::target::Target;
use cutover_engine::task::TaskId;
use cutover_engine::world::{Command, Place, World as _, collect};
use cutover_sandbox::{Inspector, Sandbox};

use super::account::Account;
use super::judge::Judge;
use super::ledger;
use super::leg::{Scene, Trace};
use super::undisturbed::Undisturbed;

/// How often the same command is typed before something else is tried.
const TRIES: usize = 4;
/// How long an operator waits before the first try: longer than any loss of a campaign lasts.
const WAITS: Duration = Duration::from_secs(10 * 60);
/// How long between tries.
const BETWEEN: Duration = Duration::from_secs(60);

/// A run that was struck, to be taken up by an operator.
pub(super) struct Operator<'a> {
    pub(super) scene: &'a Scene,
    pub(super) undisturbed: &'a Arc<Undisturbed>,
    pub(super) world: &'a Sandbox,
    pub(super) judge: &'a Judge,
    /// Everything that was recorded, probes left out.
    pub(super) events: Vec<Event>,
    pub(super) account: Account,
    /// Whether a machine has lost its power, and with it roles and mounts, which no step that is finished makes again.
    pub(super) booted: bool,
}

/// How it ended.
pub(super) enum Ended {
    /// As asked for, after so many tries; perhaps the same as the undisturbed run from a moment on.
    Well { same_from: Option<usize>, tries: usize },
    /// Otherwise: the last try.
    Badly(Option<Ending>),
}

impl Operator<'_> {
    /// Resumes, or undoes, until that has come to its good end or does not get on.
    pub(super) async fn bring(&mut self, verb: Verb) -> Ended {
        let good = if verb == Verb::Undo { 7 } else { 0 };
        let mut last = None;
        self.events.retain(|event| !(self.scene.forgets)(event));
        for attempt in 0..TRIES {
            self.world.revive();
            self.world.make_room();
            tokio::time::sleep(if attempt == 0 { WAITS } else { BETWEEN }).await;
            self.world.catch_up();
            if attempt == 0 && self.booted {
                self.restore().await;
            }
            if verb == Verb::Undo && Past::of(&self.events).standing().is_empty() {
                return Ended::Well { same_from: None, tries: attempt };
            }
            let settings = self.settings(verb, attempt > 0);
            let against = (verb != Verb::Undo).then_some(self.undisturbed);
            let trace = Trace::new(self.world, self.judge, self.account.clone(), against);
            let reader = Box::new(trace.clone());
            let ending = self.scene.execute(self.world, self.judge, settings, &self.events, &trace, reader).await;
            let (mut events, account) = trace.take();
            self.events.append(&mut events);
            self.account = account;
            if let Some(moment) = trace.same_from() {
                return Ended::Well { same_from: Some(moment), tries: attempt + 1 };
            }
            if ending.as_ref().is_some_and(|ending| ending.exit_code == good) {
                return Ended::Well { same_from: None, tries: attempt + 1 };
            }
            last = ending;
        }
        Ended::Badly(last)
    }

    /// What a machine had before it lost its power is promoted and mounted again, by hand.
    async fn restore(&self) {
        let (intact, now) = (self.judge.intact(), Inspector::default().inspect(self.world));
        let mut lines = Vec::new();
        for (resource, nodes) in &intact.primaries {
            let gone = nodes.iter().filter(|node| !now.primaries.get(resource).is_some_and(|now| now.contains(node)));
            lines.extend(
                gone.map(|node| (node.clone(), vec!["drbdadm".to_owned(), "primary".to_owned(), resource.clone()])),
            );
        }
        for mount in intact.replicated.iter().filter(|mount| !now.replicated.contains(mount)) {
            let (node, target, device) = mount.clone();
            lines.push((node, vec!["mount".to_owned(), device, target]));
        }
        for (node, line) in lines {
            let (site, node) = node.split_once('/').unwrap_or_default();
            // What does not work is left to the run to complain about.
            if let Ok(shell) = self.world.transport(&Place::node(site, node)).await {
                let _ = collect(shell.as_ref(), &Command::new(line)).await;
            }
        }
    }

    /// The first time nothing is known better than the engine does; then who has looked says what was done.
    fn settings(&self, verb: Verb, looked: bool) -> Settings {
        let mut past = Past::of(&self.events);
        let doubts: Vec<TaskId> = if looked { past.in_doubt().cloned().collect() } else { Vec::new() };
        let calls = self.world.calls();
        let (mut done, mut repeat) = (Vec::new(), Vec::new());
        for task in &doubts {
            let Some(selector) = selector(task) else { continue };
            match ledger::truly_made(&self.events, &calls, task) {
                true => done.push(selector),
                false => repeat.push(selector),
            }
        }
        let declared_done = past.declare_done(&done);
        let mut settings = self.scene.settings(verb, past);
        (settings.repeat, settings.declared_done) = (repeat, declared_done);
        settings
    }
}

/// A task as `--repeat` and `--done` know it.
fn selector(task: &TaskId) -> Option<Selector> {
    let name = match &task.target {
        Target::Controller => task.path.to_string(),
        _ => task.to_string(),
    };
    name.parse().ok()
}
