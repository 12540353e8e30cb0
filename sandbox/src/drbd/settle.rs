//! Brings every resource up to the present, event by event: peers meet, go silent, finish resyncs; writes are mirrored.

use std::time::Duration;

use super::log::Loss;
use super::pair::{End, ends};
use super::resource::{Connection, Replication};
use super::{meeting, resync};
use crate::sim::State;

/// From both sides trying to connect to their being connected.
const MEET: Duration = Duration::from_secs(1);
/// From a peer's death to its being noticed: the defaults of ping-int (10 s) and ping-timeout (0.5 s).
const SILENCE: Duration = Duration::from_millis(10_500);

/// Brings every resource up to the present. Between two calls nothing but time may have changed the world, so whoever
/// changes a machine or a link settles before and after.
pub(crate) fn settle(state: &mut State, elapsed: Duration) {
    loop {
        observe(state);
        let now = state.drbd.settled;
        let next = ends(state).iter().filter_map(|end| due(state, end)).min().filter(|due| *due <= elapsed);
        let to = next.unwrap_or(elapsed).max(now);
        resync::advance(state, to - now);
        state.drbd.settled = to;
        if next.is_none() {
            break;
        }
        for end in ends(state) {
            if due(state, &end).is_some_and(|due| due <= to) {
                fire(state, &end);
            }
        }
    }
}

/// How long it takes from now until a silent peer is given up; none if the peer answers or nobody is connected.
pub(crate) fn unanswered(state: &State, end: &End) -> Option<Duration> {
    let own = state.resource(end).filter(|own| own.connection == Connection::Connected)?;
    own.lost.map(|since| (since + SILENCE).saturating_sub(state.drbd.settled))
}

/// When the next thing happens to an end by itself.
fn due(state: &State, end: &End) -> Option<Duration> {
    let own = state.resource(end)?;
    let events =
        [own.meeting.map(|since| since + MEET), own.lost.map(|since| since + SILENCE), resync::due(state, end)];
    events.into_iter().flatten().min()
}

fn fire(state: &mut State, end: &End) {
    let now = state.drbd.settled;
    let Some(own) = state.resource(end) else { return };
    if own.meeting.is_some_and(|since| since + MEET <= now) {
        meeting::meet(state, end);
    } else if own.lost.is_some_and(|since| since + SILENCE <= now) {
        meeting::lose(state, end, Loss::Silence, Connection::Connecting);
    } else if resync::due(state, end).is_some_and(|due| due <= now) {
        resync::finish(state, end);
    }
}

/// Takes note of what is so at this instant.
fn observe(state: &mut State) {
    let (now, now_ns) = (state.drbd.settled, state.drbd.now_ns());
    for end in ends(state) {
        let peer = state
            .peer_end(&end)
            .and_then(|peer| state.resource(&peer))
            .map(|peer| (peer.connection, (peer.primary, peer.disk_state)));
        let answers = state.peer_answers(&end);
        let mounted = state
            .machines
            .get(&end.0)
            .zip(state.resource(&end))
            .is_some_and(|(machine, own)| machine.mounts.iter().any(|mount| mount.source == own.device));
        let Some(own) = state.resource_mut(&end) else { continue };
        own.opened_ns = if mounted { own.opened_ns.or(Some(now_ns)) } else { None };
        match (own.connection, peer) {
            (Connection::Connected, Some((Connection::Connected, seen))) => {
                own.lost = None;
                own.peer.last = seen;
            }
            // The peer's kernel is there and knows nothing of this connection: it resets it.
            (Connection::Connected, _) if answers => {
                meeting::lose(state, &end, Loss::Reset, Connection::Connecting);
            }
            (Connection::Connected, _) => own.lost = own.lost.or(Some(now)),
            (Connection::Connecting, Some((Connection::Connecting, _))) => own.meeting = own.meeting.or(Some(now)),
            (Connection::Connecting | Connection::StandAlone, _) => own.meeting = None,
        }
        mirror(state, &end);
    }
}

/// Gives the peer what a Primary has written. A resync's target gets it when the resync is done.
fn mirror(state: &mut State, end: &End) {
    let Some(own) = state.resource(end) else { return };
    let open = !matches!(own.replication, Replication::Off | Replication::SyncSource);
    if !own.primary || own.connection != Connection::Connected || own.lost.is_some() || !open {
        return;
    }
    let Some(peer) = state.peer_end(end) else { return };
    let (Some(here), Some(there)) = (state.attached_disk(end), state.attached_disk(&peer)) else { return };
    if here.content.same(&there.content) {
        return;
    }
    let content = here.content.clone();
    if let Some(disk) = state.attached_disk_mut(&peer) {
        disk.content = content;
    }
}
