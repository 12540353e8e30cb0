//! Attach and detach, invalidate, verify, and the generation that spares two blank disks their first resync.

use super::connected_peer;
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
    let uuid = machines.drbd.uuid();
    let disk = machines.get_mut(end.0).and_then(|machine| machine.disks.get_mut(&device));
    let metadata = disk.and_then(|disk| disk.metadata.as_mut()).ok_or_else(Refusal::cannot_open_disk)?;
    if metadata.device_uuid == 0 {
        metadata.device_uuid = uuid;
    }
    metadata.crashed |= metadata.primary;
    (metadata.primary, metadata.connected, metadata.clean) = (false, false, false);
    let attached = match (metadata.consistent, metadata.up_to_date) {
        (false, _) => DiskState::Inconsistent,
        (true, false) => DiskState::Outdated,
        // Without fencing and quorum nothing speaks against it.
        (true, true) => DiskState::UpToDate,
    };
    if let Some(own) = machines.resource_mut(end) {
        own.disk_state = attached;
    }
    if let Some(peer) = connected_peer(machines, end) {
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
    let running = own.replication.is_running();
    if let Some(peer) = connected_peer(machines, end).filter(|_| running) {
        lose(machines, end, Loss::None, Connection::Connecting);
        lose(machines, &peer, Loss::None, Connection::Connecting);
    }
    machines
        .change_metadata(end, |metadata| (metadata.clean, metadata.primary, metadata.connected) = (true, false, false));
    if let Some(own) = machines.resource_mut(end) {
        own.disk_state = DiskState::Diskless;
    }
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
