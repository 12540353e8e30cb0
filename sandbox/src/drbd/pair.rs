//! The two ends of a replicated resource: who is whose peer, and what one end knows of the other.

use super::resource::{Connection, DiskState, DrbdResource};
use crate::machine::{Disk, Machine, MachineId};
use crate::sim::State;

/// A resource on a machine.
pub(crate) type End = (MachineId, String);

/// Every resource that is configured in a kernel.
pub(super) fn ends(state: &State) -> Vec<End> {
    let of = |machine: &Machine| machine.drbd.keys().map(|name| (machine.id.clone(), name.clone())).collect::<Vec<_>>();
    state.machines.values().flat_map(of).collect()
}

impl State {
    /// The resource at an end.
    pub(crate) fn resource(&self, end: &End) -> Option<&DrbdResource> {
        self.machines.get(&end.0)?.drbd.get(&end.1)
    }

    /// The resource at an end, to be changed.
    pub(super) fn resource_mut(&mut self, end: &End) -> Option<&mut DrbdResource> {
        self.machines.get_mut(&end.0)?.drbd.get_mut(&end.1)
    }

    /// The disk that a resource has attached.
    pub(crate) fn attached_disk(&self, end: &End) -> Option<&Disk> {
        let machine = self.machines.get(&end.0)?;
        let resource = machine.drbd.get(&end.1).filter(|resource| resource.disk_state != DiskState::Diskless)?;
        machine.disks.get(&machine.kernel_name(&resource.disk))
    }

    /// The disk that a resource has attached, to be changed.
    pub(crate) fn attached_disk_mut(&mut self, end: &End) -> Option<&mut Disk> {
        let machine = self.machines.get_mut(&end.0)?;
        let resource = machine.drbd.get(&end.1).filter(|resource| resource.disk_state != DiskState::Diskless)?;
        let device = machine.kernel_name(&resource.disk);
        machine.disks.get_mut(&device)
    }

    /// The other end of a resource, by addresses and ports, if its machine runs, packets pass and its kernel knows it.
    pub(super) fn peer_end(&self, end: &End) -> Option<End> {
        let own = self.resource(end)?;
        let machine = self.machines.values().find(|machine| machine.address == own.peer.endpoint.address)?;
        let up = |id: &MachineId| self.machines.get(id).is_some_and(|machine| machine.up);
        if !up(&end.0) || !machine.up || !self.links.connected(&own.local.address, &machine.address) {
            return None;
        }
        let mirrored = |other: &&DrbdResource| other.local == own.peer.endpoint && other.peer.endpoint == own.local;
        machine.drbd.values().find(mirrored).map(|other| (machine.id.clone(), other.name.clone()))
    }

    /// Whether packets pass to the peer's machine, whatever its kernel knows.
    pub(super) fn peer_answers(&self, end: &End) -> bool {
        let Some(own) = self.resource(end) else { return false };
        let there = self.machines.values().find(|machine| machine.address == own.peer.endpoint.address);
        there.is_some_and(|there| there.up && self.links.connected(&own.local.address, &there.address))
    }
}

/// The role (Primary or not) and the disk state that an end last knew of its connected peer; none without a connection.
pub(crate) fn peer_view(state: &State, end: &End) -> Option<(bool, DiskState)> {
    let own = state.resource(end).filter(|own| own.connection == Connection::Connected)?;
    // A peer that died is still shown as it was until its silence is noticed.
    match state.peer_end(end).and_then(|peer| state.resource(&peer)) {
        Some(peer) => Some((peer.primary, peer.disk_state)),
        None => Some(own.peer.last),
    }
}
