//! The run that nothing disturbs: the moments from which cases begin, and what they are compared with.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use cutover_engine::event::{Event, EventKind, Verb};
use cutover_engine::execute::{Ending, Past};
use cutover_engine::record::Reader;
use cutover_sandbox::{Portrait, Received, Sandbox, Snapshot};

use super::account::Account;
use super::judge::{Judge, Measure};
use super::law::Breach;
use super::leg::{Scene, Trace};

/// The world right before a step, and what was recorded by then.
pub(super) struct Moment {
    /// The step's path.
    pub(super) step: String,
    pub(super) snapshot: Snapshot,
    /// How many events there were.
    pub(super) events: usize,
    /// How many calls there were.
    pub(super) calls: u64,
    pub(super) account: Account,
    pub(super) portrait: Portrait,
    /// The judge as he was then.
    pub(super) judge: Judge,
    /// Whether a run that is taken up here goes on here: one whose outage has begun with nothing changed in it goes back to the gate.
    resumes_here: bool,
}

/// An undisturbed run.
pub(super) struct Undisturbed {
    pub(super) moments: Vec<Moment>,
    by_step: HashMap<String, usize>,
    /// The events, those of probes left out.
    pub(super) events: Vec<Event>,
    pub(super) calls: Vec<Received>,
    pub(super) ending: Ending,
    pub(super) measure: Arc<Measure>,
    /// The laws that it breaks itself.
    pub(super) breaches: Vec<Breach>,
    /// The data that is served when it has ended.
    pub(super) served: Vec<String>,
}

impl Undisturbed {
    /// Executes the playbook in a world; `None` if the world's own strikes kill the controller.
    pub(super) async fn of(scene: &Scene, world: &Sandbox) -> Option<Self> {
        let active = &scene.run.inventory.roles.active;
        let measure = Arc::new(Measure::of(world, active));
        let judge = Judge::learning(&measure);
        let trace = Trace::new(world, &judge, Account::default(), None);
        let moments = Arc::<Mutex<Vec<Moment>>>::default();
        let camera = Camera {
            world: world.clone(),
            judge: judge.clone(),
            trace: trace.clone(),
            moments: Arc::clone(&moments),
            account: Account::default(),
            events: 0,
            untouched: false,
        };
        world.begin_run();
        let settings = scene.settings(Verb::Rehearse, Past::default());
        let ending = scene.execute(world, &judge, settings, &[], &trace, Box::new(camera)).await?;
        let (events, account) = trace.take();
        let breaches = judge.breaches();
        let served = judge.with_inspector(|inspector| inspector.inspect(world)).served;
        let learned = judge.learned();
        let mut measure = Measure::clone(&measure);
        measure.mounts.extend(learned.mounts);
        measure.volumes.extend(learned.volumes);
        let mut moments = std::mem::take(&mut *moments.lock().unwrap_or_else(PoisonError::into_inner));
        let by_step = moments.iter().enumerate().map(|(index, moment)| (moment.step.clone(), index)).collect();
        moments.push(Moment {
            step: "the end".to_owned(),
            snapshot: world.snapshot(),
            events: events.len(),
            calls: world.last_call(),
            account,
            portrait: judge.with_inspector(|inspector| inspector.portrait(world)),
            judge: judge.fork(&Arc::default(), &Default::default()),
            resumes_here: false,
        });
        Some(Self {
            by_step,
            moments,
            events,
            calls: world.calls(),
            ending,
            measure: Arc::new(measure),
            breaches,
            served: served.into_iter().map(|served| served.identity).collect(),
        })
    }

    /// The moment before a step.
    pub(super) fn at_step(&self, step: &str) -> Option<usize> {
        self.by_step.get(step).copied()
    }

    /// The last moment before a call from which a run goes on where it is.
    pub(super) fn before(&self, ordinal: u64) -> usize {
        let fits = |moment: &&Moment| moment.calls < ordinal && moment.resumes_here;
        self.moments.iter().rposition(|moment| fits(&moment)).unwrap_or(0)
    }

    /// The first moment after a call, or the last one of all.
    pub(super) fn after(&self, ordinal: u64) -> usize {
        let last = self.moments.len().saturating_sub(1);
        self.moments.iter().position(|moment| moment.calls >= ordinal).unwrap_or(last)
    }

    /// The moment after the step that a run has begun last.
    pub(super) fn reached(&self, events: &[Event]) -> usize {
        let last = events.iter().rev().find_map(|event| match &event.kind {
            EventKind::StepStarted { path, .. } => self.at_step(&path.to_string()),
            _ => None,
        });
        last.map_or(0, |moment| (moment + 1).min(self.moments.len().saturating_sub(1)))
    }

    /// The step of a call.
    pub(super) fn step_of(&self, ordinal: u64) -> &str {
        let step = self.moments.iter().rev().find(|moment| moment.calls < ordinal);
        step.map_or("", |moment| moment.step.as_str())
    }

    /// The events until a moment.
    pub(super) fn until(&self, moment: usize) -> &[Event] {
        &self.events[..self.moments[moment].events]
    }

    /// Whether an undo from a moment is the same as one from another world with an account.
    pub(super) fn goes_back_like(&self, moment: usize, account: &Account, portrait: &Portrait) -> bool {
        let known = self.moments.get(moment);
        known.is_some_and(|known| known.account.standing() == account.standing() && known.portrait == *portrait)
    }

    /// Whether a run has the same future as this one from a moment on.
    pub(super) fn is_the_same(&self, moment: usize, account: &Account, portrait: &Portrait) -> bool {
        let moment = &self.moments[moment];
        moment.account == *account && moment.portrait == *portrait
    }
}

/// Takes a snapshot before each step.
struct Camera {
    world: Sandbox,
    judge: Judge,
    trace: Trace,
    moments: Arc<Mutex<Vec<Moment>>>,
    account: Account,
    events: usize,
    untouched: bool,
}

impl Reader for Camera {
    fn event(&mut self, event: &Event) {
        match &event.kind {
            EventKind::OutageBegan { .. } => self.untouched = true,
            EventKind::Applying { .. } => self.untouched = false,
            EventKind::StepStarted { path, .. } => {
                let portrait = self.judge.with_inspector(|inspector| inspector.portrait(&self.world));
                let moment = Moment {
                    step: path.to_string(),
                    snapshot: self.world.snapshot(),
                    events: self.events,
                    calls: self.world.last_call(),
                    account: self.account.clone(),
                    portrait,
                    judge: self.judge.fork(&Arc::default(), &Default::default()),
                    resumes_here: !self.untouched,
                };
                self.moments.lock().unwrap_or_else(PoisonError::into_inner).push(moment);
            }
            _ => {}
        }
        self.account.add(event);
        self.events += usize::from(!matches!(event.kind, EventKind::Probed { .. }));
        self.trace.event(event);
    }
}
