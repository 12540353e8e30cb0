//! Connect and disconnect.

use super::{connected_peer, declined};
use crate::machine::Machines;
use crate::machine::drbd::End;
use crate::machine::drbd::log::Loss;
use crate::machine::drbd::meeting::lose;
use crate::machine::drbd::refusal::Refusal;
use crate::machine::drbd::{Connection, DiskState};

/// Begins to look for the peer. With `discard` this side gives up its data if there is a split brain.
pub(crate) fn connect(machines: &mut Machines, end: &End, discard: bool) -> Result<(), Refusal> {
    let legacy = machines.drbd.legacy;
    let own = machines.resource_mut(end).ok_or_else(Refusal::unknown_resource)?;
    if own.connection != Connection::StandAlone {
        // 8.4 would make the connection once more, and finds its address taken.
        return Err(if legacy { Refusal::address_in_use() } else { Refusal::net_configured() });
    }
    if discard && own.primary {
        return Err(Refusal::discard_impossible());
    }
    own.connection = Connection::Connecting;
    own.discard = discard;
    Ok(())
}

/// Leaves the peer. A Secondary that leaves a Primary, or is left by it, is Outdated; in 8.4 only with a fencing policy.
pub(crate) fn disconnect(machines: &mut Machines, end: &End) -> Result<(), Refusal> {
    let own = machines.resource(end).ok_or_else(Refusal::unknown_resource)?;
    if let Some(declined) = declined(machines, end) {
        return Err(declined);
    }
    let (primary, outdates) = (own.primary, own.options.outdates);
    let peer = connected_peer(machines, end);
    lose(machines, end, Loss::OwnWish, Connection::StandAlone);
    let Some(peer) = peer else { return Ok(()) };
    lose(machines, &peer, Loss::PeersWish, Connection::Connecting);
    let peer_primary = machines.resource(&peer).is_some_and(|peer| peer.primary);
    if outdates && primary != peer_primary {
        let (secondary, leads) = if primary { (&peer, end) } else { (end, &peer) };
        if let Some(own) = machines.resource_mut(leads) {
            own.peer.outdated = true;
        }
        if let Some(own) = machines.resource_mut(secondary)
            && own.disk_state > DiskState::Outdated
        {
            own.disk_state = DiskState::Outdated;
            machines.change_metadata(secondary, |metadata| metadata.up_to_date = false);
        }
    }
    Ok(())
}
