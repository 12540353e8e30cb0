//! A DRBD resource in the kernel of one machine: its configuration, its states, its progress. Gone after a crash.

mod agenda;
mod shared;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(crate) use shared::Shared;

/// The number of a machine in its world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct MachineId(pub(crate) u32);

impl MachineId {
    /// Its place in the list of machines.
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// A resource on a machine.
pub(crate) type End = (MachineId, Arc<str>);

/// A resource configured in the kernel of one machine.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DrbdResource {
    /// Its name.
    pub(crate) name: String,
    /// Its device: `/dev/drbd0`.
    pub(crate) device: String,
    /// The device's minor number.
    pub(crate) minor: u32,
    /// Its backing disk as the configuration names it: `/dev/sdc`, `/dev/disk/by-id/...`.
    pub(crate) disk: String,
    /// Whether it is Primary here.
    pub(crate) primary: bool,
    /// This node's number.
    pub(crate) node_id: u32,
    /// Where it listens.
    pub(crate) local: Endpoint,
    /// The other side.
    pub(crate) peer: Peer,
    /// What the configuration sets.
    pub(crate) options: Options,
    /// The state of its disk.
    pub(crate) disk_state: DiskState,
    /// The state of its connection.
    pub(crate) connection: Connection,
    /// The state of replication.
    pub(crate) replication: Replication,
    /// Since when both sides have been trying to connect.
    pub(crate) meeting: Option<Duration>,
    /// Since when a connected peer has not answered.
    pub(crate) lost: Option<Duration>,
    /// `connect --discard-my-data` was given.
    pub(crate) discard: bool,
    /// Resyncs are suspended (`pause-sync`).
    #[serde(default)]
    pub(crate) paused: bool,
    /// The resync or verification that runs.
    pub(crate) progress: Option<Progress>,
    /// When its device was mounted, nanoseconds since 1970.
    pub(crate) opened_ns: Option<i128>,
    /// What was sent to the peer since `up`, in KiB.
    pub(crate) sent_kib: u64,
    /// What was received from the peer since `up`, in KiB.
    pub(crate) received_kib: u64,
}

/// An address with a port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Endpoint {
    /// The IP address.
    pub(crate) address: String,
    /// The TCP port.
    pub(crate) port: u16,
}

impl Endpoint {
    /// As it is written in files and by programs: `172.16.1.1:7790`, `[fd00::1]:7790`.
    pub(crate) fn socket(&self) -> String {
        let Self { address, port } = self;
        if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") }
    }

    /// With its family in front: `ipv4:172.16.1.1:7790`.
    pub(crate) fn with_family(&self) -> String {
        format!("{}:{}", if self.address.contains(':') { "ipv6" } else { "ipv4" }, self.socket())
    }
}

/// The other side of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Peer {
    /// The name of its `on` section.
    pub(crate) name: String,
    /// Its number.
    pub(crate) node_id: u32,
    /// Where it listens.
    pub(crate) endpoint: Endpoint,
    /// Whether it was Primary and the state of its disk, when it last answered.
    pub(crate) last: (bool, DiskState),
    /// Whether it is known to be Outdated while there is no connection: it left politely, or was given up by force.
    #[serde(default)]
    pub(crate) outdated: bool,
}

impl DrbdResource {
    /// Whether this end has quorum: it does where none is asked for, with its peer, and without one that is known to be outdated.
    pub(crate) fn has_quorum(&self) -> bool {
        !self.options.quorum || self.connection == Connection::Connected || self.peer.outdated
    }
}

/// What the configuration sets, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Options {
    /// `allow-two-primaries yes`.
    pub(crate) two_primaries: bool,
    /// A `verify-alg` is set.
    pub(crate) verify: bool,
    /// A Secondary that leaves its Primary politely outdates itself: always in DRBD 9, in 8.4 with a fencing policy.
    pub(crate) outdates: bool,
    /// A quorum is asked for.
    #[serde(default)]
    pub(crate) quorum: bool,
    /// `on-no-quorum io-error`: a Primary without quorum fails writes, and does not suspend them.
    #[serde(default)]
    pub(crate) fails_writes: bool,
    /// What is set otherwise than by default: section, name, value.
    #[serde(default)]
    pub(crate) set: Vec<(String, String, String)>,
}

/// The state of a backing disk, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum DiskState {
    /// None is attached.
    Diskless,
    /// Its data is not a state that ever was.
    Inconsistent,
    /// Its data is consistent but old.
    Outdated,
    /// It is not known: the peer's, while there is no connection.
    DUnknown,
    /// Its data is consistent and current.
    UpToDate,
}

/// The state of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Connection {
    /// No network configuration: it neither listens nor connects.
    StandAlone,
    /// It waits for the peer.
    Connecting,
    /// It is connected.
    Connected,
}

/// The state of replication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Replication {
    /// Not connected.
    Off,
    /// Writes are mirrored.
    Established,
    /// A resync runs from here.
    SyncSource,
    /// A resync runs to here.
    SyncTarget,
    /// An online verification runs, begun here.
    VerifyS,
    /// An online verification runs, begun by the peer.
    VerifyT,
}

/// A resync or verification that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// How much there was to do, in KiB.
    pub(crate) total_kib: u64,
    /// How much is left, in bytes times 10^9, so that a rate times nanoseconds can be taken off without rounding.
    pub(crate) left: u128,
    /// When it began.
    pub(crate) began: Duration,
    /// The marker that a full resync leaves in the history; none if a bitmap named what to resync.
    pub(crate) full_sync_uuid: Option<u64>,
    /// What had moved in every resync of the world when `left` was last counted; in the unit of `left`.
    #[serde(default)]
    pub(crate) counted: u128,
}

impl Progress {
    /// How much is left, in KiB.
    pub(crate) fn left_kib(&self) -> u64 {
        u64::try_from(self.left.div_ceil(1024 * 1_000_000_000)).unwrap_or(u64::MAX).min(self.total_kib)
    }
}

impl Replication {
    /// Whether a resync or verification runs.
    pub(crate) fn is_running(self) -> bool {
        !matches!(self, Self::Off | Self::Established)
    }

    /// Whether a resync runs.
    pub(crate) fn is_resync(self) -> bool {
        matches!(self, Self::SyncSource | Self::SyncTarget)
    }
}

impl fmt::Display for DiskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl fmt::Display for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl fmt::Display for Replication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
