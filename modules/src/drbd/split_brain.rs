//! Whether two ends that do not talk may simply be connected again. DRBD itself shows a split brain only as StandAlone;
//! the data generations tell it from a connection that a person took down.

use cutover_engine::inventory::{Pair, PairMember};

use super::at;
use super::end::{End, Peer};
use super::generations::Relation;

/// What speaks against connecting an end that is StandAlone; `None` if nothing does: it was never connected, or was
/// disconnected, and the generations say that a resync will go the right way.
pub(crate) fn suspicion(pair: &Pair, members: (&PairMember, &PairMember), own: &End, peer: &Peer) -> Option<String> {
    let resource = &pair.resource;
    let (here, there) = (at(members.0), at(members.1));
    let disk = |end: &End| end.status.as_ref().map_or("down".to_owned(), |status| status.disk.to_string());
    let own_generations = own.generations?;
    let peer = match peer {
        Peer::Seen(peer) => peer,
        Peer::Unreachable(_) if own_generations.just_created() => return None,
        Peer::Unreachable(words) => {
            return Some(format!(
                "{resource} on {here} is StandAlone (disk {}), a split brain is suspected, and {there} cannot be asked ({words}): make {there} reachable, or look at `dmesg` on {here} for \"Split-Brain\"; if it was disconnected by hand, run `drbdadm connect {resource}` on {here}",
                disk(own)
            ));
        }
    };
    let peer_generations = peer.generations?;
    let what = match own_generations.relation(&peer_generations) {
        Relation::SplitBrain => "both ends have changed since they last met",
        Relation::Unrelated => "the data of the two ends has nothing in common",
        Relation::BothBlank | Relation::Same | Relation::OwnNewer | Relation::PeerNewer => return None,
    };
    Some(format!(
        "{resource} on {here} (disk {}) and {there} (disk {}): split brain suspected: {what} (generations {own_generations} and {peer_generations}); {RESOLVE} `drbdadm disconnect {resource}; drbdadm secondary {resource}; drbdadm connect --discard-my-data {resource}`, then `drbdadm connect {resource}` on the other end",
        disk(own),
        disk(peer),
    ))
}

const RESOLVE: &str = "look at `dmesg` on both nodes for \"Split-Brain\" and at the data of both ends, choose the end whose changes are to be lost, and let the module drbd_split_brain do it; or back it up, and run on it";
