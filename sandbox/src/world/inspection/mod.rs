//! What is in a world at a moment, as data, for whoever judges a rehearsal. It does not go through the programs and requests that are
//! being rehearsed, so it sees machines that are off and disks that nobody has mounted.

mod portrait;
mod scan;
mod state;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::Sandbox;
use crate::machine::{BlockContent, DiskState, Filesystem, Machine};
pub use portrait::Portrait;
use scan::Scan;

/// How many file systems an inspector remembers before it begins anew.
const REMEMBERED: usize = 512;

/// Looks at worlds. It remembers file systems that it has seen, which worlds from the same snapshot share.
#[derive(Default)]
pub struct Inspector {
    /// By address; the file system is held, so that whoever changes it changes a copy at another address.
    scans: HashMap<usize, (Arc<Filesystem>, Arc<Scan>)>,
}

/// What is in a world.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inspection {
    /// The nodes on which each DRBD resource is Primary, of those that run and do not allow two: `primary/worker01`.
    pub primaries: BTreeMap<String, Vec<String>>,
    /// The nodes that have no power.
    pub off: Vec<String>,
    /// The pods that run on volumes.
    pub pods: Vec<PodOnVolume>,
    /// What of DRBD is mounted: the node, the directory and the device.
    pub replicated: Vec<(String, String, String)>,
    /// The data that is served to clients.
    pub served: Vec<ServedData>,
}

/// A pod that runs, and the volume that it has opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodOnVolume {
    /// Its namespace and name.
    pub pod: String,
    /// The node.
    pub node: String,
    /// The directory.
    pub directory: String,
    /// The device that the directory was on when the pod opened it.
    pub device: String,
}

/// Data that a site serves to clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedData {
    /// The site and the namespace.
    pub by: String,
    /// Whose data it is: the same as long as it is the same data, wherever it is served.
    pub identity: String,
    /// Its revision.
    pub revision: u64,
}

/// A whole copy of what one process of a service keeps on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataCopy {
    /// Whose data it is.
    pub identity: String,
    /// Up to which revision.
    pub revision: u64,
    /// A digest of all files beside those that the process writes while it runs: owners, modes, times, contents.
    pub tree: String,
}

impl Inspector {
    /// What can be seen without reading a file system.
    pub fn inspect(&self, world: &Sandbox) -> Inspection {
        let mut found = Inspection::default();
        let (clusters, machines) = (world.clusters.by_site(), world.clusters.hosts.machines());
        for machine in machines.values() {
            let node = format!("{}/{}", machine.site, machine.node);
            if !machine.up {
                found.off.push(node);
                continue;
            }
            for resource in machine.drbd.values() {
                if resource.primary && !resource.options.two_primaries {
                    found.primaries.entry(resource.name.clone()).or_default().push(node.clone());
                }
                let mounts = machine.mounts.iter().filter(|mount| mount.source == resource.device);
                found.replicated.extend(mounts.map(|mount| (node.clone(), mount.target.clone(), mount.source.clone())));
            }
        }
        for cluster in clusters.values() {
            for process in cluster.processes.values() {
                let (Some(directory), Some(device)) = (&process.path, &process.device) else { continue };
                found.pods.push(PodOnVolume {
                    pod: format!("{}/{}", process.pod.0, process.pod.1),
                    node: format!("{}/{}", cluster.site, process.node),
                    directory: directory.clone(),
                    device: device.clone(),
                });
            }
            for served in cluster.services.iter().flat_map(|service| service.served()) {
                let by = format!("{}/{}", cluster.site, served.namespace);
                found.served.push(ServedData { by, identity: served.identity, revision: served.revision });
            }
        }
        found
    }

    /// Every whole copy of a service's data, on whatever disk of whatever machine: each where it is, and what it is.
    pub fn copies(&mut self, world: &Sandbox) -> Vec<(String, DataCopy)> {
        let mut found = Vec::new();
        let machines = world.clusters.hosts.machines().clone();
        let starts = world.kernel().clock.starts.as_nanosecond();
        for machine in machines.values() {
            for (device, filesystem) in filesystems(machine) {
                let place = |directory: &str| format!("{}/{}:{device}:{directory}", machine.site, machine.node);
                let scan = self.scan(filesystem, starts);
                found.extend(scan.copies.iter().map(|(directory, copy)| (place(directory), copy.clone())));
            }
        }
        found
    }

    /// The world as lines that can be compared.
    pub fn portrait(&mut self, world: &Sandbox) -> Portrait {
        world.clusters.settle();
        portrait::of(self, world)
    }

    /// The world as a playbook's invariants know it: `sites`, in each of them `nodes`, and the objects of its API server by kind and
    /// name.
    pub fn state(&mut self, world: &Sandbox) -> serde_json::Value {
        world.clusters.settle();
        state::of(world)
    }

    fn scan(&mut self, filesystem: &Arc<Filesystem>, starts: i128) -> Arc<Scan> {
        let address = Arc::as_ptr(filesystem).addr();
        if let Some((_, scan)) = self.scans.get(&address) {
            return Arc::clone(scan);
        }
        if self.scans.len() >= REMEMBERED {
            self.scans.clear();
        }
        let scan = Arc::new(scan::of(filesystem, starts));
        self.scans.insert(address, (Arc::clone(filesystem), Arc::clone(&scan)));
        scan
    }
}

/// The file systems on the disks of a machine whose content is a state that once was: not those that a resync is writing.
fn filesystems(machine: &Machine) -> impl Iterator<Item = (&str, &Arc<Filesystem>)> {
    machine.disks.iter().filter_map(|(device, disk)| {
        let inconsistent = machine.drbd.values().any(|resource| {
            resource.disk_state == DiskState::Inconsistent && machine.kernel_name(&resource.disk) == *device
        });
        match &disk.content {
            BlockContent::Filesystem(filesystem) if !inconsistent => Some((device.as_str(), filesystem)),
            _ => None,
        }
    })
}
