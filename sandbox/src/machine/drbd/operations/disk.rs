//! Attach and detach, invalidate, verify, and the generation that spares two blank disks their first resync.

use super::{connected_peer, declined};
use crate::machine::Disk;
use crate::machine::Machines;
use crate::machine::drbd::log::Loss;
use crate::machine::drbd::meeting::lose;
use crate::machine::drbd::refusal::Refusal;
use crate::machine::drbd::{Connection, DiskState, Replication};
use crate::machine::drbd::{End, peer_view};
use crate::machine::drbd::{JUST_CREATED, Layout, Metadata, resync};

/// What the activity log of 1237 extents (DRBD's default) of 4 MiB covers at most, in KiB.
const ACTIVITY_LOG_KIB: u64 = 1237 * 4096;

/// Applies the activity log of a disk (`drbdmeta apply-al`): what a crashed Primary may have been writing is marked out
/// of sync. Returns how much that was, in KiB.
pub(crate) fn apply_activity_log(disk: &mut Disk) -> Option<u64> {
    let usable = Layout::of(disk.bytes).usable_kib;
    let kib = usable.next_multiple_of(4096).min(ACTIVITY_LOG_KIB);
    let metadata = disk.metadata.as_mut().filter(|metadata| !metadata.clean)?;
    metadata.clean = true;
    if !metadata.primary {
        return None;
    }
    metadata.marked_kib = (metadata.marked_kib + kib).min(usable);
    Some(kib)
}

/// Attaches a resource's disk, whose activity log was applied.
pub(crate) fn attach(machines: &mut Machines, end: &End) -> Result<(), Refusal> {
    let own = machines.resource(end).ok_or_else(Refusal::minor_invalid)?;
    if own.disk_state != DiskState::Diskless {
        return Err(Refusal::disk_configured());
    }
    let machine = machines.get(end.0).ok_or_else(Refusal::minor_invalid)?;
    let device = machine.kernel_name(&own.disk);
    if machine.mounts.iter().any(|mount| mount.source == device) || machine.attached_to(&device).is_some() {
        return Err(Refusal::disk_claimed());
    }
    let own_primary = own.primary;
    let uuid = machines.drbd.uuid();
    let disk = machines.get_mut(end.0).and_then(|machine| machine.disks.get_mut(&device));
    let metadata = disk.and_then(|disk| disk.metadata.as_mut()).ok_or_else(Refusal::cannot_open_disk)?;
    if metadata.device_uuid == 0 {
        metadata.device_uuid = uuid;
    }
    // A Primary that goes on over the link is not one that crashed.
    metadata.crashed |= metadata.primary && !own_primary;
    (metadata.primary, metadata.connected, metadata.clean) = (own_primary, false, false);
    let attached = match (metadata.consistent, metadata.up_to_date) {
        (false, _) => DiskState::Inconsistent,
        (true, false) => DiskState::Outdated,
        // Without fencing and quorum nothing speaks against it.
        (true, true) => DiskState::UpToDate,
    };
    if let Some(own) = machines.resource_mut(end) {
        own.disk_state = attached;
    }
    let peer = connected_peer(machines, end);
    if let Some(peer) = peer.as_ref().filter(|_| own_primary && !machines.drbd.legacy) {
        // A Primary that was without a disk has used the peer's data: the disk gets what changed there meanwhile, and what the
        // activity log covers.
        let content = machines.attached_disk(peer).map(|disk| disk.content.clone());
        resync::start(machines, peer, end, false);
        if let (Some(disk), Some(content)) = (machines.attached_disk_mut(end), content) {
            disk.content = content;
        }
    } else if let Some(peer) = peer {
        // The two compare their data now; a new handshake does the same.
        lose(machines, end, Loss::None, Connection::Connecting);
        lose(machines, &peer, Loss::None, Connection::Connecting);
    }
    Ok(())
}

/// Detaches a resource's disk. A Primary needs its peer's then.
pub(crate) fn detach(machines: &mut Machines, end: &End) -> Result<(), Refusal> {
    let own = machines.resource(end).ok_or_else(Refusal::minor_invalid)?;
    let peer_has_data = peer_view(machines, end).is_some_and(|(_, disk)| disk == DiskState::UpToDate);
    if own.primary && !peer_has_data {
        return Err(Refusal::no_up_to_date_disk());
    }
    if let Some(declined) = declined(machines, end) {
        return Err(declined);
    }
    let (running, dirty) = (own.replication.is_running(), own.primary && !machines.drbd.legacy);
    if let Some(peer) = connected_peer(machines, end).filter(|_| running) {
        lose(machines, end, Loss::None, Connection::Connecting);
        lose(machines, &peer, Loss::None, Connection::Connecting);
    }
    // The activity log of a Primary stays as it is: it goes on without it.
    machines.change_metadata(end, |metadata| {
        (metadata.clean, metadata.primary, metadata.connected) = (!dirty, dirty, false);
    });
    if let Some(own) = machines.resource_mut(end) {
        own.disk_state = DiskState::Diskless;
    }
    Ok(())
}

/// Gives up the data of the peer's disk: this one's replaces it.
pub(crate) fn invalidate_remote(machines: &mut Machines, end: &End) -> Result<(), Refusal> {
    let own = machines.resource(end).ok_or_else(Refusal::unknown_resource)?;
    if own.replication.is_running() {
        return Err(Refusal::resync_running());
    }
    let has_data = own.disk_state == DiskState::UpToDate;
    let peer = connected_peer(machines, end).ok_or_else(Refusal::need_connection)?;
    if !has_data || peer_view(machines, end).is_some_and(|(primary, _)| primary) {
        return Err(Refusal::no_up_to_date_disk());
    }
    resync::start(machines, end, &peer, true);
    Ok(())
}

/// Suspends resyncs, or lets them go on. One that runs is not simulated; the caller sees to that.
pub(crate) fn pause(machines: &mut Machines, end: &End, paused: bool) -> Result<(), Refusal> {
    machines.resource_mut(end).ok_or_else(Refusal::unknown_resource)?.paused = paused;
    Ok(())
}

/// Gives up the data of a disk: the peer's replaces it, at once or when it is there.
pub(crate) fn invalidate(machines: &mut Machines, end: &End) -> Result<(), Refusal> {
    let own = machines.resource(end).ok_or_else(Refusal::minor_invalid)?;
    if own.replication.is_running() {
        return Err(Refusal::resync_running());
    }
    let (primary, connected) = (own.primary, own.connection == Connection::Connected);
    let source = connected_peer(machines, end)
        .filter(|_| peer_view(machines, end).is_some_and(|(_, disk)| disk == DiskState::UpToDate));
    if primary || (connected && source.is_none()) {
        return Err(Refusal::no_up_to_date_disk());
    }
    match source {
        Some(source) => resync::start(machines, &source, end, true),
        None => {
            if let Some(own) = machines.resource_mut(end) {
                own.disk_state = DiskState::Inconsistent;
            }
            machines.change_metadata(end, Metadata::invalidate);
        }
    }
    Ok(())
}

impl Metadata {
    /// Marks the whole disk as worthless.
    pub(crate) fn invalidate(&mut self) {
        (self.consistent, self.up_to_date, self.full_sync) = (false, false, true);
    }
}

/// Compares this disk with the peer's while both are in use.
pub(crate) fn verify(machines: &mut Machines, end: &End) -> Result<(), Refusal> {
    let own = machines.resource(end).ok_or_else(Refusal::unknown_resource)?;
    if own.connection != Connection::Connected {
        return Err(Refusal::need_connection());
    }
    if !own.options.verify {
        return Err(Refusal::no_verify_algorithm());
    }
    if own.replication != Replication::Established {
        return Err(Refusal::resync_running());
    }
    resync::verify(machines, end);
    Ok(())
}

/// Begins a new generation; with `clear_bitmap`, on two connected disks that were just created, for both: they count as
/// equal without a resync.
pub(crate) fn new_current_uuid(machines: &mut Machines, end: &End, clear_bitmap: bool) -> Result<(), Refusal> {
    machines.resource(end).ok_or_else(Refusal::minor_invalid)?;
    let current = |machines: &Machines, end: &End| {
        machines.attached_disk(end).and_then(|disk| disk.metadata.as_ref()).map(Metadata::current)
    };
    let peer = connected_peer(machines, end).filter(|peer| current(machines, peer) == Some(JUST_CREATED));
    let (uuid, legacy) = (machines.drbd.uuid(), machines.drbd.legacy);
    match peer.filter(|_| clear_bitmap && current(machines, end) == Some(JUST_CREATED)) {
        Some(peer) => {
            for end in [end, &peer] {
                machines.change_metadata(end, |metadata| {
                    metadata.clear_bitmap(None);
                    metadata.generations[0] = uuid;
                    (metadata.consistent, metadata.up_to_date) = (true, true);
                });
                if let Some(own) = machines.resource_mut(end) {
                    own.disk_state = DiskState::UpToDate;
                }
            }
        }
        None => {
            let Some(disk) = machines.attached_disk_mut(end) else { return Err(Refusal::no_up_to_date_disk()) };
            let content = disk.content.clone();
            if let Some(metadata) = &mut disk.metadata {
                metadata.begin_generation(uuid, &content, legacy);
            }
        }
    }
    Ok(())
}
