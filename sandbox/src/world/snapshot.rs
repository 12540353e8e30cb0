//! A world kept as it is at a moment, so that many futures can be tried from it. Not a file: it lives in this process only.

use std::fmt;
use std::sync::Arc;

use super::Sandbox;
use crate::cluster::Clusters;

/// A world at a moment. Independent of the runtime it was taken in.
#[derive(Clone)]
pub struct Snapshot(Arc<Clusters>);

impl Snapshot {
    /// A world that goes on from here; the snapshot stays as it is. Call it inside a tokio runtime whose clock is paused.
    pub fn world(&self) -> Sandbox {
        Sandbox::of(self.0.copy(self.0.hosts.kernel.clock.started()))
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Snapshot").field(&self.0.hosts.kernel.clock).finish_non_exhaustive()
    }
}

impl Sandbox {
    /// Keeps the world as it is now.
    pub fn snapshot(&self) -> Snapshot {
        self.clusters.settle();
        Snapshot(Arc::new(self.clusters.copy(self.kernel().clock.stopped())))
    }
}
