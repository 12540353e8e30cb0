//! What speaks against giving the victim's changes up, and how they are given up if nothing does.

use cutover_engine::inventory::{Pair, PairMember};
use cutover_engine::module::{Change, Diff, Facts};
use cutover_engine::text;
use cutover_engine::text::Text;

use super::{Node, Params, State, backup};
use crate::support::drbd::end::{End, Peer};
use crate::support::drbd::generations::Relation;
use crate::support::drbd::states::{ConnectionState, DiskState, ReplicationState, Role};
use crate::support::drbd::status::Status;
use crate::support::drbd::{at, drbdadm, drbdadm_at, not_up, place};
use crate::support::quantity::human;
use crate::support::storage::users::describe;
use crate::support::tree::Kind;

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
            return Diff::blocked(text!(
                "drbd_split_brain.unreachable",
                "{there} cannot be asked ({words}), and nothing of {resource} is given up on {here} before both ends were looked at: make {there} reachable",
                there,
                words,
                resource,
                here
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
        return Diff::blocked(text!(
            "drbd_split_brain.generations-not-readable",
            "the data generations of {resource} cannot be read on {which}: look at `drbdadm get-gi {resource}` there",
            resource,
            which
        ));
    };
    let both = text!(
        "drbd_split_brain.generations",
        "generations {own} on {here} and {peer} on {there}",
        own = own_generations,
        here,
        peer = peer_generations,
        there
    );
    match own_generations.relation(peer_generations) {
        Relation::SplitBrain => {}
        Relation::Unrelated => {
            return Diff::blocked(text!(
                "drbd_split_brain.nothing-in-common",
                "the data of {resource} on {here} and {there} has nothing in common ({both}), so DRBD will not connect them, whichever is given up: back {here} up, and make its metadata anew with `drbdadm down {resource}` and `drbdadm create-md {resource}` there; then it gets everything from {there}",
                resource,
                here,
                there,
                both
            ));
        }
        _ if alone == [false, false] => return Diff::InSync,
        _ => {
            let which = if alone[0] { &here } else { &there };
            return Diff::blocked(text!(
                "drbd_split_brain.not-split",
                "{resource} is StandAlone on {which}, but this is not a split brain ({both}): nothing has to be given up; connect it with drbd_resource, and wait with drbd_sync",
                resource,
                which,
                both
            ));
        }
    }
    let Some(node) = &state.node else {
        return Diff::blocked(text!(
            "drbd_split_brain.not-looked-at",
            "what uses {resource} on {here} could not be looked at",
            resource,
            here
        ));
    };
    let case = Case { facts, params, state, pair, members, own, other, node, here, there };
    let reasons = case.reasons();
    if !reasons.is_empty() {
        return Diff::refused(reasons);
    }
    if alone == [false, false] {
        return Diff::waiting(text!(
            "drbd_split_brain.connecting",
            "{resource} tries to connect on both ends: {connection} on {here}, {peer_connection} on {there}; if it stays so, look at the replication link",
            resource,
            connection = own.connection,
            here = case.here,
            peer_connection = other.connection,
            there = case.there
        ));
    }
    Diff::Change(case.changes())
}

/// The ends talk: the victim gets the survivor's data, or has it. Never the other way round.
fn together(resource: &str, here: &str, there: &str, own: &Status, other: &Status) -> Diff {
    let source = |status: &Status| status.replication.is_source() && status.replication != ReplicationState::Ahead;
    let target = |status: &Status| status.replication.is_target() && status.replication != ReplicationState::Behind;
    if source(own) || target(other) {
        return Diff::blocked(text!(
            "drbd_split_brain.wrong-way",
            "the resync of {resource} goes the wrong way: {there} is being overwritten with the data of {here}, the victim ({replication}, {peer_replication}): stop it at once with `drbdadm disconnect {resource}` on {there}, and look at the data of both ends",
            resource = resource,
            there = there,
            here = here,
            replication = own.replication,
            peer_replication = other.replication
        ));
    }
    if own.connected() && other.connected() && (target(own) || own.disk == DiskState::UpToDate) {
        return Diff::InSync;
    }
    Diff::waiting(text!(
        "drbd_split_brain.meeting",
        "{resource} is {connection} on {here} ({replication}, disk {disk}) and {peer_connection} on {there}",
        resource = resource,
        connection = own.connection,
        here = here,
        replication = own.replication,
        disk = own.disk,
        peer_connection = other.connection,
        there = there
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
    fn reasons(&self) -> Vec<Text> {
        let Self { own, other, here, there, .. } = self;
        let resource = &self.pair.resource;
        let mut reasons = Vec::new();
        if other.disk != DiskState::UpToDate {
            reasons.push(text!(
                "drbd_split_brain.survivor-not-whole",
                "the disk of {resource} on {there}, which is to survive, is {peer_disk}, not UpToDate (that of the victim {here}: {disk}): nothing is given up for data that is not whole",
                resource,
                there,
                peer_disk = other.disk,
                here,
                disk = own.disk
            ));
        }
        if !matches!(
            own.disk,
            DiskState::UpToDate | DiskState::Consistent | DiskState::Outdated | DiskState::Inconsistent
        ) {
            reasons.push(text!(
                "drbd_split_brain.disk-lost",
                "the disk of {resource} on {here} is {disk}: bring it back first, with drbd_resource",
                resource,
                here,
                disk = own.disk
            ));
        }
        reasons.extend(self.use_reasons());
        reasons.extend(self.backup_reasons());
        reasons
    }

    /// That the victim is in use, or would be again after a boot.
    fn use_reasons(&self) -> Vec<Text> {
        let (resource, here, device) = (&self.pair.resource, &self.here, &self.members.0.device);
        let mut reasons = Vec::new();
        for (target, users) in &self.node.mounted {
            reasons.push(match users.as_slice() {
                [] => text!(
                    "drbd_split_brain.mounted",
                    "{device} of {resource} is mounted on {here} at {target}: stop what uses it and unmount it first, with mount and `state: unmounted`",
                    device,
                    resource,
                    here,
                    target
                ),
                users => text!(
                    "drbd_split_brain.in-use",
                    "{device} of {resource} is mounted on {here} at {target}, in use by {users}: stop what uses it and unmount it first, with mount and `state: unmounted`",
                    device,
                    resource,
                    here,
                    target,
                    users = describe(users)
                ),
            });
        }
        if self.node.marker {
            let marker = self.params.marker(self.pair);
            reasons.push(text!(
                "drbd_split_brain.marker",
                "{marker} is on {here} and makes it Primary again at the next boot: remove it first, with file and `state: absent`",
                marker,
                here
            ));
        }
        reasons
    }

    /// That there is no place for the image.
    fn backup_reasons(&self) -> Option<Text> {
        let (here, directory, backup) = (&self.here, &self.node.directory, &self.params.backup);
        if matches!(directory.kind, Kind::Link | Kind::Other) {
            return Some(text!(
                "drbd_split_brain.backup-kind",
                "{backup} on {here} is not a directory: say another one in `backup`",
                backup,
                here
            ));
        }
        if directory.device == "tmpfs" {
            return Some(text!(
                "drbd_split_brain.backup-in-memory",
                "{backup} on {here} is in memory, and gone after a boot: say a directory on a disk in `backup`",
                backup,
                here
            ));
        }
        match backup::bytes(self.own) {
            None => Some(text!(
                "drbd_split_brain.size-not-known",
                "how large {resource} is on {here} cannot be read, so no image can be made",
                resource = &self.pair.resource,
                here
            )),
            Some(_) if self.node.image => None,
            Some(bytes) if directory.free < bytes => Some(text!(
                "drbd_split_brain.backup-room",
                "{backup} on {here} has {free} free on {device}, and the image of {resource} needs {needed}: make room, or say another directory in `backup`",
                backup,
                here,
                free = human(directory.free),
                device = &directory.device,
                resource = &self.pair.resource,
                needed = human(bytes)
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
        let (mut steps, mut actions, mut undo) = (Vec::new(), Vec::new(), Vec::new());
        if own.connection != ConnectionState::StandAlone {
            steps.push(text!("drbd_split_brain.disconnect", "disconnect"));
            actions.push(drbdadm(facts, ["disconnect", resource]));
        }
        if own.role == Role::Primary {
            steps.push(text!("drbd_split_brain.demote", "demote"));
            actions.push(drbdadm(facts, ["secondary", resource]));
            undo.push(drbdadm(facts, ["primary", resource]));
        }
        let bytes = backup::bytes(own).unwrap_or_default();
        let size = human(bytes);
        steps.push(if self.node.image {
            text!("drbd_split_brain.compare-image", "compare it with its image at {image} ({size})", image, size)
        } else {
            text!("drbd_split_brain.write-image", "write an image of it to {image} ({size})", image, size)
        });
        actions.push(backup::make(facts, self.members.0, bytes, &image));
        let save =
            text!("drbd_split_brain.save", "the victim {resource} on {here}: {steps}", resource, here, steps = steps);
        let mut changes = vec![Change::idempotent("save-victim", save, actions).undo(undo)];
        if other.connection == ConnectionState::StandAlone {
            let survivor = |verb: &str| drbdadm_at(place(self.members.1), [verb, resource]);
            let wait = text!("drbd_split_brain.wait", "let {resource} on {there} wait for the victim", resource, there);
            let change = Change::idempotent("connect-survivor", wait, [survivor("connect")]);
            changes.push(change.undo([survivor("disconnect")]));
        }
        let lose = match self.amount() {
            Some(amount) => text!(
                "drbd_split_brain.lose-amount",
                "give up what was written to {resource} on {here} since the ends last met (up to {amount}), and take the data of {there}",
                resource,
                here,
                amount,
                there
            ),
            None => text!(
                "drbd_split_brain.lose",
                "give up what was written to {resource} on {here} since the ends last met, and take the data of {there}",
                resource,
                here,
                there
            ),
        };
        let lose =
            Change::at_most_once("discard-changes", lose, [drbdadm(facts, ["connect", "--discard-my-data", resource])]);
        changes.push(lose.preview(self.preview(&image)));
        changes
    }

    /// How much is lost, as far as DRBD knows.
    fn amount(&self) -> Option<String> {
        self.own.out_of_sync_kib.filter(|kib| *kib > 0).map(|kib| human(kib * 1024))
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
