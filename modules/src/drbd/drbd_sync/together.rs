//! What `drbd_sync` makes of two ends that talk: they hold the same data, are on the way, or need a person.

use cutover_engine::module::{Diff, Progress, Waiting};
use cutover_engine::text;
use cutover_engine::text::Text;

use crate::support::drbd::states::{DiskState, ReplicationState, Role};
use crate::support::drbd::status::Status;
use crate::support::quantity::human;

/// The ends talk: they hold the same data, are on the way, or need a person. `peer`: what the other end says of itself, if it was asked.
pub(super) fn together(resource: &str, here: &str, there: &str, status: &Status, peer: Option<&Status>) -> Diff {
    let Status { disk, peer_disk, replication, .. } = *status;
    for (place, disk) in [(here, disk), (there, peer_disk)] {
        if matches!(disk, DiskState::Diskless | DiskState::Failed | DiskState::Detaching) {
            return Diff::blocked(text!(
                "drbd_sync.disk-lost",
                "{resource} on {place} is {disk}: its disk had an error or was detached; look at `dmesg` there, then attach it with drbd_resource",
                resource = resource,
                place = place,
                disk
            ));
        }
    }
    if disk == DiskState::UpToDate && peer_disk == DiskState::UpToDate {
        return up_to_date(resource, here, there, status);
    }
    if disk == DiskState::Inconsistent && peer_disk == DiskState::Inconsistent && !moving(replication) {
        return Diff::blocked(text!(
            "drbd_sync.both-blank",
            "{resource} is Inconsistent on {here} and {there}: neither end holds data; promote one for the first time, with drbd_role and `initial: true`",
            resource = resource,
            here = here,
            there = there
        ));
    }
    if replication == ReplicationState::Established {
        return Diff::Waiting(stuck(resource, here, there, status, peer));
    }
    Diff::Waiting(on_the_way(resource, here, there, replication, status))
}

/// Whether the ends idle while the disks are not both UpToDate, so that it matters what the other end says of itself.
pub(super) fn idles(status: &Status) -> bool {
    let Status { disk, peer_disk, replication, .. } = *status;
    let alike = disk == DiskState::UpToDate && peer_disk == DiskState::UpToDate;
    status.connected() && replication == ReplicationState::Established && !alike
}

/// The ends idle, and the disks are not both UpToDate. That is so for a moment after they met; seen on DRBD 9.2.18 under load, it also
/// stays so: one end has missed what the other one reported of its disk, which it does not report twice.
fn stuck(resource: &str, here: &str, there: &str, status: &Status, peer: Option<&Status>) -> Waiting {
    let Status { disk, peer_disk, .. } = *status;
    let state = match peer.filter(|peer| peer.connected() && (peer.disk, peer.peer_disk) != (peer_disk, disk)) {
        Some(peer) => text!(
            "drbd_sync.disagree",
            "the ends of {resource} do not agree: {here} says that its disk is {disk} and that of {there} {peer_disk}, {there} says {theirs} and {ours}",
            resource = resource,
            here = here,
            disk,
            there = there,
            peer_disk,
            theirs = peer.disk,
            ours = peer.peer_disk
        ),
        None => text!(
            "drbd_sync.about-to-sync",
            "{resource} is {replication}, disks {disk} on {here} and {peer_disk} on {there}",
            resource = resource,
            replication = status.replication,
            disk,
            here = here,
            peer_disk,
            there = there
        ),
    };
    let secondary = if status.role == Role::Primary { there } else { here };
    let why = text!(
        "drbd_sync.stuck",
        "{state}; if that stays so, run `drbdadm disconnect {resource}`, then `drbdadm connect {resource}` on {secondary}, and they compare their disks anew",
        state,
        resource = resource,
        secondary = secondary
    );
    Waiting { why, progress: None }
}

/// Both disks are UpToDate, which alone says little: a verification may be at work, or have found blocks that differ, and writes
/// may not get through.
fn up_to_date(resource: &str, here: &str, there: &str, status: &Status) -> Diff {
    use ReplicationState::{Established, VerifyS, VerifyT};
    match status.replication {
        Established => {}
        VerifyS | VerifyT => return Diff::Waiting(verifying(resource, here, there, status)),
        other => return Diff::Waiting(on_the_way(resource, here, there, other, status)),
    }
    let mut reasons = Vec::new();
    match status.out_of_sync_kib {
        Some(0) => {}
        Some(kib) => reasons.push(text!(
            "drbd_sync.out-of-sync",
            "{differs} of {resource} differ or may differ on {here} and {there}, though both disks are UpToDate: a verification has found that, or a resync was broken off, and DRBD does not sync it by itself; on the Secondary run `drbdadm disconnect {resource}`, then `drbdadm connect {resource}`, which syncs it from the Primary",
            differs = human(kib.saturating_mul(1024)),
            resource = resource,
            here = here,
            there = there
        )),
        None => reasons.push(text!(
            "drbd_sync.not-counted",
            "DRBD on {here} does not say how much of {resource} is out of sync (`out-of-sync` of `drbdsetup events2 --statistics`)",
            here = here,
            resource = resource
        )),
    }
    if !status.suspended.is_empty() {
        reasons.push(text!(
            "drbd_sync.suspended",
            "I/O of {resource} on {here} is suspended ({why}): what is written there waits and is on neither disk; end what suspends it (`user`: `drbdadm resume-io {resource}`; `quorum`, `no-data`: bring the other nodes back)",
            resource = resource,
            here = here,
            why = status.suspended.join(", ")
        ));
    }
    if status.quorum == Some(false) {
        reasons.push(text!(
            "drbd_sync.no-quorum",
            "{resource} has no quorum on {here}: writes there fail or wait; look at `quorum` in `drbdadm dump {resource}`: a resource of two nodes does better without",
            resource = resource,
            here = here
        ));
    }
    if reasons.is_empty() { Diff::InSync } else { Diff::refused(reasons) }
}

/// A verification is under way: what it finds is known at its end.
fn verifying(resource: &str, here: &str, there: &str, status: &Status) -> Waiting {
    let percent = status.done;
    let why = match percent.map(f64::floor) {
        Some(percent) => text!(
            "drbd_sync.verifying-percent",
            "{resource} is being verified between {here} and {there}, {percent} % done: whether all blocks are the same is known at its end",
            resource = resource,
            here = here,
            there = there,
            percent
        ),
        None => text!(
            "drbd_sync.verifying",
            "{resource} is being verified between {here} and {there}: whether all blocks are the same is known at its end",
            resource = resource,
            here = here,
            there = there
        ),
    };
    Waiting { why, progress: percent.map(|percent| Progress { percent, eta_seconds: status.eta_seconds }) }
}

fn moving(replication: ReplicationState) -> bool {
    replication.is_source() || replication.is_target()
}

/// How much of the data is the same on both ends, in percent; `None` if that is not known.
pub(super) fn done(status: &Status) -> Option<f64> {
    let Status { disk, peer_disk, replication, .. } = *status;
    if disk == DiskState::UpToDate && peer_disk == DiskState::UpToDate {
        // What a running verification has not looked at yet is not known, and `done` is how far that has come.
        (replication == ReplicationState::Established).then(|| status.percent()).flatten()
    } else if syncing(replication) {
        status.percent()
    } else {
        None
    }
}

/// Whether a resync has begun, so that its figures mean something.
fn syncing(replication: ReplicationState) -> bool {
    use ReplicationState::{PausedSyncS, PausedSyncT, SyncSource, SyncTarget};
    matches!(replication, SyncSource | SyncTarget | PausedSyncS | PausedSyncT)
}

fn on_the_way(resource: &str, here: &str, there: &str, replication: ReplicationState, status: &Status) -> Waiting {
    if !syncing(replication) {
        let (disk, peer_disk) = (status.disk, status.peer_disk);
        let why = text!(
            "drbd_sync.about-to-sync",
            "{resource} is {replication}, disks {disk} on {here} and {peer_disk} on {there}",
            resource = resource,
            replication,
            disk,
            here = here,
            peer_disk,
            there = there
        );
        return Waiting { why, progress: None };
    }
    let target = if replication.is_target() { here } else { there };
    let percent = done(status);
    let mut why = synced(resource, target, percent, status.out_of_sync_kib);
    if matches!(replication, ReplicationState::PausedSyncS | ReplicationState::PausedSyncT) {
        why = text!(
            "drbd_sync.paused",
            "{synced}, paused: look at `drbdadm status {resource}`, and let it go on with `drbdadm resume-sync {resource}`",
            synced = why,
            resource = resource
        );
    }
    // A Primary whose disk is usable is never a target; one whose disk was detached serves the other end's data, the newest there is.
    let (target_role, source) = if replication.is_target() { (status.role, there) } else { (status.peer_role, here) };
    if target_role == Role::Primary {
        why = text!(
            "drbd_sync.primary-follows",
            "{synced}: its disk was away, and being Primary it uses the data of {source} meanwhile; leave {source} up",
            synced = why,
            source = source
        );
    }
    let progress = percent.map(|percent| Progress { percent, eta_seconds: status.eta_seconds });
    Waiting { why, progress }
}

/// How far a resync is.
fn synced(resource: &str, target: &str, percent: Option<f64>, out_of_sync_kib: Option<u64>) -> Text {
    let left = out_of_sync_kib.map(|kib| human(kib * 1024));
    match (percent.map(f64::floor), left) {
        (Some(percent), Some(left)) => text!(
            "drbd_sync.synced-and-left",
            "{resource} on {target} {percent} % synced, {left} to go",
            resource = resource,
            target = target,
            percent,
            left
        ),
        (Some(percent), None) => text!(
            "drbd_sync.synced",
            "{resource} on {target} {percent} % synced",
            resource = resource,
            target = target,
            percent
        ),
        (None, Some(left)) => text!(
            "drbd_sync.syncing-and-left",
            "{resource} on {target} is syncing, {left} to go",
            resource = resource,
            target = target,
            left
        ),
        (None, None) => {
            text!("drbd_sync.syncing", "{resource} on {target} is syncing", resource = resource, target = target)
        }
    }
}
