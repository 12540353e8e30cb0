//! How the stand-in's state is stored: the fields that mean something between two commands.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::StandIn;
use crate::kernel::Links;
use crate::machine::drbd::{DrbdResource, Shared};
use crate::machine::{BlockContent, Disk, LogLine, Machine, Machines, Mount};

/// Size of the file system in memory that takes a machine's configuration, in bytes.
const MEMORY_BYTES: u64 = 1 << 30;

/// What stands for the device of that file system.
const MEMORY: &str = "memory";

/// The state.
#[derive(Serialize, Deserialize)]
struct Stored {
    shared: Shared,
    links: Links,
    machines: Vec<StoredMachine>,
}

#[derive(Serialize, Deserialize)]
struct StoredMachine {
    id: (String, String),
    hostname: String,
    address: String,
    up: bool,
    disks: BTreeMap<String, Disk>,
    mounts: Vec<Mount>,
    resources: BTreeMap<String, DrbdResource>,
    /// What the kernel has logged in this boot and, as the journal has it, in earlier ones.
    #[serde(default)]
    logged: [Vec<LogLine>; 2],
}

impl Serialize for StandIn {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let machines = self.machines.values().map(|machine| StoredMachine {
            id: (machine.site.clone(), machine.node.clone()),
            hostname: machine.hostname.clone(),
            address: machine.address.clone(),
            up: machine.up,
            disks: real_disks(machine),
            mounts: machine.mounts.iter().skip(1).cloned().collect(),
            resources: machine.drbd.clone(),
            logged: [machine.kernel_log.clone(), machine.journal.clone()],
        });
        let stored = Stored {
            shared: self.machines.drbd.clone(),
            links: self.machines.links().clone(),
            machines: machines.collect(),
        };
        stored.serialize(serializer)
    }
}

fn real_disks(machine: &Machine) -> BTreeMap<String, Disk> {
    let real = |(_, disk): &(&String, &Disk)| matches!(disk.content, BlockContent::Real(_));
    machine.disks.iter().filter(real).map(|(path, disk)| (path.clone(), disk.clone())).collect()
}

impl<'de> Deserialize<'de> for StandIn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stored = Stored::deserialize(deserializer)?;
        let mut machines = Machines::default();
        machines.drbd = stored.shared;
        *machines.links_mut() = stored.links;
        for there in stored.machines {
            let mut machine = empty((&there.id.0, &there.id.1), &there.hostname, &there.address);
            machine.up = there.up;
            machine.disks.extend(there.disks);
            machine.mounts.extend(there.mounts);
            machine.drbd = there.resources;
            [machine.kernel_log, machine.journal] = there.logged;
            machines.insert(machine);
        }
        Ok(Self { machines })
    }
}

/// A machine that nothing is known of yet.
pub(super) fn empty(id: (&str, &str), hostname: &str, address: &str) -> Machine {
    let mut machine = Machine::new(id, hostname, address, "", MEMORY_BYTES, 0);
    // Its name must not be that of a real disk.
    machine.disks = machine.disks.into_values().map(|disk| (MEMORY.to_owned(), disk)).collect();
    for mount in machine.mounts.iter_mut().chain(&mut machine.fstab) {
        mount.source = MEMORY.to_owned();
    }
    machine
}
