//! Decides what a resource needs: nothing, some moves, or a refusal with all its reasons.

use cutover_engine::inventory::{Pair, PairMember};
use cutover_engine::module::{Diff, Facts};

use super::moves::{self, Rewrite};
use super::{Params, State, Wanted};
use crate::drbd::at;
use crate::drbd::config::hosts;
use crate::drbd::split_brain::suspicion;
use crate::drbd::states::{ConnectionState, DiskState, Role};
use crate::quantity::human;
use crate::storage::block::clearing;

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
    let text = params.text(pair, members, generation);
    let rewrite = Rewrite { file: &file, old: state.text.as_deref(), new: &text };
    let differs = state.text.as_ref() != Some(&text);
    let same_hosts = state.text.as_deref().is_some_and(|old| hosts(old) == hosts(&text));
    // What the tools read of a disk counts only if they looked at this disk.
    let metadata = state.attached()
        || state.disk.signature.as_ref().is_some_and(|signature| signature.kind == "drbd")
        || (same_hosts && state.own.generations.is_some());

    let mut reasons: Vec<String> = hostname(state, own).into_iter().collect();
    reasons.extend(file_reasons(state, resource, &here, &file, differs));
    reasons.extend(
        state
            .collisions
            .iter()
            .map(|words| format!("{resource} cannot come up on {here}: {words}; correct the inventory")),
    );
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

    if differs && state.text.is_some() && !same_hosts {
        reasons.push(format!(
            "{resource} is up on {here}, and {file} names another device, disk, address or node-id than the inventory, which cannot change while it is up: take it down first, with `state: down`"
        ));
    }
    if status.role == Role::Primary {
        let harmful = |line: &&String| {
            ["detach", "del-minor", "del-peer", "del-resource", "disconnect", "down"]
                .iter()
                .any(|verb| line.split_whitespace().any(|word| word == *verb))
        };
        reasons.extend(state.pending.iter().filter(harmful).map(|line| {
            let mounted = if state.mounted.is_empty() { String::new() } else { format!(", mounted at {}", state.mounted.join(", ")) };
            format!("{resource} is Primary on {here}{mounted}, and adjusting it would run `{line}`: demote it first, with drbd_role")
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
        DiskState::Diskless | DiskState::Failed => Diff::blocked(format!(
            "{resource} on {here} is {}: its disk {} had an error or was detached; look at `dmesg` there, then run `drbdadm attach {resource}`",
            status.disk, own.disk
        )),
        DiskState::Attaching | DiskState::Detaching | DiskState::Negotiating => {
            Diff::waiting(format!("the disk of {resource} on {here} is {}", status.disk))
        }
        _ => Diff::InSync,
    }
}

fn hostname(state: &State, own: &PairMember) -> Option<String> {
    (state.hostname != own.hostname).then(|| {
        format!(
            "{} has the hostname `{}`, and the inventory says `{}`: DRBD finds its own end by it; correct `hostname` in the inventory, or check that this is the right node",
            at(own),
            state.hostname,
            own.hostname
        )
    })
}

/// What speaks against writing the file, or against what the tools read.
fn file_reasons(state: &State, resource: &str, here: &str, file: &str, differs: bool) -> Vec<String> {
    let mut reasons = Vec::new();
    if let Some(other) = state.defined_at.as_ref().filter(|other| *other != file) {
        reasons.push(format!(
            "{resource} is defined in {other} on {here}, and twice would make all of DRBD's configuration invalid: set `file: {other}`, or move that file away"
        ));
    }
    if differs && state.text.as_ref().is_some_and(|text| text.contains("shared-secret")) {
        reasons.push(format!(
            "{file} on {here} holds a shared secret, which would be lost: move it into /etc/drbd.d/global_common.conf on both nodes first"
        ));
    }
    if let Some(words) = state.fault.as_ref().filter(|words| !differs || !words.contains(file)) {
        reasons.push(format!("drbdadm refuses the configuration of {here}: {words}; correct it by hand"));
    }
    reasons
}

/// What speaks against the backing disk. Its DRBD role does not matter: it is not the replicated device.
fn disk_reasons(params: &Params, state: &State, here: &str, resource: &str, metadata: bool) -> Vec<String> {
    let disk = &state.disk;
    let obstacle = |words: cutover_engine::text::Text| format!("the backing disk of {resource} on {here}: {words}");
    let mut reasons: Vec<String> = disk.obstacles().into_iter().map(obstacle).collect();
    if disk.closed.is_some() || metadata {
        return reasons;
    }
    let device = &disk.device;
    if let Some(contents) = disk.contents() {
        reasons.push(format!(
            "{device} on {here} has no DRBD metadata and is not blank: it carries {contents}; check that it is the right disk; if that may go, clear it by hand with {}",
            clearing(device)
        ));
    } else if !params.create_metadata {
        reasons.push(format!(
            "{device} on {here} has no DRBD metadata for {resource}: check that it is the right disk; for the first time, set `create_metadata: true`"
        ));
    }
    reasons
}

/// That systemd there cannot bring the resource up at boot.
fn boot_reason(state: &State, here: &str) -> Option<String> {
    let words = state.boot.as_ref().filter(|words| !matches!(words.as_str(), "enabled" | "disabled"))?;
    Some(format!(
        "{here} cannot bring the resource up at boot ({words}): drbd-utils has the unit drbd@.target since 9.18; install that, or leave `at_boot` out and see to it otherwise"
    ))
}

/// DRBD uses as much as the smaller disk has, less its metadata at the end; a real difference means a wrong disk.
fn size_reason(state: &State, (own, peer): (&PairMember, &PairMember)) -> Option<String> {
    let (here, there) = (state.disk.bytes?, state.peer_bytes?);
    (here.abs_diff(there) > here.max(there) / 100).then(|| {
        format!(
            "the disks differ by more than 1 %: {} on {} has {}, {} on {} has {}; DRBD would use the smaller size, so name disks of one size in the inventory",
            own.disk,
            at(own),
            human(here),
            peer.disk,
            at(peer),
            human(there)
        )
    })
}

fn down(facts: &Facts, state: &State, resource: &str, own: &PairMember) -> Diff {
    let Some(status) = &state.own.status else { return Diff::InSync };
    let here = at(own);
    let mut reasons = Vec::new();
    if !state.mounted.is_empty() {
        let mounted = state.mounted.join(", ");
        reasons.push(format!(
            "{} of {resource} is mounted on {here} at {mounted}: unmount it first, with mount and `state: unmounted`",
            own.device
        ));
    }
    if status.role == Role::Primary {
        reasons.push(format!("{resource} is Primary on {here}: demote it first, with drbd_role and `role: secondary`"));
    }
    if reasons.is_empty() { Diff::Change(vec![moves::down(facts, resource)]) } else { Diff::refused(reasons) }
}
