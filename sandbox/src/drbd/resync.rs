//! Resync and online verification: their start, their pace, their end. All that run share the link between the sites.

use std::time::Duration;

use super::log;
use super::meeting::change_metadata;
use super::pair::{End, ends};
use super::resource::{DiskState, Progress, Replication};
use crate::sim::State;

/// Nanoseconds in a second.
const NANOS: u128 = 1_000_000_000;

/// Begins a resync between two connected ends.
pub(super) fn start(state: &mut State, source: &End, target: &End, full: bool) {
    let disks =
        [source, target].map(|end| state.attached_disk(end).map(|disk| (disk.drbd_kib(), disk.out_of_sync_kib())));
    let [Some((size, here)), Some((_, there))] = disks else { return };
    let kib = if full { size } else { here.max(there) };
    let bitmap =
        state.attached_disk(source).and_then(|disk| disk.metadata.as_ref()).map_or(0, |metadata| metadata.bitmap());
    // Without a bitmap to count from, a marker stands for what the target has meanwhile. 8.4 always takes a new one, and keeps
    // the old one in the history.
    let legacy = state.drbd.legacy;
    let marker = match bitmap {
        0 => Some(state.drbd.uuid()),
        _ if legacy => Some(bitmap.wrapping_add(1 << 48)),
        _ => None,
    };
    change_metadata(state, source, |metadata| {
        if legacy && bitmap != 0 {
            metadata.remember(bitmap);
        }
        metadata.generations[1] = marker.unwrap_or(bitmap);
        (metadata.marked_kib, metadata.base) = (kib, None);
    });
    change_metadata(state, target, |metadata| {
        metadata.generations[..2].copy_from_slice(&[marker.unwrap_or(bitmap), 0]);
        (metadata.marked_kib, metadata.base, metadata.full_sync) = (kib, None, false);
        (metadata.consistent, metadata.up_to_date) = (false, false);
    });
    if full && let Some(disk) = state.attached_disk_mut(target) {
        disk.content.discard(marker.unwrap_or(bitmap));
    }
    let progress = Progress {
        total_kib: kib,
        left: u128::from(kib) * 1024 * NANOS,
        began: state.drbd.settled,
        full_sync_uuid: marker.filter(|_| !legacy),
    };
    for (end, replication) in [(source, Replication::SyncSource), (target, Replication::SyncTarget)] {
        if let Some(own) = state.resource_mut(end) {
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
        finish(state, source);
    }
}

/// Begins an online verification from an end.
pub(super) fn verify(state: &mut State, end: &End) {
    let Some(peer) = state.peer_end(end) else { return };
    let kib = state.attached_disk(end).map_or(0, |disk| disk.drbd_kib());
    let progress = Progress {
        total_kib: kib,
        left: u128::from(kib) * 1024 * NANOS,
        began: state.drbd.settled,
        full_sync_uuid: None,
    };
    for (end, replication) in [(end, Replication::VerifyS), (&peer, Replication::VerifyT)] {
        if let Some(own) = state.resource_mut(end) {
            own.replication = replication;
            own.progress = Some(progress.clone());
        }
    }
}

/// The ends that drive a resync or verification at this moment.
fn drivers(state: &State) -> Vec<End> {
    let drives = |end: &End| {
        let own = state.resource(end);
        own.is_some_and(|own| {
            matches!(own.replication, Replication::SyncSource | Replication::VerifyS) && own.lost.is_none()
        })
    };
    ends(state).into_iter().filter(drives).collect()
}

/// When an end's resync or verification, which it drives, is done.
pub(super) fn due(state: &State, end: &End) -> Option<Duration> {
    // Asked often, and most of the time nothing is under way.
    let progress = state.resource(end)?.progress.as_ref()?;
    let drivers = drivers(state);
    if !drivers.contains(end) {
        return None;
    }
    let nanos = progress.left.div_ceil(u128::from(state.drbd.rate(drivers.len())));
    Some(state.drbd.settled + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
}

/// Lets some time pass for all that run.
pub(super) fn advance(state: &mut State, time: Duration) {
    let drivers = drivers(state);
    let done = u128::from(state.drbd.rate(drivers.len())) * time.as_nanos();
    for end in drivers {
        for end in [Some(end.clone()), state.peer_end(&end)].into_iter().flatten() {
            let Some(own) = state.resource_mut(&end) else { continue };
            let Some(progress) = &mut own.progress else { continue };
            let before = progress.left_kib();
            progress.left = progress.left.saturating_sub(done);
            let moved = before - progress.left_kib();
            match own.replication {
                Replication::SyncSource => own.sent_kib += moved,
                Replication::SyncTarget => own.received_kib += moved,
                _ => {}
            }
        }
    }
}

/// Ends the resync or verification that an end drives.
pub(super) fn finish(state: &mut State, end: &End) {
    let Some(peer) = state.peer_end(end) else { return };
    let Some(own) = state.resource_mut(end) else { return };
    let (verified, progress) = (own.replication == Replication::VerifyS, own.progress.take());
    own.replication = Replication::Established;
    if let Some(other) = state.resource_mut(&peer) {
        other.replication = Replication::Established;
        other.progress = None;
    }
    let marker = progress.and_then(|progress| progress.full_sync_uuid);
    if verified { verified_end(state, end, &peer) } else { synced_end(state, end, &peer, marker) }
}

fn synced_end(state: &mut State, source: &End, target: &End, marker: Option<u64>) {
    let (mark, legacy) = (state.drbd.uuid(), state.drbd.legacy);
    let Some(disk) = state.attached_disk_mut(source) else { return };
    let content = disk.content.clone();
    let Some(metadata) = &mut disk.metadata else { return };
    metadata.clear_bitmap(marker);
    let generations = metadata.generations;
    if let Some(disk) = state.attached_disk_mut(target)
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
    if let Some(own) = state.resource_mut(target) {
        own.disk_state = DiskState::UpToDate;
    }
}

/// What differs is marked out of sync; only a resync (disconnect and connect) repairs it.
fn verified_end(state: &mut State, end: &End, peer: &End) {
    let (Some(here), Some(there)) = (state.attached_disk(end), state.attached_disk(peer)) else { return };
    let kib = super::metadata::difference_kib(&there.content, &here.content);
    if kib == 0 {
        return;
    }
    for end in [end, peer] {
        change_metadata(state, end, |metadata| metadata.marked_kib = kib);
        let Some(own) = state.resource(end) else { continue };
        let blocks = kib.div_ceil(4);
        let text = format!(
            "drbd {}/0 drbd{} {}: Online verify found {blocks} 4k blocks out of sync!",
            own.name, own.minor, own.peer.name
        );
        log::say(state, end, "alert", text);
    }
}
