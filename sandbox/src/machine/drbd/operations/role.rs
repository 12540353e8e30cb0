//! Promote and demote.

use super::{connected_peer, in_use};
use crate::machine::Machines;
use crate::machine::drbd::JUST_CREATED;
use crate::machine::drbd::refusal::Refusal;
use crate::machine::drbd::resync;
use crate::machine::drbd::{Connection, DiskState, Replication};
use crate::machine::drbd::{End, peer_view};

/// Makes a resource Primary. `force` takes what the disk holds for current data.
pub(crate) fn promote(machines: &mut Machines, end: &End, force: bool) -> Result<(), Refusal> {
    let own = machines.resource(end).ok_or_else(Refusal::unknown_resource)?;
    if own.primary {
        return Ok(());
    }
    let (disk_state, connected) = (own.disk_state, own.connection == Connection::Connected);
    let peer = peer_view(machines, end);
    if peer.is_some_and(|(primary, _)| primary) && !own.options.two_primaries {
        return Err(Refusal::two_primaries());
    }
    let usable = disk_state == DiskState::UpToDate || peer.is_some_and(|(_, disk)| disk == DiskState::UpToDate);
    let forced = !usable && force && disk_state != DiskState::Diskless;
    if !usable && !forced {
        return Err(Refusal::no_up_to_date_disk());
    }
    if !own.has_quorum() && !force {
        return Err(Refusal::no_quorum());
    }
    if let Some(own) = machines.resource_mut(end) {
        own.primary = true;
        // By force the peer, wherever it is, counts as outdated.
        own.peer.outdated |= force && !own.has_quorum();
        if forced {
            own.disk_state = DiskState::UpToDate;
        }
    }
    machines.change_metadata(end, |metadata| metadata.primary = true);
    if forced || !connected {
        begin_generation(machines, end, forced);
    }
    if let Some(peer) = connected_peer(machines, end) {
        if forced {
            let just_created = machines.attached_disk(&peer).and_then(|disk| disk.metadata.as_ref());
            let full = just_created.is_some_and(|metadata| metadata.current() == JUST_CREATED || metadata.full_sync);
            resync::start(machines, end, &peer, full);
        } else if machines.resource(end).is_some_and(|own| own.replication == Replication::SyncTarget) {
            // What is not here yet is read from the peer.
            let content = machines.attached_disk(&peer).map(|disk| disk.content.clone());
            if let (Some(disk), Some(content)) = (machines.attached_disk_mut(end), content) {
                disk.content = content;
            }
        }
    }
    Ok(())
}

fn begin_generation(machines: &mut Machines, end: &End, forced: bool) {
    let (uuid, legacy) = (machines.drbd.uuid(), machines.drbd.legacy);
    let Some(disk) = machines.attached_disk_mut(end) else { return };
    let content = disk.content.clone();
    let Some(metadata) = &mut disk.metadata else { return };
    if forced {
        (metadata.consistent, metadata.up_to_date, metadata.full_sync) = (true, true, false);
    }
    if forced || metadata.bitmap() == 0 {
        metadata.begin_generation(uuid, &content, legacy);
    }
}

/// Makes a resource Secondary.
pub(crate) fn demote(machines: &mut Machines, end: &End) -> Result<(), Refusal> {
    let own = machines.resource(end).ok_or_else(Refusal::unknown_resource)?;
    if !own.primary {
        return Ok(());
    }
    if let Some(refusal) = in_use(machines, end) {
        return Err(refusal);
    }
    if let Some(own) = machines.resource_mut(end) {
        own.primary = false;
    }
    machines.change_metadata(end, |metadata| metadata.primary = false);
    Ok(())
}
