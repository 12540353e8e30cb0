//! What the kernel does for drbdsetup's commands, and refuses. Not the commands' grammar or output.

mod disk;
mod network;
mod role;

pub(crate) use disk::{
    apply_activity_log, attach, detach, invalidate, invalidate_remote, new_current_uuid, pause, verify,
};
pub(crate) use network::{connect, disconnect};
pub(crate) use role::{demote, promote};

use super::End;
use super::refusal::Refusal;
use super::{Connection, DiskState, DrbdResource, Replication, peer_view};
use crate::machine::Machines;

/// Puts a resource with its minor and its peer into a kernel (`new-resource`, `new-minor`, `new-peer`, `new-path`).
pub(crate) fn create(machines: &mut Machines, end: &End, resource: DrbdResource) -> Result<(), Refusal> {
    let machine = machines.get_mut(end.0).ok_or_else(Refusal::unknown_resource)?;
    let taken = |other: &DrbdResource| other.name == resource.name || other.minor == resource.minor;
    if machine.drbd.values().any(taken) {
        return Err(Refusal::minor_exists());
    }
    machine.drbd.insert(end.1.to_string(), resource);
    Ok(())
}

/// Takes a resource out of a kernel: demotes, disconnects, detaches, deletes. One that is not there is down already.
pub(crate) fn down(machines: &mut Machines, end: &End) -> Result<(), Refusal> {
    if machines.resource(end).is_none() {
        return Ok(());
    }
    if let Some(declined) = declined(machines, end) {
        return Err(declined);
    }
    let legacy = machines.drbd.legacy;
    let demoted = demote(machines, end);
    demoted.map_err(|why| if legacy { Refusal::device_in_use(Some("failed to demote".to_owned())) } else { why })?;
    disconnect(machines, end)?;
    if machines.resource(end).is_some_and(|own| own.disk_state != DiskState::Diskless) {
        detach(machines, end)?;
    }
    if let Some(machine) = machines.get_mut(end.0) {
        machine.drbd.remove(&*end.1);
    }
    Ok(())
}

/// Why a device that is in use cannot be given up; `None` if nobody has it open.
fn in_use(machines: &Machines, end: &End) -> Option<Refusal> {
    let own = machines.resource(end)?;
    let machine = machines.get(end.0)?;
    machine.mounts.iter().find(|mount| mount.source == own.device)?;
    if machines.drbd.legacy {
        return Some(Refusal::device_in_use(None));
    }
    let opened = jiff::Timestamp::from_nanosecond(own.opened_ns.unwrap_or_else(|| machines.drbd.now_ns())).ok()?;
    let opened = opened.strftime("%Y-%m-%d %H:%M:%S%.3f");
    let info = format!("drbd{} opened by mount (pid {}) at {opened}", own.minor, 400 + own.minor);
    Some(Refusal::device_in_use(Some(info)))
}

/// That the peer does not agree: it is Primary, and its disk is still getting this one's data. Only known of DRBD 9.
fn declined(machines: &Machines, end: &End) -> Option<Refusal> {
    let own = machines.resource(end).filter(|own| own.replication == Replication::SyncSource && !own.primary)?;
    let (primary, _) = peer_view(machines, end)?;
    (primary && !machines.drbd.legacy).then(|| Refusal::declined_by_peer(&own.peer.name, own.peer.node_id))
}

/// The peer's end, if there is a connection to it.
fn connected_peer(machines: &Machines, end: &End) -> Option<End> {
    machines.resource(end).filter(|own| own.connection == Connection::Connected)?;
    let peer = machines.peer_end(end)?;
    machines.resource(&peer).filter(|peer| peer.connection == Connection::Connected)?;
    Some(peer)
}
