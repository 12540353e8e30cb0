//! Machines that lose power and boot, links that are cut and healed: what tests and fault scenarios do to a world.

use super::Sandbox;
use crate::machine::programs;

impl Sandbox {
    /// Takes the power from a machine. What only its kernel and its processes knew is gone: roles, connections, mounts,
    /// DRBD resources. Disks stay as they are. Returns whether there is such a machine.
    pub fn power_off(&self, site: &str, node: &str) -> bool {
        self.clusters.disturb(|machines| machines.find(site, node).is_some_and(|id| machines.power_off(id)))
    }

    /// Boots a machine. Its enabled units start; with `drbd.service` among them every configured resource comes up,
    /// Secondary. Returns whether there is such a machine and it was off.
    pub fn power_on(&self, site: &str, node: &str) -> bool {
        self.clusters.disturb(|machines| machines.find(site, node).is_some_and(|id| programs::boot(machines, id)))
    }

    /// Cuts the link between two addresses: no packet passes. A peer's silence is noticed only after a while.
    pub fn cut_link(&self, a: &str, b: &str) {
        self.clusters.disturb(|machines| machines.links_mut().set(a, b, false));
    }

    /// Heals the link between two addresses.
    pub fn heal_link(&self, a: &str, b: &str) {
        self.clusters.disturb(|machines| machines.links_mut().set(a, b, true));
    }
}
