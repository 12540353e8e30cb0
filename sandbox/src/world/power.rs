//! Machines that lose power and boot, links that are cut and healed: what tests and fault scenarios do to a world.

use cutover_engine::world::Place;

use super::Sandbox;
use crate::machine::programs;

/// A part of the world that can be lost as a whole, and come back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A site: its API server and all of its machines.
    Site(String),
    /// A machine: its site and its node.
    Node(String, String),
    /// All links between two sites.
    Link(String, String),
}

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

    /// Loses a part of the world at one stroke.
    pub fn lose(&self, part: &Part) {
        self.switch(part, false);
    }

    /// Brings a part of the world back: machines boot, links are healed, an API server answers again.
    pub fn bring_back(&self, part: &Part) {
        self.switch(part, true);
    }

    fn switch(&self, part: &Part, on: bool) {
        let inventory = &self.kernel().inventory;
        match part {
            Part::Site(site) => {
                self.clusters.settle();
                if let Some(cluster) = self.clusters.by_site().get_mut(site) {
                    cluster.answers = on;
                }
                let nodes = inventory.sites.get(site).into_iter().flat_map(|site| site.nodes.keys());
                self.clusters.disturb(|machines| {
                    let ids: Vec<_> = nodes.filter_map(|node| machines.find(site, node)).collect();
                    for id in ids {
                        let _ = if on { programs::boot(machines, id) } else { machines.power_off(id) };
                    }
                });
            }
            Part::Node(site, node) if on => drop(self.power_on(site, node)),
            Part::Node(site, node) => drop(self.power_off(site, node)),
            Part::Link(one, other) => {
                let ends = [one, other].map(|site| super::strikes::addresses(inventory, site));
                self.clusters.disturb(|machines| {
                    for (a, b) in ends[0].iter().flat_map(|a| ends[1].iter().map(move |b| (a, b))) {
                        machines.links_mut().set(a, b, on);
                    }
                });
            }
        }
    }

    /// Brings the world up to the present: what comes back by itself by now has come back.
    pub fn catch_up(&self) {
        self.clusters.settle();
    }

    /// Makes room on all disks that a strike has filled, as an operator does.
    pub fn make_room(&self) {
        let now = self.kernel().now_ns();
        self.clusters.disturb(|machines| super::strikes::make_room(machines, now));
    }

    /// A file of the simulated controller, if it is there and a text.
    pub fn controllers_file(&self, path: &str) -> Option<String> {
        let read = self.clusters.hosts.with_machine(&Place::Controller, |machine| machine.read_file(path).ok());
        String::from_utf8(read??).ok()
    }
}
