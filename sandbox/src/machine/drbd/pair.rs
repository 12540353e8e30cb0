//! The two ends of a replicated resource: who is whose peer, and what one end knows of the other.

use super::{Connection, DiskState, DrbdResource, End, Metadata};
use crate::machine::{Disk, Machine, MachineId, Machines};

impl Machines {
    /// The resource at an end.
    pub(crate) fn resource(&self, end: &End) -> Option<&DrbdResource> {
        self.get(end.0)?.drbd.get(&*end.1)
    }

    /// The resource at an end, to be changed.
    pub(super) fn resource_mut(&mut self, end: &End) -> Option<&mut DrbdResource> {
        self.get_mut(end.0)?.drbd.get_mut(&*end.1)
    }

    /// The disk that a resource has attached.
    pub(crate) fn attached_disk(&self, end: &End) -> Option<&Disk> {
        let machine = self.get(end.0)?;
        let resource = machine.drbd.get(&*end.1).filter(|resource| resource.disk_state != DiskState::Diskless)?;
        machine.disks.get(&machine.kernel_name(&resource.disk))
    }

    /// The disk that the peer has attached, while there is a connection.
    pub(crate) fn peer_disk(&self, end: &End) -> Option<&Disk> {
        self.resource(end).filter(|own| own.connection == Connection::Connected)?;
        self.attached_disk(&self.peer_end(end)?)
    }

    /// The disk that holds what is written to a resource, attached or not.
    pub(crate) fn written_disk(&self, end: &End) -> Option<&Disk> {
        let machine = self.get(end.0)?;
        machine.disks.get(&machine.kernel_name(&machine.drbd.get(&*end.1)?.disk))
    }

    /// The disk that a resource has attached, to be changed.
    pub(crate) fn attached_disk_mut(&mut self, end: &End) -> Option<&mut Disk> {
        let machine = self.get_mut(end.0)?;
        let resource = machine.drbd.get(&*end.1).filter(|resource| resource.disk_state != DiskState::Diskless)?;
        let device = machine.kernel_name(&resource.disk);
        machine.disks.get_mut(&device)
    }

    /// Changes the metadata on the disk that an end has attached.
    pub(super) fn change_metadata(&mut self, end: &End, change: impl FnOnce(&mut Metadata)) {
        if let Some(metadata) = self.attached_disk_mut(end).and_then(|disk| disk.metadata.as_mut()) {
            change(metadata);
        }
    }

    /// The other end of a resource, by addresses and ports, if its machine runs, packets pass and its kernel knows it.
    pub(super) fn peer_end(&self, end: &End) -> Option<End> {
        let own = self.resource(end)?;
        let (id, machine) = self.peer_machine(end, own)?;
        let mirrored = |other: &&DrbdResource| other.local == own.peer.endpoint && other.peer.endpoint == own.local;
        machine.drbd.values().find(mirrored).map(|other| (id, other.name.as_str().into()))
    }

    /// Whether packets pass to the peer's machine, whatever its kernel knows.
    pub(super) fn peer_answers(&self, end: &End) -> bool {
        self.resource(end).is_some_and(|own| self.peer_machine(end, own).is_some())
    }

    /// The machine of the peer, if both run and packets pass between them.
    fn peer_machine(&self, end: &End, own: &DrbdResource) -> Option<(MachineId, &Machine)> {
        let id = self.at_address(&own.peer.endpoint.address)?;
        let machine = self.get(id).filter(|machine| machine.up)?;
        let up = self.get(end.0).is_some_and(|machine| machine.up);
        (up && self.links().connected(&own.local.address, &own.peer.endpoint.address)).then_some((id, machine))
    }
}

/// The role (Primary or not) and the disk state that an end last knew of its connected peer; none without a connection.
pub(crate) fn peer_view(machines: &Machines, end: &End) -> Option<(bool, DiskState)> {
    let own = machines.resource(end).filter(|own| own.connection == Connection::Connected)?;
    // A peer that died is still shown as it was until its silence is noticed.
    match machines.peer_end(end).and_then(|peer| machines.resource(&peer)) {
        Some(peer) => Some((peer.primary, peer.disk_state)),
        None => Some(own.peer.last),
    }
}
