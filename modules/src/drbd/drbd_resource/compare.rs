//! Decides what a resource needs: nothing, some moves, or a refusal with all its reasons.

use cutover_engine::inventory::{Pair, PairMember};
use cutover_engine::module::{Diff, Facts};
use cutover_engine::text;
use cutover_engine::text::Text;

use super::lost;
use super::moves::{self, Rewrite};
use super::{Params, State, Wanted};
use crate::support::drbd::at;
use crate::support::drbd::split_brain::suspicion;
use crate::support::drbd::states::{ConnectionState, DiskState, Role};
use crate::support::quantity::human;
use crate::support::storage::block::clearing;

/// Compares what is wanted with what is.
pub(super) fn compare(
    facts: &Facts,
    params: &Params,
    state: &State,
    pair: &Pair,
    members: (&PairMember, &PairMember),
) -> Diff {
    match params.state {
        Wanted::Up => up(facts, params, state, pair, members),
        Wanted::Down => down(facts, state, &pair.resource, members.0),
    }
}

fn up(facts: &Facts, params: &Params, state: &State, pair: &Pair, members: (&PairMember, &PairMember)) -> Diff {
    let (own, _) = members;
    let (resource, here) = (pair.resource.as_str(), at(own));
    let Some(generation) = state.version.generation else {
        return Diff::refused(state.version.obstacle(&here).into_iter().chain(hostname(state, own)));
    };
    let file = params.file(resource);
    let text = params.text(pair, (&state.named(own), members.1), generation);
    let rewrite = Rewrite { file: &file, old: state.text.as_deref(), new: &text };
    let differs = state.text.as_ref() != Some(&text);
    let own_disk = |name: &str| state.is_own_disk(own, name);
    let moved = state.text.as_deref().map(|old| lost::moved(old, resource, members, &own_disk));
    let same_hosts = moved.as_ref().is_some_and(Vec::is_empty);
    // What the tools read of a disk counts only if they looked at this disk.
    let metadata = state.attached()
        || state.disk.signature.as_ref().is_some_and(|signature| signature.kind == "drbd")
        || (same_hosts && state.own.generations.is_some());

    let mut reasons: Vec<Text> = hostname(state, own).into_iter().collect();
    reasons.extend(file_reasons(state, pair, members, &rewrite));
    for (found, place) in [(&state.collisions, here.clone()), (&state.peer_collisions, at(members.1))] {
        reasons.extend(found.iter().map(|words| {
            text!(
                "drbd_resource.collision",
                "{resource} cannot come up on {here}: {words}; correct the inventory",
                resource,
                here = &place,
                words
            )
        }));
    }
    if !state.attached() {
        reasons.extend(disk_reasons(params, state, &here, resource, metadata));
        reasons.extend(size_reason(state, members));
    }
    reasons.extend(boot_reason(state, &here));
    let boot = state.boot.as_ref().is_some_and(|word| word == "disabled").then(|| moves::at_boot(facts, resource));
    let mut changes = Vec::new();
    let create =
        || moves::create_metadata(facts, resource, &own.disk, &state.disk.bytes.map(human).unwrap_or_default());
    let Some(status) = &state.own.status else {
        changes.extend(differs.then(|| rewrite.write(facts)));
        changes.extend((!metadata).then(create));
        changes.push(moves::up(facts, resource));
        changes.extend(boot);
        return if reasons.is_empty() { Diff::Change(changes) } else { Diff::refused(reasons) };
    };

    if differs && let Some(moved) = moved.filter(|moved| !moved.is_empty()) {
        reasons.push(text!(
            "drbd_resource.other-ends",
            "{resource} is up on {here}, and {file} has {moved}; that cannot change while it is up: correct the inventory, or take it down first, with `state: down`",
            resource,
            here,
            file,
            moved = moved
        ));
    }
    if status.role == Role::Primary {
        let harmful = |line: &&String| {
            ["detach", "del-minor", "del-peer", "del-resource", "disconnect", "down"]
                .iter()
                .any(|verb| line.split_whitespace().any(|word| word == *verb))
        };
        reasons.extend(state.pending.iter().filter(harmful).map(|line| {
            if state.mounted.is_empty() {
                text!(
                    "drbd_resource.adjust-primary",
                    "{resource} is Primary on {here}, and adjusting it would run `{line}`: demote it first, with drbd_role",
                    resource,
                    here,
                    line
                )
            } else {
                text!(
                    "drbd_resource.adjust-mounted",
                    "{resource} is Primary on {here}, mounted at {mounted}, and adjusting it would run `{line}`: demote it first, with drbd_role",
                    resource,
                    here,
                    mounted = state.mounted.join(", "),
                    line
                )
            }
        }));
    }
    let apart = status.connection == ConnectionState::StandAlone;
    if apart && let Some(peer) = &state.peer {
        reasons.extend(suspicion(pair, members, &state.own, peer));
    }
    changes.extend((!metadata).then(create));
    if differs {
        changes.push(rewrite.write_and_adjust(facts, resource));
    } else if !state.pending.is_empty() || !metadata {
        changes.push(moves::adjust(facts, resource, &state.pending));
    } else if apart {
        changes.push(moves::connect(facts, resource));
    }
    changes.extend(boot);
    if !reasons.is_empty() {
        return Diff::refused(reasons);
    }
    match status.disk {
        _ if !changes.is_empty() => Diff::Change(changes),
        DiskState::Diskless | DiskState::Failed => Diff::blocked(text!(
            "drbd_resource.disk-lost",
            "{resource} on {here} is {state}: its disk {disk} had an error or was detached; look at `dmesg` there, then run `drbdadm attach {resource}`",
            resource,
            here,
            state = status.disk,
            disk = &own.disk
        )),
        DiskState::Attaching | DiskState::Detaching | DiskState::Negotiating => {
            let disk = status.disk;
            Diff::waiting(text!(
                "drbd_resource.disk-on-the-way",
                "the disk of {resource} on {here} is {disk}",
                resource,
                here,
                disk
            ))
        }
        _ => Diff::InSync,
    }
}

fn hostname(state: &State, own: &PairMember) -> Option<Text> {
    (state.hostname != own.hostname).then(|| {
        text!(
            "drbd_resource.hostname",
            "{here} has the hostname `{hostname}`, and the inventory says `{wanted}`: DRBD finds its own end by it; correct `hostname` in the inventory, or check that this is the right node",
            here = at(own),
            hostname = &state.hostname,
            wanted = &own.hostname
        )
    })
}

/// What speaks against writing the file, or against what the tools read.
fn file_reasons(state: &State, pair: &Pair, members: (&PairMember, &PairMember), rewrite: &Rewrite<'_>) -> Vec<Text> {
    let Rewrite { file, old, new } = *rewrite;
    let (resource, here) = (&pair.resource, at(members.0));
    let mut reasons = Vec::new();
    if let Some(other) = state.defined_at.as_ref().filter(|other| *other != file) {
        reasons.push(text!(
            "drbd_resource.defined-elsewhere",
            "{resource} is defined in {other} on {here}, and twice would make all of DRBD's configuration invalid: set `file: {other}`, or move that file away",
            resource = resource,
            other,
            here = &here
        ));
    }
    // The tools name a file as it was included: `drbd.d/etcd0.res`.
    let unread = state.fault.as_ref().is_some_and(|words| words.contains(file.strip_prefix("/etc/").unwrap_or(file)));
    let differs = old != Some(new);
    if let Some(old) = old.filter(|_| differs) {
        if old.contains("shared-secret") {
            reasons.push(text!(
                "drbd_resource.secret-in-file",
                "{file} on {here} holds a shared secret, which would be lost: move it into /etc/drbd.d/global_common.conf on both nodes first",
                file = file,
                here = &here
            ));
        } else {
            reasons.extend(lost_reason(file, &here, &lost::lost(old, new, resource, unread)));
        }
        let others = lost::other_end(old, resource, members, &|name| state.is_own_disk(members.0, name));
        reasons.extend(others.into_iter().map(|words| {
            text!(
                "drbd_resource.not-ours",
                "{file} on {here}, which was not written by cutover, has {words}: correct the inventory, or move the file away if it is not needed",
                file = file,
                here = &here,
                words
            )
        }));
    }
    if let Some(value) = old.and_then(|old| lost::quorum(old, resource)).filter(|_| !unread) {
        reasons.push(text!(
            "drbd_resource.quorum",
            "{file} on {here} asks for `quorum {value}`: of two nodes the one that is left has none, so that it could not take over; write `quorum off` there by hand if that is right, and run this again",
            file = file,
            here = &here,
            value
        ));
    }
    if let Some(words) = state.refused.as_ref().filter(|_| differs) {
        reasons.push(text!(
            "drbd_resource.text-refused",
            "drbdadm on {here} does not accept what {file} is to hold ({words}), so it was not written: correct `net` or `verify_alg` of this step",
            here = &here,
            file = file,
            words
        ));
    }
    if let Some(words) = state.fault.as_ref().filter(|_| !differs || !unread) {
        reasons.push(text!(
            "drbd_resource.configuration",
            "drbdadm refuses the configuration of {here}: {words}; correct it by hand",
            here = &here,
            words
        ));
    }
    reasons
}

/// That a file holds more than would be written.
fn lost_reason(file: &str, here: &str, lost: &[String]) -> Option<Text> {
    let what = lost.iter().map(|what| format!("`{what}`")).collect::<Vec<_>>().join(", ");
    (!lost.is_empty()).then(|| {
        text!(
            "drbd_resource.would-be-lost",
            "{file} on {here} holds what the inventory and this step do not name, and rewriting it would lose that: {what}; name settings of the section `net` in `net`, move others for all resources into /etc/drbd.d/global_common.conf, and set up a resource with more volumes or hosts by hand",
            file = file,
            here = here,
            what
        )
    })
}

/// What speaks against the backing disk. Its DRBD role does not matter: it is not the replicated device.
fn disk_reasons(params: &Params, state: &State, here: &str, resource: &str, metadata: bool) -> Vec<Text> {
    let disk = &state.disk;
    let obstacles = disk.obstacles().into_iter().map(|words| {
        text!(
            "drbd_resource.disk-obstacle",
            "the backing disk of {resource} on {here}: {words}",
            resource = resource,
            here = here,
            words
        )
    });
    let mut reasons: Vec<Text> = obstacles.collect();
    if disk.closed.is_some() || metadata {
        return reasons;
    }
    let device = &disk.device;
    if let Some(contents) = disk.contents() {
        reasons.push(text!(
            "drbd_resource.disk-not-blank",
            "{device} on {here} has no DRBD metadata and is not blank: it carries {contents}; check that it is the right disk; if that may go, clear it by hand with {clearing}",
            device,
            here = here,
            contents,
            clearing = clearing(device)
        ));
    } else if !params.create_metadata {
        reasons.push(text!(
            "drbd_resource.no-metadata",
            "{device} on {here} has no DRBD metadata for {resource}: check that it is the right disk; for the first time, set `create_metadata: true`",
            device,
            here = here,
            resource = resource
        ));
    }
    reasons
}

/// That systemd there cannot bring the resource up at boot.
fn boot_reason(state: &State, here: &str) -> Option<Text> {
    let words = state.boot.as_ref().filter(|words| !matches!(words.as_str(), "enabled" | "disabled"))?;
    Some(text!(
        "drbd_resource.boot-unit",
        "{here} cannot bring the resource up at boot ({words}): drbd-utils has the unit drbd@.target since 9.18; install that, or leave `at_boot` out and see to it otherwise",
        here = here,
        words
    ))
}

/// DRBD uses as much as the smaller disk has, less its metadata at the end; a real difference means a wrong disk.
fn size_reason(state: &State, (own, peer): (&PairMember, &PairMember)) -> Option<Text> {
    let (here, there) = (state.disk.bytes?, state.peer_bytes?);
    (here.abs_diff(there) > here.max(there) / 100).then(|| {
        text!(
            "drbd_resource.sizes",
            "the disks differ by more than 1 %: {disk} on {here} has {size}, {peer_disk} on {there} has {peer_size}; DRBD would use the smaller size, so name disks of one size in the inventory",
            disk = &own.disk,
            here = at(own),
            size = human(here),
            peer_disk = &peer.disk,
            there = at(peer),
            peer_size = human(there)
        )
    })
}

fn down(facts: &Facts, state: &State, resource: &str, own: &PairMember) -> Diff {
    let Some(status) = &state.own.status else { return Diff::InSync };
    let here = at(own);
    let mut reasons = Vec::new();
    if !state.mounted.is_empty() {
        let mounted = state.mounted.join(", ");
        reasons.push(text!(
            "drbd_resource.down-mounted",
            "{device} of {resource} is mounted on {here} at {mounted}: unmount it first, with mount and `state: unmounted`",
            device = &own.device,
            resource = resource,
            here,
            mounted
        ));
    }
    if status.role == Role::Primary {
        reasons.push(text!(
            "drbd_resource.down-primary",
            "{resource} is Primary on {here}: demote it first, with drbd_role and `role: secondary`",
            resource = resource,
            here
        ));
    }
    if reasons.is_empty() { Diff::Change(vec![moves::down(facts, resource)]) } else { Diff::refused(reasons) }
}
