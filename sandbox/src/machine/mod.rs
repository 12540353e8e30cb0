//! A simulated machine: disks, mounts, DRBD resources, units. Not the programs that work on them.

mod device;
mod disk;
mod filesystem;

use std::collections::{BTreeMap, BTreeSet};

#[expect(unused_imports, reason = "used by the programs")]
pub(crate) use device::OpenError;
pub(crate) use disk::{BlockContent, Disk, Mount};
pub(crate) use filesystem::{Content, Filesystem, Inode, InodeKind};

use crate::drbd::DrbdResource;

/// Names a machine: site and node.
pub(crate) type MachineId = (String, String);

/// One machine.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    /// Site and node name.
    pub(crate) id: MachineId,
    /// What `hostname` prints.
    pub(crate) hostname: String,
    /// Its address.
    pub(crate) address: String,
    /// Whether it runs; one that does not is unreachable.
    pub(crate) up: bool,
    /// Its disks by device path (`/dev/sda1`, `/dev/sdb1`, `/dev/sdc`).
    pub(crate) disks: BTreeMap<String, Disk>,
    /// Its mounts, oldest first. The first is the root file system.
    pub(crate) mounts: Vec<Mount>,
    /// Its DRBD resources in the kernel, by name. Empty until `drbdadm up`.
    pub(crate) drbd: BTreeMap<String, DrbdResource>,
    /// Enabled systemd units.
    pub(crate) enabled_units: BTreeSet<String>,
    /// Active systemd units.
    pub(crate) active_units: BTreeSet<String>,
    /// Directories held open by processes: path to a command name (a pod's process on its volume).
    pub(crate) holders: BTreeMap<String, String>,
}
