//! Machines that lose power and boot, links that are cut and healed: what tests and fault scenarios do to a world.

use super::{count, settle};
use crate::Sandbox;
use crate::machine::{Machine, MachineId, Machines};
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
        self.disturb(|machines| machines.find(site, node).is_some_and(|id| machines.power_off(id)))
    }

    /// Boots a machine. Its enabled units start; with `drbd.service` among them every configured resource comes up,
    /// Secondary. Gives whether there is such a machine and it was off.
    pub fn power_on(&self, site: &str, node: &str) -> bool {
        let Some(id) = self.sim.state().machines.find(site, node) else { return false };
        let on = self.disturb(|machines| machines.power_on(id));
        let enabled = |machine: &Machine| machine.enabled_units.contains("drbd.service");
        if on && self.sim.state().machines.get(id).is_some_and(enabled) {
            self.sim.on_drbd(id, crate::programs::drbd_start);
            self.sim.settle();
        }
        on
    }

    /// Cuts the link between two addresses: no packet passes. A peer's silence is noticed only after a while.
    pub fn cut_link(&self, a: &str, b: &str) {
        self.disturb(|machines| machines.links_mut().set(a, b, false));
    }

    /// Heals the link between two addresses.
    pub fn heal_link(&self, a: &str, b: &str) {
        self.disturb(|machines| machines.links_mut().set(a, b, true));
    }

    /// Changes the world between two looks at it.
    fn disturb<T>(&self, change: impl FnOnce(&mut Machines) -> T) -> T {
        self.sim.settle();
        let done = change(&mut self.sim.state().machines);
        self.sim.settle();
        done
    }
}

impl Sim {
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
