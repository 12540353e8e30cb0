//! What DRBD has the kernel log of a connection: that the ends meet and part, in the words of either generation. Only the
//! lines of the resource, and of those the ones that tell something; not the steps between them.

use super::End;
use super::{Connection, DiskState, Replication};
use crate::machine::LogLine;
use crate::machine::Machines;

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loss {
    /// The peer does not answer any more.
    Silence,
    /// The peer's kernel knows nothing of it any more.
    Reset,
    /// An operator disconnected it.
    OwnWish,
    /// An operator disconnected the peer.
    PeersWish,
    /// It does not: the handshake alone is done again.
    None,
}

/// Logs a line.
pub(super) fn say(machines: &mut Machines, end: &End, level: &'static str, text: String) {
    let at_ns = machines.drbd.now_ns();
    if let Some(machine) = machines.get_mut(end.0) {
        machine.kernel_log.push(LogLine { at_ns, level: level.into(), text });
    }
}

/// Logs that the handshake begins, which only 8.4 does.
pub(super) fn handshake(machines: &mut Machines, end: &End) {
    if machines.drbd.legacy {
        say(machines, end, "info", format!("drbd {}: conn( WFConnection -> WFReportParams ) ", end.1));
    }
}

/// Logs that the handshake came to nothing.
pub(super) fn refused(machines: &mut Machines, end: &End) {
    let from = if machines.drbd.legacy { "WFReportParams" } else { "Connecting" };
    for (from, to) in [(from, "Disconnecting"), ("Disconnecting", "StandAlone")] {
        step(machines, end, from, to);
    }
}

/// Logs that an end is connected to its peer, whose role and disk it sees.
pub(super) fn met(machines: &mut Machines, end: &End, peer: Option<(bool, DiskState)>) {
    let Some(own) = machines.resource(end) else { return };
    let (name, minor, remote) = (&own.name, own.minor, &own.peer.name);
    let role = role(peer.is_some_and(|(primary, _)| primary));
    let disk = peer.map_or(DiskState::DUnknown, |(_, disk)| disk);
    let text = if machines.drbd.legacy {
        format!(
            "block drbd{minor}: peer( Unknown -> {role} ) conn( WFReportParams -> Connected ) pdsk( DUnknown -> {disk} ) "
        )
    } else {
        format!("drbd {name} {remote}: conn( Connecting -> Connected ) peer( Unknown -> {role} )")
    };
    say(machines, end, "info", text);
}

/// Logs that an end is about to lose its connection, if it has one, and where it goes from there.
pub(super) fn lost(machines: &mut Machines, end: &End, how: Loss) {
    let word = match how {
        Loss::Silence => "NetworkFailure",
        Loss::Reset => "BrokenPipe",
        Loss::OwnWish => "Disconnecting",
        Loss::PeersWish => "TearDown",
        Loss::None => return,
    };
    let Some(own) = machines.resource(end).filter(|own| own.connection == Connection::Connected) else { return };
    let (name, remote, (primary, disk)) = (&own.name, &own.peer.name, own.peer.last);
    let role = role(primary);
    let text = if machines.drbd.legacy {
        // There the connection has the words of the replication, too.
        let from = match own.replication {
            Replication::Off | Replication::Established => "Connected".to_owned(),
            running => running.to_string(),
        };
        format!("drbd {name}: peer( {role} -> Unknown ) conn( {from} -> {word} ) pdsk( {disk} -> DUnknown ) ")
    } else {
        format!("drbd {name} {remote}: conn( Connected -> {word} ) peer( {role} -> Unknown )")
    };
    say(machines, end, "info", text);
    if how == Loss::OwnWish {
        step(machines, end, word, "StandAlone");
    } else {
        step(machines, end, word, "Unconnected");
        let waiting = if machines.drbd.legacy { "WFConnection" } else { "Connecting" };
        step(machines, end, "Unconnected", waiting);
    }
}

fn step(machines: &mut Machines, end: &End, from: &str, to: &str) {
    let Some(own) = machines.resource(end) else { return };
    let text = if machines.drbd.legacy {
        format!("drbd {}: conn( {from} -> {to} ) ", own.name)
    } else {
        format!("drbd {} {}: conn( {from} -> {to} )", own.name, own.peer.name)
    };
    say(machines, end, "info", text);
}

fn role(primary: bool) -> &'static str {
    if primary { "Primary" } else { "Secondary" }
}
