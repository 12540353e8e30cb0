//! Brings every resource up to the present, event by event: peers meet, go silent, finish resyncs; writes are mirrored.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::End;
use super::log::Loss;
use super::{Connection, Replication};
use super::{meeting, resync};
use crate::machine::{MachineId, Machines};

/// From both sides trying to connect to their being connected.
const MEET: Duration = Duration::from_secs(1);
/// From a peer's death to its being noticed: the defaults of ping-int (10 s) and ping-timeout (0.5 s).
const SILENCE: Duration = Duration::from_millis(10_500);

/// Brings every resource up to the present. Between two calls nothing but time may have changed the world, so whoever
/// changes a machine or a link settles before and after. Only ends are looked at that something was done to, or that
/// something happens to by itself in this time.
pub(crate) fn settle(machines: &mut Machines, elapsed: Duration) {
    loop {
        take_note(machines);
        let next = machines.drbd.next_event().filter(|due| *due <= elapsed);
        let to = next.unwrap_or(elapsed).max(machines.drbd.settled);
        machines.drbd.pass(to);
        if next.is_none() {
            break;
        }
        for end in machines.drbd.agenda.take_due(to) {
            fire(machines, &end);
        }
    }
}

/// Takes note of what is so at this instant, until nothing is new any more.
fn take_note(machines: &mut Machines) {
    loop {
        let touched = machines.take_touched();
        if touched.is_empty() {
            return;
        }
        let mut ends = BTreeSet::new();
        for id in touched {
            let Some(machine) = machines.get(id) else { continue };
            ends.extend(machine.drbd.keys().map(|name| (id, Arc::from(name.as_str()))));
            for address in machine.addresses() {
                ends.extend(machines.drbd.agenda.known(id, address));
            }
        }
        for end in ends {
            observe(machines, &end);
            plan(machines, &end);
        }
    }
}

/// Plans what happens to an end by itself from here on.
fn plan(machines: &mut Machines, end: &End) {
    let Some(own) = machines.resource(end) else {
        resync::leave(machines, end);
        return machines.drbd.agenda.forget(end);
    };
    let events = [own.meeting.map(|since| since + MEET), own.lost.map(|since| since + SILENCE)];
    let due = events.into_iter().flatten().min();
    let (peer, drives) = (own.peer.endpoint.address.clone(), resync::drives(own));
    machines.drbd.agenda.know(end, &peer);
    machines.drbd.agenda.plan(end, due);
    if drives { resync::join(machines, end) } else { resync::leave(machines, end) }
}

/// Counts what resyncs have moved on a machine, before somebody looks at it.
pub(crate) fn count(machines: &mut Machines, id: MachineId) {
    let names = machines.get(id).into_iter().flat_map(|machine| machine.drbd.keys());
    let ends: Vec<End> = names.map(|name| (id, Arc::from(name.as_str()))).collect();
    ends.iter().for_each(|end| resync::count(machines, end));
}

/// How long it takes from now until a silent peer is given up; none if the peer answers or nobody is connected.
pub(crate) fn unanswered(machines: &Machines, end: &End) -> Option<Duration> {
    let own = machines.resource(end).filter(|own| own.connection == Connection::Connected)?;
    own.lost.map(|since| (since + SILENCE).saturating_sub(machines.drbd.settled))
}

fn fire(machines: &mut Machines, end: &End) {
    let now = machines.drbd.settled;
    // Whatever comes of it, it is looked at again.
    let Some(own) = machines.resource_mut(end) else { return };
    if own.meeting.is_some_and(|since| since + MEET <= now) {
        meeting::meet(machines, end);
    } else if own.lost.is_some_and(|since| since + SILENCE <= now) {
        meeting::lose(machines, end, Loss::Silence, Connection::Connecting);
    } else if resync::drives(own) && machines.drbd.agenda.is_done(end) {
        resync::finish(machines, end);
    }
}

/// Takes note of what is so at this instant of one end. Nothing is written that does not change.
fn observe(machines: &mut Machines, end: &End) {
    let (now, now_ns) = (machines.drbd.settled, machines.drbd.now_ns());
    let peer = machines
        .peer_end(end)
        .and_then(|peer| machines.resource(&peer))
        .map(|peer| (peer.connection, (peer.primary, peer.disk_state)));
    let answers = machines.peer_answers(end);
    let Some((machine, own)) = machines.get(end.0).zip(machines.resource(end)) else { return };
    let mounted = machine.mounts.iter().any(|mount| mount.source == own.device);
    let opened_ns = if mounted { own.opened_ns.or(Some(now_ns)) } else { None };
    if own.opened_ns != opened_ns
        && let Some(own) = machines.resource_mut(end)
    {
        own.opened_ns = opened_ns;
    }
    let Some(own) = machines.resource(end) else { return };
    let (mut lost, mut meeting, mut last) = (own.lost, own.meeting, own.peer.last);
    match (own.connection, peer) {
        (Connection::Connected, Some((Connection::Connected, seen))) => (lost, last) = (None, seen),
        // The peer's kernel is there and knows nothing of this connection: it resets it.
        (Connection::Connected, _) if answers => {
            meeting::lose(machines, end, Loss::Reset, Connection::Connecting);
            return mirror(machines, end);
        }
        (Connection::Connected, _) => lost = lost.or(Some(now)),
        (Connection::Connecting, Some((Connection::Connecting, _))) => meeting = meeting.or(Some(now)),
        (Connection::Connecting | Connection::StandAlone, _) => meeting = None,
    }
    if (own.lost, own.meeting, own.peer.last) != (lost, meeting, last)
        && let Some(own) = machines.resource_mut(end)
    {
        (own.lost, own.meeting, own.peer.last) = (lost, meeting, last);
    }
    mirror(machines, end);
}

/// Sends the peer what a Primary has written. A resync's target gets it when the resync is done.
fn mirror(machines: &mut Machines, end: &End) {
    let Some(own) = machines.resource(end) else { return };
    let open = !matches!(own.replication, Replication::Off | Replication::SyncSource);
    if !own.primary || own.connection != Connection::Connected || own.lost.is_some() || !open {
        return;
    }
    let Some(peer) = machines.peer_end(end) else { return };
    // What a Primary without a disk writes goes to its peer alone.
    let (Some(here), Some(there)) = (machines.written_disk(end), machines.attached_disk(&peer)) else { return };
    if here.content.same(&there.content) {
        return;
    }
    let content = here.content.clone();
    if let Some(disk) = machines.attached_disk_mut(&peer) {
        disk.content = content;
    }
}
