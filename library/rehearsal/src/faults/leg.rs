//! One execution in a world that is judged: a run, a resume or an undo, with everything that decides its future recorded in memory.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cutover_engine::event::{Event, EventKind, StepKind, Verb};
use cutover_engine::execute::{Ending, Past, Settings, Stop, Tags};
use cutover_engine::record::Reader;
use cutover_engine::run::Run;
use cutover_sandbox::Sandbox;
use tokio::sync::Notify;

use super::account::Account;
use super::judge::Judge;
use super::undisturbed::Undisturbed;
use super::witness::Witness;
use crate::rehearsal::{Nowhere, Rehearsal, Watch};

/// How often a case is compared with the undisturbed run before it is followed to its end.
const COMPARISONS: usize = 4;

/// What cases have in common.
pub(super) struct Scene {
    pub(super) rehearsal: Arc<Rehearsal>,
    pub(super) run: Run,
    pub(super) tags: Tags,
    pub(super) accepted_gaps: Vec<String>,
    /// What the journal of a killed controller has lost: nothing, but in tests that take a guard away.
    pub(super) forgets: fn(&Event) -> bool,
}

impl Scene {
    /// The settings of an execution.
    pub(super) fn settings(&self, verb: Verb, past: Past) -> Settings {
        let mut settings = Settings::new(verb, self.tags.clone());
        settings.past = past;
        settings.accepted_gaps.clone_from(&self.accepted_gaps);
        settings
    }

    /// Executes in a world and judges; `None` for the ending if the controller was killed or the execution was left.
    pub(super) async fn execute(
        &self,
        world: &Sandbox,
        judge: &Judge,
        settings: Settings,
        before: &[Event],
        trace: &Trace,
        reader: Box<dyn Reader>,
    ) -> Option<Ending> {
        let door = Arc::new(Witness::new(world, judge));
        let watch = Watch { journal: Box::new(Nowhere), reader, stop: Stop::default() };
        let work = self.rehearsal.execute_through(door, &self.run, world, settings, watch, before);
        let ending = tokio::select! {
            biased;
            () = trace.left.notified() => None,
            ending = work => ending,
        };
        judge.look(world, true);
        ending
    }
}

/// What an execution has recorded so far. It can be compared with an undisturbed run, and is left when both have the same future.
#[derive(Clone)]
pub(super) struct Trace {
    state: Arc<Mutex<State>>,
    world: Sandbox,
    judge: Judge,
    left: Arc<Notify>,
}

struct State {
    events: Vec<Event>,
    account: Account,
    against: Option<Arc<Undisturbed>>,
    comparisons: usize,
    same_from: Option<usize>,
}

impl Trace {
    /// A trace that goes on from an account; with an undisturbed run, it is compared with it.
    pub(super) fn new(world: &Sandbox, judge: &Judge, account: Account, against: Option<&Arc<Undisturbed>>) -> Self {
        let against = against.cloned();
        let state = State { events: Vec::new(), account, against, comparisons: 0, same_from: None };
        Self { state: Arc::new(Mutex::new(state)), world: world.clone(), judge: judge.clone(), left: Arc::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The events, those of probes left out.
    pub(super) fn take(&self) -> (Vec<Event>, Account) {
        let mut state = self.state();
        (std::mem::take(&mut state.events), state.account.clone())
    }

    /// The moment of the undisturbed run from which on both are the same.
    pub(super) fn same_from(&self) -> Option<usize> {
        self.state().same_from
    }
}

impl Reader for Trace {
    fn event(&mut self, event: &Event) {
        let mut state = self.state();
        if state.same_from.is_some() {
            return;
        }
        if let EventKind::StepStarted { path, step, .. } = &event.kind {
            let path = path.to_string();
            self.judge.enter(&path);
            if let Some(against) = state.against.clone()
                && *step != StepKind::Undo
                && state.comparisons < COMPARISONS
                && self.world.planned().is_empty()
                && let Some(moment) = against.at_step(&path)
            {
                state.comparisons += 1;
                let portrait = self.judge.with_inspector(|inspector| inspector.portrait(&self.world));
                if against.is_the_same(moment, &state.account, &portrait) {
                    state.same_from = Some(moment);
                    self.left.notify_one();
                    return;
                }
            }
        }
        state.account.add(event);
        if !matches!(event.kind, EventKind::Probed { .. }) {
            state.events.push(event.clone());
        }
    }
}
