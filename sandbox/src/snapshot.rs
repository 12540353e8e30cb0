//! A world kept as it is at a moment, so that many futures can be tried from it. Not a file: it lives in this process only.

use std::sync::Arc;
use std::time::Duration;

use cutover_engine::inventory::Inventory;
use jiff::Timestamp;

use crate::Sandbox;
use crate::sim::{Sim, State};
use crate::spec::WorldSpec;

/// A world at a moment. Independent of the runtime it was taken in.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub(crate) spec: Arc<WorldSpec>,
    pub(crate) inventory: Arc<Inventory>,
    pub(crate) seed: u64,
    pub(crate) starts: Timestamp,
    pub(crate) age: Duration,
    pub(crate) state: State,
}

impl Snapshot {
    /// A world that goes on from here; the snapshot stays as it is. Call it inside a tokio runtime whose clock is paused.
    pub fn world(&self) -> Sandbox {
        Sandbox::of(Sim::resume(self))
    }
}

impl Sandbox {
    /// Keeps the world as it is now.
    pub fn snapshot(&self) -> Snapshot {
        self.sim.snapshot()
    }
}
