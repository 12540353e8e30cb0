//! What `drbd_sync` makes of two ends that talk: they hold the same data, are on the way, or need a person.

use cutover_engine::module::{Diff, Progress, Waiting};
use cutover_engine::text;
use cutover_engine::text::Text;

use crate::support::drbd::states::{DiskState, ReplicationState, Role};
use crate::support::drbd::status::Status;
use crate::support::quantity::human;

/// The ends talk: they hold the same data, are on the way, or need a person.
pub(super) fn together(resource: &str, here: &str, there: &str, status: &Status) -> Diff {
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
    let overwritten = [
        (replication.is_target() && status.role == Role::Primary).then_some((here, there)),
        (replication.is_source() && status.peer_role == Role::Primary && status.role != Role::Primary)
            .then_some((there, here)),
    ];
    if let Some((target, source)) = overwritten.into_iter().flatten().next() {
        return Diff::blocked(text!(
            "drbd_sync.overwrites-primary",
            "the resync of {resource} overwrites the Primary on {target} with the data of {source} ({replication}): stop what writes there and check which end holds the right data",
            resource = resource,
            target = target,
            source = source,
            replication
        ));
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
    Diff::Waiting(on_the_way(resource, here, there, replication, status))
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
