//! Machines that lose power and boot, links that are cut and healed: what tests and fault scenarios do to a world.

use super::{count, settle};
use crate::Sandbox;
use crate::machine::{MachineId, Machines};
use crate::sim::Sim;

impl Machines {
    /// Takes the power from a machine. What only its kernel and its processes knew is gone: roles, connections, mounts,
    /// DRBD resources. Disks stay as they are. Gives whether there is such a machine.
    pub(crate) fn power_off(&mut self, id: MachineId) -> bool {
        let Some(machine) = self.switch(id, false) else { return self.get(id).is_some() };
        machine.drbd.clear();
        machine.holders.clear();
        machine.journal.append(&mut machine.kernel_log);
        machine.mounts = machine.fstab.clone();
        machine.active_units.clear();
        true
    }

    /// Boots a machine; its enabled units are active. Gives whether there is such a machine and it was off.
    pub(crate) fn power_on(&mut self, id: MachineId) -> bool {
        let Some(machine) = self.switch(id, true) else { return false };
        machine.active_units = machine.enabled_units.clone();
        true
    }
}

impl Sandbox {
    /// Takes the power from a machine. What only its kernel and its processes knew is gone: roles, connections, mounts,
    /// DRBD resources. Disks stay as they are. Gives whether there is such a machine.
    pub fn power_off(&self, site: &str, node: &str) -> bool {
        self.sim.disturb(|machines| machines.find(site, node).is_some_and(|id| machines.power_off(id)))
    }

    /// Boots a machine. Its enabled units start; with `drbd.service` among them every configured resource comes up,
    /// Secondary. Gives whether there is such a machine and it was off.
    pub fn power_on(&self, site: &str, node: &str) -> bool {
        self.sim.disturb(|machines| machines.find(site, node).is_some_and(|id| crate::programs::boot(machines, id)))
    }

    /// Cuts the link between two addresses: no packet passes. A peer's silence is noticed only after a while.
    pub fn cut_link(&self, a: &str, b: &str) {
        self.sim.disturb(|machines| machines.links_mut().set(a, b, false));
    }

    /// Heals the link between two addresses.
    pub fn heal_link(&self, a: &str, b: &str) {
        self.sim.disturb(|machines| machines.links_mut().set(a, b, true));
    }
}

impl Sim {
    /// Changes the machines or the network between two looks at the world.
    pub(crate) fn disturb<T>(&self, change: impl FnOnce(&mut Machines) -> T) -> T {
        self.settle();
        let done = change(&mut self.state().machines);
        self.settle();
        done
    }

    /// Works on DRBD on a machine, brought up to the present before and after.
    pub(crate) fn on_drbd<T>(&self, id: MachineId, work: impl FnOnce(&mut Machines, MachineId) -> T) -> T {
        let elapsed = self.elapsed();
        let mut state = self.state();
        let machines = &mut state.machines;
        settle(machines, elapsed);
        count(machines, id);
        let done = work(machines, id);
        settle(machines, elapsed);
        done
    }
}
