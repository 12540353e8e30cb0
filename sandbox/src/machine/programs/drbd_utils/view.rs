//! What the tools tell of a resource in the kernel, worked out once for all their formats.

use std::time::Duration;

use super::words::role;
use crate::machine::Disk;
use crate::machine::Machines;
use crate::machine::drbd::{Connection, DiskState, DrbdResource, End, Metadata, peer_view};

/// A resource, as it is now.
pub(super) struct View<'a> {
    pub(super) own: &'a DrbdResource,
    disk: Option<&'a Disk>,
    /// The disk that a Primary without one uses over the link.
    remote: Option<&'a Disk>,
    /// The peer's role and disk, while connected.
    pub(super) peer: Option<(bool, DiskState)>,
    /// DRBD 8.4, not 9.
    pub(super) legacy: bool,
    now: Duration,
    rate: u64,
}

/// Numbers of a resync or verification that runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sync {
    /// All there was to do, in KiB.
    pub(super) total_kib: u64,
    /// What is left, in KiB.
    pub(super) left_kib: u64,
    /// How long it has been running.
    pub(super) millis: u64,
    /// What is done, in percent.
    pub(super) done: f64,
    /// The pace, in MiB/s.
    pub(super) pace: f64,
    /// What is left at this pace, in seconds.
    pub(super) eta: f64,
}

impl<'a> View<'a> {
    pub(super) fn of(state: &'a Machines, end: &End) -> Option<Self> {
        Some(Self {
            own: state.resource(end)?,
            disk: state.attached_disk(end),
            remote: state.peer_disk(end),
            peer: peer_view(state, end),
            legacy: state.drbd.legacy,
            now: state.drbd.settled,
            rate: state.drbd.rate(1),
        })
    }

    pub(super) fn metadata(&self) -> Option<&'a Metadata> {
        self.disk.and_then(|disk| disk.metadata.as_ref())
    }

    pub(super) fn connected(&self) -> bool {
        self.own.connection == Connection::Connected
    }

    /// Whether the disk's metadata was just created.
    pub(super) fn just_created(&self) -> bool {
        self.metadata().is_some_and(|metadata| metadata.current() == crate::machine::drbd::JUST_CREATED)
    }

    /// Whether the connection is not even configured: 8.4 forgets it when it is taken down.
    pub(super) fn forgotten(&self) -> bool {
        self.legacy && self.own.connection == Connection::StandAlone
    }

    pub(super) fn role(&self) -> &'static str {
        role(Some(self.own.primary))
    }

    pub(super) fn peer_role(&self) -> &'static str {
        role(self.peer.map(|(primary, _)| primary))
    }

    pub(super) fn peer_disk(&self) -> DiskState {
        self.peer.map_or(DiskState::DUnknown, |(_, disk)| disk)
    }

    /// The backing disk's path; `none` without one.
    pub(super) fn backing(&self) -> &'a str {
        self.disk.map_or("none", |_| self.own.disk.as_str())
    }

    /// The device's size in KiB.
    pub(super) fn size_kib(&self) -> u64 {
        self.disk.or(self.remote).map_or(0, Disk::drbd_kib)
    }

    /// What is out of sync, in KiB.
    pub(super) fn out_of_sync_kib(&self) -> u64 {
        match (&self.own.progress, self.disk) {
            (Some(progress), _) if progress.total_kib > 0 => progress.left_kib(),
            // 8.4 marks everything when it creates the metadata; 9 knows no peer yet to mark it for.
            (_, Some(_)) if self.legacy && self.just_created() => self.size_kib(),
            (_, Some(disk)) => disk.out_of_sync_kib(),
            (_, None) => 0,
        }
    }

    /// Why I/O is suspended.
    pub(super) fn suspended(&self) -> &'static str {
        let own = self.own;
        if own.primary && !own.has_quorum() && !own.options.fails_writes { "quorum" } else { "no" }
    }

    /// The resync or verification that runs.
    pub(super) fn sync(&self) -> Option<Sync> {
        let progress = self.own.progress.as_ref().filter(|progress| progress.total_kib > 0)?;
        let (total_kib, left_kib) = (progress.total_kib, progress.left_kib());
        let millis = u64::try_from((self.now - progress.began).as_millis()).unwrap_or(u64::MAX);
        let moved = (total_kib - left_kib) as f64;
        let pace = if millis == 0 { self.rate as f64 / 1_048_576.0 } else { moved / 1.024 / millis as f64 };
        let eta = if pace > 0.0 { left_kib as f64 / 1024.0 / pace } else { f64::NAN };
        Some(Sync { total_kib, left_kib, millis, done: 100.0 * moved / total_kib as f64, pace, eta })
    }

    /// `may_promote` and `promotion_score` of events2.
    pub(super) fn promotion(&self) -> (&'static str, u32) {
        let states = [self.own.disk_state, self.peer_disk()];
        let replicas = states.iter().filter(|state| **state == DiskState::UpToDate).count();
        if replicas == 0 || !self.own.has_quorum() {
            return ("no", 0);
        }
        let primary = self.own.primary || self.peer.is_some_and(|(primary, _)| primary);
        let has_disk = matches!(self.own.disk_state, DiskState::UpToDate | DiskState::Inconsistent);
        let local = u32::from(self.own.disk_state == DiskState::UpToDate);
        let score = u32::from(has_disk) * 10_000 + local * 100 + u32::try_from(replicas).unwrap_or(0);
        (if primary { "no" } else { "yes" }, score)
    }
}
