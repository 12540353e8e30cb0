//! Whether two ends that do not talk may simply be connected again. DRBD itself shows a split brain only as StandAlone;
//! the data generations tell it from a connection that a person took down.

use cutover_engine::inventory::{Pair, PairMember};
use cutover_engine::text;
use cutover_engine::text::Text;

use super::at;
use super::end::{End, Peer};
use super::generations::Relation;

/// What speaks against connecting an end that is StandAlone; `None` if nothing does: it was never connected, or was
/// disconnected, and the generations say that a resync will go the right way.
pub(crate) fn suspicion(pair: &Pair, members: (&PairMember, &PairMember), own: &End, peer: &Peer) -> Option<Text> {
    let resource = &pair.resource;
    let (here, there) = (at(members.0), at(members.1));
    let disk = |end: &End| end.status.as_ref().map_or("down".to_owned(), |status| status.disk.to_string());
    let own_generations = own.generations?;
    let peer = match peer {
        Peer::Seen(peer) => peer,
        Peer::Unreachable(_) if own_generations.just_created() => return None,
        Peer::Unreachable(words) => {
            return Some(text!(
                "drbd.split-brain-unseen",
                "{resource} on {here} is StandAlone (disk {disk}), a split brain is suspected, and {there} cannot be asked ({words}): make {there} reachable, or look at `dmesg` on {here} for \"Split-Brain\"; if it was disconnected by hand, run `drbdadm connect {resource}` on {here}",
                resource,
                here,
                disk = disk(own),
                there,
                words = words
            ));
        }
    };
    let peer_generations = peer.generations?;
    let what = match own_generations.relation(&peer_generations) {
        Relation::SplitBrain => text!("drbd.both-changed", "both ends have changed since they last met"),
        Relation::Unrelated => text!("drbd.nothing-in-common", "the data of the two ends has nothing in common"),
        Relation::BothBlank | Relation::Same | Relation::OwnNewer | Relation::PeerNewer => return None,
    };
    Some(text!(
        "drbd.split-brain",
        "{resource} on {here} (disk {own_disk}) and {there} (disk {peer_disk}): split brain suspected: {what} (generations {own} and {peer}); look at `dmesg` on both nodes for \"Split-Brain\" and at the data of both ends, choose the end whose changes are to be lost, and let the module drbd_split_brain do it; or back it up, and run on it `drbdadm disconnect {resource}; drbdadm secondary {resource}; drbdadm connect --discard-my-data {resource}`, then `drbdadm connect {resource}` on the other end",
        resource,
        here,
        own_disk = disk(own),
        there,
        peer_disk = disk(peer),
        what,
        own = own_generations,
        peer = peer_generations
    ))
}
