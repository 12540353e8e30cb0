//! Machines that lose power and boot. What their DRBD does at boot is [`crate::machine::programs::boot`]'s.

use super::Machines;
use crate::machine::resource::MachineId;

impl Machines {
    /// Takes the power from a machine. What only its kernel and its processes knew is gone: roles, connections, mounts,
    /// DRBD resources. Disks stay as they are. Returns whether there is such a machine.
    pub(crate) fn power_off(&mut self, id: MachineId) -> bool {
        let Some(machine) = self.switch(id, false) else { return self.get(id).is_some() };
        machine.drbd.clear();
        machine.holders.clear();
        machine.journal.append(&mut machine.kernel_log);
        machine.mounts = machine.fstab.clone();
        machine.active_units.clear();
        true
    }

    /// Boots a machine; its enabled units are active. Returns whether there is such a machine and it was off.
    pub(crate) fn power_on(&mut self, id: MachineId) -> bool {
        let Some(machine) = self.switch(id, true) else { return false };
        machine.active_units = machine.enabled_units.clone();
        true
    }
}
