//! Resync and online verification: their start, their pace, their end. All that run share the link between the sites.

use super::End;
use super::log;
use super::{DiskState, DrbdResource, Progress, Replication};
use crate::machine::Machines;

/// Nanoseconds in a second.
const NANOS: u128 = 1_000_000_000;

/// Begins a resync between two connected ends.
pub(super) fn start(machines: &mut Machines, source: &End, target: &End, full: bool) {
    let disks =
        [source, target].map(|end| machines.attached_disk(end).map(|disk| (disk.drbd_kib(), disk.out_of_sync_kib())));
    let [Some((size, here)), Some((_, there))] = disks else { return };
    let kib = if full { size } else { here.max(there) };
    let bitmap =
        machines.attached_disk(source).and_then(|disk| disk.metadata.as_ref()).map_or(0, |metadata| metadata.bitmap());
    // Without a bitmap to count from, a marker stands for what the target has meanwhile. 8.4 always takes a new one, and keeps
    // the old one in the history.
    let legacy = machines.drbd.legacy;
    let marker = match bitmap {
        0 => Some(machines.drbd.uuid()),
        _ if legacy => Some(bitmap.wrapping_add(1 << 48)),
        _ => None,
    };
    machines.change_metadata(source, |metadata| {
        if legacy && bitmap != 0 {
            metadata.remember(bitmap);
        }
        metadata.generations[1] = marker.unwrap_or(bitmap);
        (metadata.marked_kib, metadata.base) = (kib, None);
    });
    machines.change_metadata(target, |metadata| {
        metadata.generations[..2].copy_from_slice(&[marker.unwrap_or(bitmap), 0]);
        (metadata.marked_kib, metadata.base, metadata.full_sync) = (kib, None, false);
        (metadata.consistent, metadata.up_to_date) = (false, false);
    });
    if full && let Some(disk) = machines.attached_disk_mut(target) {
        disk.content.discard(marker.unwrap_or(bitmap));
    }
    let progress = Progress {
        total_kib: kib,
        left: u128::from(kib) * 1024 * NANOS,
        began: machines.drbd.settled,
        full_sync_uuid: marker.filter(|_| !legacy),
        counted: 0,
    };
    for (end, replication) in [(source, Replication::SyncSource), (target, Replication::SyncTarget)] {
        if let Some(own) = machines.resource_mut(end) {
            own.replication = replication;
            own.progress = Some(progress.clone());
            if replication == Replication::SyncTarget {
                own.disk_state = DiskState::Inconsistent;
            } else if own.disk_state != DiskState::Inconsistent {
                own.disk_state = DiskState::UpToDate;
            }
        }
    }
    if kib == 0 {
        finish(machines, source);
    }
}

/// Begins an online verification from an end.
pub(super) fn verify(machines: &mut Machines, end: &End) {
    let Some(peer) = machines.peer_end(end) else { return };
    let kib = machines.attached_disk(end).map_or(0, |disk| disk.drbd_kib());
    let progress = Progress {
        total_kib: kib,
        left: u128::from(kib) * 1024 * NANOS,
        began: machines.drbd.settled,
        full_sync_uuid: None,
        counted: 0,
    };
    for (end, replication) in [(end, Replication::VerifyS), (&peer, Replication::VerifyT)] {
        if let Some(own) = machines.resource_mut(end) {
            own.replication = replication;
            own.progress = Some(progress.clone());
        }
    }
}

/// Whether an end drives a resync or verification at this moment.
pub(super) fn drives(own: &DrbdResource) -> bool {
    matches!(own.replication, Replication::SyncSource | Replication::VerifyS)
        && own.lost.is_none()
        && own.progress.is_some()
}

/// Lets what an end drives go on, beside all others that share the link.
pub(super) fn join(machines: &mut Machines, end: &End) {
    if machines.drbd.agenda.runs(end) {
        return;
    }
    let moved = machines.drbd.agenda.moved();
    let peer = machines.peer_end(end);
    for end in [Some(end), peer.as_ref()].into_iter().flatten() {
        if let Some(progress) = machines.resource_mut(end).and_then(|own| own.progress.as_mut()) {
            progress.counted = moved;
        }
    }
    let left = machines.resource(end).and_then(|own| own.progress.as_ref()).map_or(0, |progress| progress.left);
    machines.drbd.agenda.join(end, peer, left);
}

/// Stops what an end drives, finished or not.
pub(super) fn leave(machines: &mut Machines, end: &End) {
    if machines.drbd.agenda.runs(end) {
        count(machines, end);
        machines.drbd.agenda.leave(end);
    }
}

/// Counts what has gone over the link for the resync or verification that an end takes part in. Whoever looks at an end's
/// progress counts first.
pub(super) fn count(machines: &mut Machines, end: &End) {
    let Some((driver, other)) = machines.drbd.agenda.pair(end) else { return };
    let moved = machines.drbd.agenda.moved();
    for end in [Some(driver), other].into_iter().flatten() {
        let Some(own) = machines.resource(&end) else { continue };
        if own.progress.as_ref().is_none_or(|progress| progress.counted == moved) {
            continue;
        }
        let Some(own) = machines.resource_mut(&end) else { continue };
        let Some(progress) = &mut own.progress else { continue };
        let before = progress.left_kib();
        progress.left = progress.left.saturating_sub(moved - progress.counted);
        progress.counted = moved;
        let moved = before - progress.left_kib();
        match own.replication {
            Replication::SyncSource => own.sent_kib += moved,
            Replication::SyncTarget => own.received_kib += moved,
            _ => {}
        }
    }
}

/// Ends the resync or verification that an end drives.
pub(super) fn finish(machines: &mut Machines, end: &End) {
    let Some(peer) = machines.peer_end(end) else { return };
    leave(machines, end);
    let Some(own) = machines.resource_mut(end) else { return };
    let (verified, progress) = (own.replication == Replication::VerifyS, own.progress.take());
    own.replication = Replication::Established;
    if let Some(other) = machines.resource_mut(&peer) {
        other.replication = Replication::Established;
        other.progress = None;
    }
    let marker = progress.and_then(|progress| progress.full_sync_uuid);
    if verified { verified_end(machines, end, &peer) } else { synced_end(machines, end, &peer, marker) }
}

fn synced_end(machines: &mut Machines, source: &End, target: &End, marker: Option<u64>) {
    let (mark, legacy) = (machines.drbd.uuid(), machines.drbd.legacy);
    let Some(disk) = machines.attached_disk_mut(source) else { return };
    let content = disk.content.clone();
    let Some(metadata) = &mut disk.metadata else { return };
    metadata.clear_bitmap(marker);
    let generations = metadata.generations;
    if let Some(disk) = machines.attached_disk_mut(target)
        && let Some(metadata) = &mut disk.metadata
    {
        disk.content = content;
        let old = metadata.current();
        metadata.clear_bitmap(None);
        if legacy {
            metadata.generations = generations;
        } else {
            metadata.generations[0] = generations[0];
            metadata.generations[2] = if marker.is_some() { mark } else { old };
        }
        (metadata.consistent, metadata.up_to_date) = (true, true);
    }
    if let Some(own) = machines.resource_mut(target) {
        own.disk_state = DiskState::UpToDate;
    }
}

/// What differs is marked out of sync; only a resync (disconnect and connect) repairs it.
fn verified_end(machines: &mut Machines, end: &End, peer: &End) {
    let (Some(here), Some(there)) = (machines.attached_disk(end), machines.attached_disk(peer)) else { return };
    let kib = super::super::storage::difference_kib(&there.content, &here.content);
    if kib == 0 {
        return;
    }
    for end in [end, peer] {
        machines.change_metadata(end, |metadata| metadata.marked_kib = kib);
        let Some(own) = machines.resource(end) else { continue };
        let blocks = kib.div_ceil(4);
        let text = format!(
            "drbd {}/0 drbd{} {}: Online verify found {blocks} 4k blocks out of sync!",
            own.name, own.minor, own.peer.name
        );
        log::say(machines, end, "alert", text);
    }
}
