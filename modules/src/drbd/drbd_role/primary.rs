//! Promotion: all that speaks against it, and by which command it is done if nothing does.

use cutover_engine::inventory::{Pair, PairMember};
use cutover_engine::module::{Change, Diff, Facts};
use cutover_engine::text;
use cutover_engine::text::Text;

use super::{Params, State};
use crate::support::drbd::end::{End, Peer};
use crate::support::drbd::generations::Relation;
use crate::support::drbd::split_brain::suspicion;
use crate::support::drbd::states::{DiskState, Role};
use crate::support::drbd::status::Status;
use crate::support::drbd::{at, drbdadm, not_up};

/// What a promotion is judged by.
struct Case<'a> {
    params: &'a Params,
    pair: &'a Pair,
    members: (&'a PairMember, &'a PairMember),
    state: &'a State,
    status: &'a Status,
    peer: &'a Peer,
    here: String,
    there: String,
}

/// Compares what is wanted with what is.
pub(super) fn compare(
    facts: &Facts,
    params: &Params,
    state: &State,
    pair: &Pair,
    members: (&PairMember, &PairMember),
) -> Diff {
    let (resource, here, there) = (pair.resource.as_str(), at(members.0), at(members.1));
    let (Some(status), Some(peer)) = (&state.own.status, &state.peer) else {
        return not_up(resource, &here);
    };
    let case = Case { params, pair, members, state, status, peer, here, there };
    if status.role == Role::Primary {
        return match case.peer_says() {
            Some(end) if end.role == Role::Primary => Diff::blocked(text!(
                "drbd_role.two-primaries",
                "{resource} is Primary on {here} and on {there}: stop and demote one of them at once, then resolve the split brain",
                resource,
                here = &case.here,
                there = &case.there
            )),
            _ => Diff::InSync,
        };
    }
    let mut reasons: Vec<Text> = case.peer_reasons().into_iter().chain(case.data_reasons()).collect();
    reasons.extend(case.disk_reasons());
    reasons.extend(case.quorum_reason());
    if !reasons.is_empty() {
        return Diff::refused(reasons);
    }
    if case.link_is_dying() {
        return Diff::waiting(text!(
            "drbd_role.link-still-up",
            "the DRBD link of {resource} from {here} to {there} is still up, though {there} is declared fenced: waiting for it to go down",
            resource,
            here = &case.here,
            there = &case.there
        ));
    }
    if status.may_promote == Some(false) && !case.by_force() {
        return Diff::waiting(text!(
            "drbd_role.may-not-promote",
            "DRBD on {here} expects that {resource} cannot become Primary now (`may_promote:no` of `drbdsetup events2`): waiting for that to change",
            resource,
            here = &case.here
        ));
    }
    Diff::Change(vec![case.promote(facts)])
}

impl Case<'_> {
    fn resource(&self) -> &str {
        &self.pair.resource
    }

    /// The peer's own status.
    fn peer_says(&self) -> Option<&Status> {
        self.peer.end().and_then(|end| end.status.as_ref())
    }

    /// Whether this is the very first promotion.
    fn is_first(&self) -> bool {
        self.params.initial && self.status.disk == DiskState::Inconsistent
    }

    /// Whether the fenced peer still looks connected: a dead one does so for some seconds.
    fn link_is_dying(&self) -> bool {
        matches!(self.peer, Peer::Unreachable(_)) && self.params.fenced.is_some() && self.status.connected()
    }

    /// Whether this end asks for a quorum and has none.
    fn without_quorum(&self) -> bool {
        self.status.quorum == Some(false)
    }

    /// Whether it takes force: the disk is not the newest, or there is no quorum.
    fn by_force(&self) -> bool {
        self.status.disk != DiskState::UpToDate || self.without_quorum()
    }

    /// That there is no quorum, without which DRBD does not promote.
    fn quorum_reason(&self) -> Option<Text> {
        let Self { here, there, .. } = self;
        let resource = self.resource();
        if !self.without_quorum() {
            return None;
        }
        match (&self.params.fenced, self.peer, &self.params.accept_no_quorum) {
            (Some(_), Peer::Unreachable(_), Some(_)) => None,
            (Some(_), Peer::Unreachable(_), None) => Some(text!(
                "drbd_role.no-quorum-fenced",
                "{resource} has no quorum on {here}, so DRBD refuses to promote it: its configuration asks for one (`quorum` in `drbdadm dump {resource}` or /etc/drbd.d/global_common.conf), which of two nodes the one that is left cannot have; {there} is fenced, so to promote by force, say why in `accept_no_quorum`",
                resource,
                here,
                there
            )),
            _ => Some(text!(
                "drbd_role.no-quorum",
                "{resource} has no quorum on {here}, so DRBD refuses to promote it: connect it to {there}, and let drbd_resource write `quorum off`, which two nodes need; if {there} is lost, fence it and say so in `fenced`, and why it goes without in `accept_no_quorum`",
                resource,
                here,
                there
            )),
        }
    }

    /// That the peer is Primary, or that nobody knows.
    fn peer_reasons(&self) -> Option<Text> {
        let Self { status, here, there, .. } = self;
        let resource = self.resource();
        let seen_primary = status.connected() && status.peer_role == Role::Primary;
        match self.peer {
            Peer::Seen(_) => {
                let primary = seen_primary || self.peer_says().is_some_and(|peer| peer.role == Role::Primary);
                primary.then(|| match self.params.fenced {
                    Some(_) => text!(
                        "drbd_role.peer-primary-not-fenced",
                        "{resource} is Primary on {there}, and it answers, so it is not fenced: demote it there first, with drbd_role and `role: secondary`",
                        resource,
                        there
                    ),
                    None => text!(
                        "drbd_role.peer-primary",
                        "{resource} is Primary on {there}: demote it there first, with drbd_role and `role: secondary`",
                        resource,
                        there
                    ),
                })
            }
            Peer::Unreachable(_) if self.params.fenced.is_some() => None,
            Peer::Unreachable(words) if seen_primary => Some(text!(
                "drbd_role.peer-primary-unreachable",
                "{resource} is Primary on {there} by the DRBD link, and the node cannot be asked ({words}): make it reachable and demote it; if it is dead, fence it and say in `fenced` who knows it and how",
                resource,
                there,
                words
            )),
            // Connected, DRBD itself lets only one end be Primary.
            Peer::Unreachable(_) if status.connected() && status.peer_role == Role::Secondary => None,
            Peer::Unreachable(words) => Some(text!(
                "drbd_role.peer-unreachable",
                "{there} cannot be asked whether it is still Primary ({words}), and {resource} on {here} is {connection}: make it reachable; if it is down, fence it and say in `fenced` who knows it and how",
                there,
                words,
                resource,
                here,
                connection = status.connection
            )),
        }
    }

    /// That the peer may hold newer data, or different data. While connected DRBD has settled that itself.
    fn data_reasons(&self) -> Option<Text> {
        let Self { status, here, there, .. } = self;
        let resource = self.resource();
        let Peer::Seen(peer) = self.peer else { return None };
        if status.connected() {
            return None;
        }
        if let Some(words) = suspicion(self.pair, self.members, &self.state.own, self.peer) {
            return Some(words);
        }
        if self.params.accept_data_loss.is_some() {
            return None;
        }
        match (&self.state.own.generations, &peer.generations) {
            (Some(own), Some(peer)) if own.relation(peer) == Relation::PeerNewer => Some(text!(
                "drbd_role.peer-newer",
                "{there} holds newer data of {resource} than {here} (generations {peer} and {own}): connect them and wait with drbd_sync; to give the newer data up, say why in `accept_data_loss`",
                there,
                resource,
                here,
                peer = *peer,
                own = *own
            )),
            (Some(_), Some(_)) => None,
            (None, _) => Some(text!(
                "drbd_role.generations-not-readable",
                "the data generations of {resource} cannot be read on {here}: look at `drbdadm get-gi {resource}` there",
                resource,
                here
            )),
            (_, None) => Some(text!(
                "drbd_role.peer-age-not-readable",
                "whether {there} holds newer data of {resource} cannot be read there: bring it up with drbd_resource; to do without, say why in `accept_data_loss`",
                there,
                resource
            )),
        }
    }

    /// That the disk here is not what may be promoted.
    fn disk_reasons(&self) -> Vec<Text> {
        let Self { status, here, there, .. } = self;
        let resource = self.resource();
        let disk = status.disk;
        match disk {
            DiskState::UpToDate => Vec::new(),
            DiskState::Inconsistent if self.is_first() => self.first_reasons(),
            DiskState::Inconsistent | DiskState::Outdated | DiskState::Consistent => {
                let syncing = status.replication.is_target();
                if syncing || (status.connected() && status.peer_disk == DiskState::UpToDate) {
                    let replication = status.replication;
                    return vec![match status.percent() {
                        Some(percent) => text!(
                            "drbd_role.syncing-percent",
                            "the disk of {resource} on {here} is {disk} ({replication}, {percent} % synced): wait until it is UpToDate, with drbd_sync",
                            resource,
                            here,
                            disk,
                            replication,
                            percent = percent.floor()
                        ),
                        None => text!(
                            "drbd_role.syncing",
                            "the disk of {resource} on {here} is {disk} ({replication}): wait until it is UpToDate, with drbd_sync",
                            resource,
                            here,
                            disk,
                            replication
                        ),
                    }];
                }
                if self.params.accept_data_loss.is_some() {
                    return Vec::new();
                }
                let ends = [Some(&self.state.own), self.peer.end()];
                if ends.iter().all(|end| end.is_some_and(just_created)) {
                    return vec![text!(
                        "drbd_role.never-held-data",
                        "the disk of {resource} on {here} is {disk}, and neither end has ever held data: for the very first promotion, say `initial: true`",
                        resource,
                        here,
                        disk
                    )];
                }
                if disk == DiskState::Outdated {
                    return vec![text!(
                        "drbd_role.outdated",
                        "the disk of {resource} on {here} is Outdated, not UpToDate: it left while {there} was Primary, and lacks all that was written there since; connect it to {there} and wait with drbd_sync; to promote what it holds, say why in `accept_data_loss`",
                        resource,
                        here,
                        there
                    )];
                }
                vec![text!(
                    "drbd_role.not-up-to-date",
                    "the disk of {resource} on {here} is {disk}, not UpToDate: connect it to {there} and wait with drbd_sync; to promote what it holds, say why in `accept_data_loss`",
                    resource,
                    here,
                    disk,
                    there
                )]
            }
            other => {
                vec![text!(
                    "drbd_role.disk-lost",
                    "the disk of {resource} on {here} is {other}: bring it back first, with drbd_resource",
                    resource,
                    here,
                    other
                )]
            }
        }
    }

    /// That this is not two blank disks that have just met.
    fn first_reasons(&self) -> Vec<Text> {
        let Self { status, here, there, .. } = self;
        let resource = self.resource();
        let mut reasons = Vec::new();
        if !status.connected() {
            reasons.push(text!(
                "drbd_role.first-not-connected",
                "{resource} on {here} is {connection}, not Connected: the first promotion needs both ends; bring up {there} with drbd_resource",
                resource,
                here,
                connection = status.connection,
                there
            ));
        } else if status.peer_disk != DiskState::Inconsistent {
            reasons.push(text!(
                "drbd_role.first-peer-disk",
                "the disk of {resource} on {there} is {disk}, not Inconsistent: it may hold data, so this is not a first promotion; remove `initial`",
                resource,
                there,
                disk = status.peer_disk
            ));
        }
        let ends = [(here, Some(&self.state.own)), (there, self.peer.end())];
        for (place, end) in ends {
            match end.map(|end| end.generations) {
                Some(Some(generations)) if generations.just_created() => {}
                Some(Some(generations)) => reasons.push(text!(
                    "drbd_role.first-metadata-used",
                    "the metadata of {resource} on {place} is not just created (generations {generations}): its disk has held data, so this is not a first promotion",
                    resource,
                    place,
                    generations
                )),
                Some(None) => reasons.push(text!(
                    "drbd_role.first-generations-not-readable",
                    "the data generations of {resource} on {place} cannot be read: look at `drbdadm get-gi {resource}` there",
                    resource,
                    place
                )),
                None => reasons.push(text!(
                    "drbd_role.first-unreachable",
                    "the data generations of {resource} on {place} cannot be asked for: make it reachable",
                    resource,
                    place
                )),
            }
        }
        for member in [self.members.0, self.members.1] {
            let (disk, place) = (&member.disk, at(member));
            match self.state.traces.iter().find(|traces| traces.place == crate::support::drbd::place(member)) {
                Some(traces) if traces.lines.is_empty() => {}
                Some(traces) => reasons.push(text!(
                    "drbd_role.first-disk-not-blank",
                    "{disk} on {place} carries something beside DRBD's metadata: {traces}; check that it is the right disk",
                    disk,
                    place,
                    traces = traces.lines.clone()
                )),
                None => reasons.push(text!(
                    "drbd_role.first-disk-not-seen",
                    "what {disk} on {place} carries could not be looked at",
                    disk,
                    place
                )),
            }
        }
        reasons
    }

    fn promote(&self, facts: &Facts) -> Change {
        let Self { params, here, there, .. } = self;
        let resource = self.resource();
        let undo = [drbdadm(facts, ["secondary", resource])];
        let mut parts = vec![if self.is_first() {
            text!(
                "drbd_role.promote-first",
                "promote {resource} on {here} to Primary for the first time: its blank disk becomes the source of the initial sync to {there}",
                resource,
                here,
                there
            )
        } else {
            text!("drbd_role.promote", "promote {resource} on {here} to Primary", resource, here)
        }];
        if let (Some(words), Peer::Unreachable(_)) = (&params.fenced, self.peer) {
            parts.push(text!("drbd_role.fenced", "{there} cannot be reached and is fenced: {words}", there, words));
        }
        if let Some(words) = &params.accept_data_loss {
            let disk = self.status.disk;
            parts.push(text!("drbd_role.data-may-be-lost", "data may be lost (disk {disk}): {words}", disk, words));
        }
        if let Some(words) = params.accept_no_quorum.as_ref().filter(|_| self.without_quorum()) {
            parts.push(text!("drbd_role.no-quorum-accepted", "by force, since it has no quorum: {words}", words));
        }
        // What a person attests stands behind what is done.
        let summary = match parts.len() {
            1 => parts.remove(0),
            _ => text!("drbd_role.promote-attested", "{parts}", parts = parts),
        };
        let change = if self.by_force() {
            Change::at_most_once("promote", summary, [drbdadm(facts, ["primary", "--force", resource])])
        } else {
            Change::idempotent("promote", summary, [drbdadm(facts, ["primary", resource])])
        };
        change.undo(undo)
    }
}

fn just_created(end: &End) -> bool {
    end.generations.is_some_and(|generations| generations.just_created())
}
