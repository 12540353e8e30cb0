//! Machines that lose power and boot, links that are cut and healed: what tests and fault scenarios do to a world.

use super::settle;
use crate::Sandbox;
use crate::machine::{Machine, MachineId};
use crate::sim::{Sim, State};

impl State {
    /// Takes the power from a machine. What only its kernel and its processes knew is gone: roles, connections, mounts,
    /// DRBD resources. Disks stay as they are. Gives whether there is such a machine.
    pub(crate) fn power_off(&mut self, id: &MachineId) -> bool {
        let Some(machine) = self.machines.get_mut(id) else { return false };
        machine.up = false;
        machine.drbd.clear();
        machine.holders.clear();
        machine.journal.append(&mut machine.kernel_log);
        machine.mounts = machine.fstab.clone();
        machine.active_units.clear();
        true
    }

    /// Boots a machine; its enabled units are active. Gives whether there is such a machine and it was off.
    pub(crate) fn power_on(&mut self, id: &MachineId) -> bool {
        let Some(machine) = self.machines.get_mut(id).filter(|machine| !machine.up) else { return false };
        machine.up = true;
        machine.active_units = machine.enabled_units.clone();
        true
    }
}

impl Sandbox {
    /// Takes the power from a machine. What only its kernel and its processes knew is gone: roles, connections, mounts,
    /// DRBD resources. Disks stay as they are. Gives whether there is such a machine.
    pub fn power_off(&self, site: &str, node: &str) -> bool {
        self.disturb(|state| state.power_off(&(site.to_owned(), node.to_owned())))
    }

    /// Boots a machine. Its enabled units start; with `drbd.service` among them every configured resource comes up,
    /// Secondary. Gives whether there is such a machine and it was off.
    pub fn power_on(&self, site: &str, node: &str) -> bool {
        let id = (site.to_owned(), node.to_owned());
        let on = self.disturb(|state| state.power_on(&id));
        let enabled = |machine: &Machine| machine.enabled_units.contains("drbd.service");
        if on && self.sim.state().machines.get(&id).is_some_and(enabled) {
            self.sim.on_drbd(&id, crate::programs::drbd_start);
            self.sim.settle();
        }
        on
    }

    /// Cuts the link between two addresses: no packet passes. A peer's silence is noticed only after a while.
    pub fn cut_link(&self, a: &str, b: &str) {
        self.disturb(|state| state.links.set(a, b, false));
    }

    /// Heals the link between two addresses.
    pub fn heal_link(&self, a: &str, b: &str) {
        self.disturb(|state| state.links.set(a, b, true));
    }

    /// Changes the world between two looks at it.
    fn disturb<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        self.sim.settle();
        let done = change(&mut self.sim.state());
        self.sim.settle();
        done
    }
}

impl Sim {
    /// Works on DRBD on a machine, brought up to the present before and after.
    pub(crate) fn on_drbd<T>(&self, id: &MachineId, work: impl FnOnce(&mut State, &MachineId) -> T) -> T {
        let elapsed = self.elapsed();
        let mut state = self.state();
        settle(&mut state, elapsed);
        let done = work(&mut state, id);
        settle(&mut state, elapsed);
        done
    }
}
