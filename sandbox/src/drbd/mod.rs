//! DRBD as a state machine: what a resource is on each machine, and how two of them meet. Not the tools' text.

/// DRBD metadata on a backing disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Metadata {
    /// The generation identifiers: current, bitmap, two of history.
    pub(crate) generations: [u64; 4],
}

/// A resource configured in the kernel of one machine.
#[derive(Debug, Clone)]
pub(crate) struct DrbdResource {
    /// Its name.
    pub(crate) name: String,
    /// Its device: `/dev/drbd0`.
    pub(crate) device: String,
    /// Its backing disk: `/dev/sdc`.
    pub(crate) disk: String,
    /// Whether it is Primary here.
    pub(crate) primary: bool,
}

/// Brings every resource up to the present: connections, resync progress, replicated writes.
pub(crate) fn settle(_state: &mut crate::sim::State, _elapsed: std::time::Duration) {}
