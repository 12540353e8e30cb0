//! The world's state, its clock and its randomness.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cutover_engine::inventory::Inventory;
use cutover_engine::world::Place;
use jiff::Timestamp;
use tokio::time::Instant;

use crate::calls::Calls;
use crate::machine::{Machine, Machines};
use crate::snapshot::Snapshot;
use crate::spec::WorldSpec;

/// A running world. Programs and controllers share it.
pub(crate) struct Sim {
    /// The world file.
    pub(crate) spec: Arc<WorldSpec>,
    /// What the world was derived from.
    pub(crate) inventory: Arc<Inventory>,
    /// The seed of all randomness.
    pub(crate) seed: u64,
    /// When the world began.
    pub(crate) starts: Timestamp,
    /// How old the world was when its clock was started.
    age: Duration,
    began: Instant,
    state: Mutex<State>,
}

/// What changes.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    /// All machines, the controller not included.
    pub(crate) machines: Machines,
    /// The machine that stands for the controller; made when a program first works on it.
    pub(crate) controller: Option<Machine>,
    /// The Kubernetes clusters by site.
    pub(crate) clusters: crate::api::Clusters,
    /// The calls of the run, and what is to hit them.
    pub(crate) calls: Calls,
    /// How often identifiers were drawn; see [`Sim::draw`].
    pub(crate) drawn: u64,
}

impl Sim {
    /// A world of these machines. Must be called inside a tokio runtime.
    pub(crate) fn new(
        inventory: Arc<Inventory>,
        spec: WorldSpec,
        seed: u64,
        mut state: State,
    ) -> Result<Arc<Self>, String> {
        let starts: Timestamp = spec.starts.parse().map_err(|error| format!("`starts: {}`: {error}", spec.starts))?;
        state.machines.drbd = crate::drbd::Shared::new(&spec, seed, starts.as_nanosecond());
        let (age, began, state) = (Duration::ZERO, Instant::now(), Mutex::new(state));
        Ok(Arc::new(Self { spec: Arc::new(spec), inventory, seed, starts, age, began, state }))
    }

    /// A world that goes on by itself from where a snapshot was taken. Must be called inside a tokio runtime.
    pub(crate) fn resume(snapshot: &Snapshot) -> Arc<Self> {
        let Snapshot { spec, inventory, seed, starts, age, state } = snapshot.clone();
        Arc::new(Self { spec, inventory, seed, starts, age, began: Instant::now(), state: Mutex::new(state) })
    }

    /// The world as it is now.
    pub(crate) fn snapshot(&self) -> Snapshot {
        self.settle();
        Snapshot {
            spec: Arc::clone(&self.spec),
            inventory: Arc::clone(&self.inventory),
            seed: self.seed,
            starts: self.starts,
            age: self.elapsed(),
            state: self.state().clone(),
        }
    }

    /// Locks the state. Never held across an await.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Simulated time since the world began.
    pub(crate) fn elapsed(&self) -> Duration {
        self.age + self.began.elapsed()
    }

    /// The simulated time of day.
    pub(crate) fn now(&self) -> Timestamp {
        self.starts + self.elapsed()
    }

    /// Brings the world up to the present. Called before and after every command and request; nothing runs in between.
    pub(crate) fn settle(&self) {
        let elapsed = self.elapsed();
        let mut state = self.state();
        crate::strike::catch_up(&mut state, elapsed);
        crate::drbd::settle(&mut state.machines, elapsed);
        crate::api::settle(&mut state, elapsed);
        crate::drbd::settle(&mut state.machines, elapsed);
    }

    /// Works on the machine at a place; `None` if the place is no machine of this world.
    pub(crate) fn with_machine<T>(&self, place: &Place, work: impl FnOnce(&mut Machine) -> T) -> Option<T> {
        match place {
            Place::Node { site, node } => self.state().machines.named_mut(site, node).map(work),
            Place::Controller => {
                let (uuid, now) = (self.uuid("controller/root"), self.starts.as_nanosecond());
                let made = || Machine::new(("", "controller"), "controller", "127.0.0.1", &uuid, 50 << 30, now);
                Some(work(self.state().controller.get_or_insert_with(made)))
            }
            Place::Pod { .. } => None,
        }
    }

    /// The simulated time of day in nanoseconds since 1970, as file times are kept.
    pub(crate) fn now_ns(&self) -> i128 {
        self.now().as_nanosecond()
    }

    /// Draws a 64-bit number that depends on the seed, a label and nothing else: the same label gives the same number.
    pub(crate) fn number(&self, label: &str) -> u64 {
        number(self.seed, label)
    }

    /// Makes a UUID out of the seed and a label.
    pub(crate) fn uuid(&self, label: &str) -> String {
        uuid(self.seed, label)
    }

    /// Draws the next number of the world's sequence, for things that have no stable label.
    pub(crate) fn draw(&self) -> u64 {
        let drawn = {
            let mut state = self.state();
            state.drawn += 1;
            state.drawn
        };
        self.number(&format!("draw/{drawn}"))
    }
}

/// Draws a 64-bit number that depends on a seed, a label and nothing else.
pub(crate) fn number(seed: u64, label: &str) -> u64 {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(format!("{seed}/{label}"));
    digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Makes a UUID out of a seed and a label.
pub(crate) fn uuid(seed: u64, label: &str) -> String {
    let (a, b) = (number(seed, label), number(seed, &format!("{label}/more")));
    format!(
        "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
        a >> 32,
        a >> 16 & 0xffff,
        a & 0xfff,
        b >> 52,
        b & 0xffff_ffff_ffff
    )
}
