//! What speaks against giving the victim's changes up, and how they are given up if nothing does.

use cutover_engine::inventory::{Pair, PairMember};
use cutover_engine::module::{Change, Diff, Facts};

use super::{Node, Params, State, backup};
use crate::drbd::end::{End, Peer};
use crate::drbd::generations::Relation;
use crate::drbd::states::{ConnectionState, DiskState, ReplicationState, Role};
use crate::drbd::status::Status;
use crate::drbd::{at, drbdadm, drbdadm_at, not_up, place};
use crate::quantity::human;
use crate::storage::users::describe;
use crate::tree::Kind;

/// What the generations of two ends that do not talk say; `None` while they do, or if one cannot be read.
pub(super) fn relation(victim: &End, survivor: &Peer) -> Option<Relation> {
    let survivor = survivor.end()?;
    let connected = |end: &End| end.status.as_ref().is_some_and(Status::connected);
    if connected(victim) || connected(survivor) {
        return None;
    }
    Some(victim.generations?.relation(&survivor.generations?))
}

/// Compares what is wanted with what is.
pub(super) fn compare(
    facts: &Facts,
    params: &Params,
    state: &State,
    pair: &Pair,
    members: (&PairMember, &PairMember),
) -> Diff {
    let resource = pair.resource.as_str();
    let (here, there) = (at(members.0), at(members.1));
    let survivor = match &state.survivor {
        Peer::Seen(end) => end,
        Peer::Unreachable(words) => {
            return Diff::blocked(format!(
                "{there} cannot be asked ({words}), and nothing of {resource} is given up on {here} before both ends were looked at: make {there} reachable"
            ));
        }
    };
    let Some(own) = &state.victim.status else { return not_up(resource, &here) };
    let Some(other) = &survivor.status else { return not_up(resource, &there) };
    if own.connected() || other.connected() {
        return together(resource, &here, &there, own, other);
    }
    let alone = [own, other].map(|status| status.connection == ConnectionState::StandAlone);
    let (Some(own_generations), Some(peer_generations)) = (&state.victim.generations, &survivor.generations) else {
        let which = if state.victim.generations.is_none() { &here } else { &there };
        return Diff::blocked(format!(
            "the data generations of {resource} cannot be read on {which}: look at `drbdadm get-gi {resource}` there"
        ));
    };
    let both = format!("generations {own_generations} on {here} and {peer_generations} on {there}");
    match own_generations.relation(peer_generations) {
        Relation::SplitBrain => {}
        Relation::Unrelated => {
            return Diff::blocked(format!(
                "the data of {resource} on {here} and {there} has nothing in common ({both}), so DRBD will not connect them, whichever is given up: back {here} up, and make its metadata anew with `drbdadm down {resource}` and `drbdadm create-md {resource}` there; then it gets everything from {there}"
            ));
        }
        _ if alone == [false, false] => return Diff::InSync,
        _ => {
            let which = if alone[0] { &here } else { &there };
            return Diff::blocked(format!(
                "{resource} is StandAlone on {which}, but this is no split brain ({both}): nothing has to be given up; connect it with drbd_resource, and wait with drbd_sync"
            ));
        }
    }
    let Some(node) = &state.node else {
        return Diff::blocked(format!("what uses {resource} on {here} could not be looked at"));
    };
    let case = Case { facts, params, state, pair, members, own, other, node, here, there };
    let reasons = case.reasons();
    if !reasons.is_empty() {
        return Diff::refused(reasons);
    }
    if alone == [false, false] {
        return Diff::waiting(format!(
            "{resource} tries to connect on both ends: {} on {}, {} on {}; if it stays so, look at the replication link",
            own.connection, case.here, other.connection, case.there
        ));
    }
    Diff::Change(case.changes())
}

/// The ends talk: the victim gets the survivor's data, or has it. Never the other way round.
fn together(resource: &str, here: &str, there: &str, own: &Status, other: &Status) -> Diff {
    let source = |status: &Status| status.replication.is_source() && status.replication != ReplicationState::Ahead;
    let target = |status: &Status| status.replication.is_target() && status.replication != ReplicationState::Behind;
    if source(own) || target(other) {
        return Diff::blocked(format!(
            "the resync of {resource} goes the wrong way: {there} is being overwritten with the data of {here}, the victim ({}, {}): stop it at once with `drbdadm disconnect {resource}` on {there}, and look at the data of both ends",
            own.replication, other.replication
        ));
    }
    if own.connected() && other.connected() && (target(own) || own.disk == DiskState::UpToDate) {
        return Diff::InSync;
    }
    Diff::waiting(format!(
        "{resource} is {} on {here} ({}, disk {}) and {} on {there}",
        own.connection, own.replication, own.disk, other.connection
    ))
}

/// A split brain, and what it is judged by.
struct Case<'a> {
    facts: &'a Facts,
    params: &'a Params,
    state: &'a State,
    pair: &'a Pair,
    members: (&'a PairMember, &'a PairMember),
    own: &'a Status,
    other: &'a Status,
    node: &'a Node,
    here: String,
    there: String,
}

impl Case<'_> {
    fn image(&self) -> String {
        backup::path(self.params, self.pair, self.members.0, &self.state.victim)
    }

    /// Everything that speaks against it.
    fn reasons(&self) -> Vec<String> {
        let Self { own, other, here, there, .. } = self;
        let resource = &self.pair.resource;
        let mut reasons = Vec::new();
        if other.disk != DiskState::UpToDate {
            reasons.push(format!(
                "the disk of {resource} on {there}, which is to survive, is {}, not UpToDate (that of the victim {here}: {}): nothing is given up for data that is not whole",
                other.disk, own.disk
            ));
        }
        if !matches!(
            own.disk,
            DiskState::UpToDate | DiskState::Consistent | DiskState::Outdated | DiskState::Inconsistent
        ) {
            reasons.push(format!(
                "the disk of {resource} on {here} is {}: bring it back first, with drbd_resource",
                own.disk
            ));
        }
        reasons.extend(self.use_reasons());
        reasons.extend(self.backup_reasons());
        reasons
    }

    /// That the victim is in use, or would be again after a boot.
    fn use_reasons(&self) -> Vec<String> {
        let (resource, here, device) = (&self.pair.resource, &self.here, &self.members.0.device);
        let mut reasons: Vec<String> = Vec::new();
        for (target, users) in &self.node.mounted {
            let users = match users.as_slice() {
                [] => String::new(),
                users => format!(", in use by {}", describe(users)),
            };
            reasons.push(format!(
                "{device} of {resource} is mounted on {here} at {target}{users}: stop what uses it and unmount it first, with mount and `state: unmounted`"
            ));
        }
        if self.node.marker {
            let marker = self.params.marker(self.pair);
            reasons.push(format!(
                "{marker} is on {here} and makes it Primary again at the next boot: remove it first, with file and `state: absent`"
            ));
        }
        reasons
    }

    /// That there is no place for the image.
    fn backup_reasons(&self) -> Option<String> {
        let (here, directory, backup) = (&self.here, &self.node.directory, &self.params.backup);
        if matches!(directory.kind, Kind::Link | Kind::Other) {
            return Some(format!("{backup} on {here} is no directory: say another one in `backup`"));
        }
        if directory.device == "tmpfs" {
            return Some(format!(
                "{backup} on {here} is in memory, and gone after a boot: say a directory on a disk in `backup`"
            ));
        }
        match backup::bytes(self.own) {
            None => {
                Some(format!("how large {} is on {here} cannot be read, so no image can be made", self.pair.resource))
            }
            Some(_) if self.node.image => None,
            Some(bytes) if directory.free < bytes => Some(format!(
                "{backup} on {here} has {} free on {}, and the image of {} needs {}: make room, or say another directory in `backup`",
                human(directory.free),
                directory.device,
                self.pair.resource,
                human(bytes)
            )),
            Some(_) => None,
        }
    }

    /// The victim steps back and is saved; the survivor waits; last of all the victim comes with its data given up. What was done
    /// of this shows: a victim that is StandAlone has given up nothing.
    fn changes(&self) -> Vec<Change> {
        let Self { facts, own, other, here, there, .. } = self;
        let resource = self.pair.resource.as_str();
        let image = self.image();
        let (mut words, mut actions, mut undo) = (Vec::new(), Vec::new(), Vec::new());
        if own.connection != ConnectionState::StandAlone {
            words.push("disconnect".to_owned());
            actions.push(drbdadm(facts, ["disconnect", resource]));
        }
        if own.role == Role::Primary {
            words.push("demote".to_owned());
            actions.push(drbdadm(facts, ["secondary", resource]));
            undo.push(drbdadm(facts, ["primary", resource]));
        }
        let bytes = backup::bytes(own).unwrap_or_default();
        let verb = if self.node.image { "compare it with its image at" } else { "write an image of it to" };
        words.push(format!("{verb} {image} ({})", human(bytes)));
        actions.push(backup::make(facts, self.members.0, bytes, &image));
        let save = format!("the victim {resource} on {here}: {}", words.join(", "));
        let mut changes = vec![Change::idempotent(save, actions).undo(undo)];
        if other.connection == ConnectionState::StandAlone {
            let survivor = |verb: &str| drbdadm_at(place(self.members.1), [verb, resource]);
            let wait = format!("let {resource} on {there} wait for the victim");
            changes.push(Change::idempotent(wait, [survivor("connect")]).undo([survivor("disconnect")]));
        }
        let lose = format!(
            "give up what was written to {resource} on {here} since the ends last met{}, and take the data of {there}",
            self.amount()
        );
        let lose = Change::at_most_once(lose, [drbdadm(facts, ["connect", "--discard-my-data", resource])]);
        changes.push(lose.preview(self.preview(&image)));
        changes
    }

    /// How much is lost, as far as DRBD knows.
    fn amount(&self) -> String {
        let amount = self.own.out_of_sync_kib.filter(|kib| *kib > 0).map(|kib| human(kib * 1024));
        amount.map(|amount| format!(" (up to {amount})")).unwrap_or_default()
    }

    fn preview(&self, image: &str) -> String {
        let line = |what: &str, status: &Status, end: Option<&End>| {
            let generations = end.and_then(|end| end.generations).map(|generations| generations.to_string());
            let Status { role, disk, .. } = status;
            format!("{what}: {role}, disk {disk}, generations {}\n", generations.unwrap_or_default())
        };
        let Self { here, there, .. } = self;
        line(&format!("- {here} loses its changes"), self.own, Some(&self.state.victim))
            + &line(&format!("+ {there} keeps its own"), self.other, self.state.survivor.end())
            + &format!("  the changes of {here} are kept there in {image}\n")
    }
}
