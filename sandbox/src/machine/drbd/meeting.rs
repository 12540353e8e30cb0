//! Two nodes meet, and part: the handshake's outcome put into effect. The rules of the decision are elsewhere.

use super::End;
use super::handshake::{Side, Verdict, compare};
use super::{Connection, DiskState, Replication};
use super::{Layout, log, resync};
use crate::machine::Machines;

/// Lets an end and its peer, which both are trying to connect, shake hands.
pub(super) fn meet(machines: &mut Machines, end: &End) {
    let Some(peer) = machines.peer_end(end) else { return };
    let verdict = verdict(machines, end, &peer);
    let primaries = [end, &peer].map(|end| machines.resource(end).is_some_and(|own| own.primary));
    let two = machines.resource(end).is_some_and(|own| own.options.two_primaries);
    match verdict {
        Verdict::SplitBrain => {
            return part(machines, [end, &peer], "Split-Brain detected but unresolved, dropping connection!");
        }
        Verdict::Unrelated => return part(machines, [end, &peer], "Unrelated data, aborting!"),
        Verdict::NoSync if primaries == [true, true] && !two => {
            return part(machines, [end, &peer], "Two primaries, but allow-two-primaries is not set");
        }
        Verdict::Target | Verdict::FullTarget if primaries[0] => {
            return part(machines, [end], "I shall become SyncTarget, but I am primary!");
        }
        Verdict::Source | Verdict::FullSource if primaries[1] => {
            return part(machines, [&peer], "I shall become SyncTarget, but I am primary!");
        }
        _ => {}
    }
    agree(machines, end, &peer);
    match verdict {
        Verdict::Source => resync::start(machines, end, &peer, false),
        Verdict::FullSource => resync::start(machines, end, &peer, true),
        Verdict::Target => resync::start(machines, &peer, end, false),
        Verdict::FullTarget => resync::start(machines, &peer, end, true),
        _ => [end, &peer].into_iter().for_each(|end| in_sync(machines, end)),
    }
}

fn verdict(machines: &Machines, end: &End, peer: &End) -> Verdict {
    let side = |end: &End| {
        let (own, disk) = (machines.resource(end)?, machines.attached_disk(end)?);
        let usable = own.disk_state > DiskState::Inconsistent;
        Some(Side { metadata: disk.metadata.as_ref()?, usable, discard: own.discard })
    };
    match (side(end), side(peer)) {
        (Some(own), Some(peer)) => compare(own, peer),
        // With a diskless side there is nothing to compare.
        _ => Verdict::NoSync,
    }
}

/// Connects both sides, before any resync.
fn agree(machines: &mut Machines, end: &End, peer: &End) {
    let usable = [end, peer].map(|end| machines.attached_disk(end).map(|disk| Layout::of(disk.bytes).usable_kib));
    let agreed = usable.into_iter().flatten().min();
    for (end, other) in [(end, peer), (peer, end)] {
        let seen = machines.resource(other).map(|other| (other.primary, other.disk_state));
        log::handshake(machines, end);
        log::met(machines, end, seen);
        if let Some(own) = machines.resource_mut(end) {
            own.connection = Connection::Connected;
            own.replication = Replication::Established;
            (own.meeting, own.lost, own.discard) = (None, None, false);
            own.peer.outdated = false;
            own.peer.last = seen.unwrap_or(own.peer.last);
        }
        let both = usable.iter().all(Option::is_some);
        machines.change_metadata(end, |metadata| {
            metadata.connected = true;
            metadata.crashed = false;
            metadata.seen |= both;
            metadata.agreed_kib = agreed;
        });
    }
}

/// Both have the same data: nothing is out of sync, and a disk whose freshness was in doubt is UpToDate.
fn in_sync(machines: &mut Machines, end: &End) {
    if let Some(own) = machines.resource_mut(end)
        && own.disk_state == DiskState::Outdated
    {
        own.disk_state = DiskState::UpToDate;
    }
    let usable = machines.resource(end).is_some_and(|own| own.disk_state == DiskState::UpToDate);
    machines.change_metadata(end, |metadata| {
        if usable {
            metadata.up_to_date = true;
            metadata.clear_bitmap(None);
        }
    });
}

/// Refuses the connection: the ends become StandAlone, and the kernel says why.
fn part<const N: usize>(machines: &mut Machines, ends: [&End; N], why: &str) {
    let legacy = machines.drbd.legacy;
    for end in ends {
        log::handshake(machines, end);
        let Some(own) = machines.resource_mut(end) else { continue };
        own.connection = Connection::StandAlone;
        (own.meeting, own.discard) = (None, false);
        let text = if legacy {
            format!("block drbd{}: {why}", own.minor)
        } else {
            format!("drbd {}/0 drbd{} {}: {why}", own.name, own.minor, own.peer.name)
        };
        log::say(machines, end, "alert", text);
        log::refused(machines, end);
    }
}

/// Ends an end's connection, which the kernel logs with a word; the end is `then` afterwards. A Primary that had a current peer
/// begins a new generation.
pub(super) fn lose(machines: &mut Machines, end: &End, how: log::Loss, then: Connection) {
    log::lost(machines, end, how);
    resync::count(machines, end);
    let Some(own) = machines.resource_mut(end) else { return };
    let left = own.progress.take().filter(|_| own.replication.is_resync()).map(|progress| progress.left_kib());
    own.connection = then;
    own.replication = Replication::Off;
    (own.meeting, own.lost) = (None, None);
    let new_generation = own.primary && own.disk_state == DiskState::UpToDate;
    let uuid = new_generation.then(|| machines.drbd.uuid());
    let legacy = machines.drbd.legacy;
    let Some(disk) = machines.attached_disk_mut(end) else { return };
    let content = disk.content.clone();
    let Some(metadata) = &mut disk.metadata else { return };
    metadata.connected = false;
    if let Some(left) = left {
        metadata.marked_kib = left;
        metadata.base = Some(content.clone());
    }
    if let Some(uuid) = uuid.filter(|_| metadata.bitmap() == 0) {
        metadata.begin_generation(uuid, &content, legacy);
    }
}
