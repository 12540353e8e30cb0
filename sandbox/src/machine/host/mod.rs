//! A simulated machine: disks, mounts, DRBD resources, units. Not the programs that work on them.

mod device;
mod files;
mod machines;
mod path;
mod power;
#[cfg(test)]
mod tests;
mod walk;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(crate) use device::OpenError;
pub(crate) use machines::Machines;
pub(crate) use path::Follow;
pub(crate) use walk::walk;

use serde::{Deserialize, Serialize};

use super::resource::DrbdResource;
use super::storage::{BlockContent, Disk, Filesystem, Mount};

/// One machine.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    /// The site it belongs to.
    pub(crate) site: String,
    /// Its node's name.
    pub(crate) node: String,
    /// What `hostname` prints.
    pub(crate) hostname: String,
    /// Its address, which SSH reaches.
    pub(crate) address: String,
    /// Other addresses that it has, on networks of their own: those that DRBD replicates over.
    pub(crate) more_addresses: Vec<String>,
    /// Whether it runs; one that does not is unreachable.
    pub(crate) up: bool,
    /// Its disks by device path (`/dev/sda1`, `/dev/sdb1`, `/dev/sdc`).
    pub(crate) disks: BTreeMap<String, Disk>,
    /// Its mounts, oldest first. The first is the root file system.
    pub(crate) mounts: Vec<Mount>,
    /// The mounts that a reboot makes, as fstab says.
    pub(crate) fstab: Vec<Mount>,
    /// Its DRBD resources in the kernel, by name. Empty until `drbdadm up`.
    pub(crate) drbd: BTreeMap<String, DrbdResource>,
    /// Enabled systemd units.
    pub(crate) enabled_units: BTreeSet<String>,
    /// Active systemd units.
    pub(crate) active_units: BTreeSet<String>,
    /// Directories held open by processes: path to a command name (a pod's process on its volume).
    pub(crate) holders: BTreeMap<String, String>,
    /// What the kernel has logged since it booted.
    pub(crate) kernel_log: Vec<LogLine>,
    /// What it had logged in earlier boots, as the journal keeps it on disk.
    pub(crate) journal: Vec<LogLine>,
}

/// A line of the kernel's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LogLine {
    /// When, nanoseconds since 1970.
    pub(crate) at_ns: i128,
    /// As dmesg names levels: `err`, `warn`, `info`.
    pub(crate) level: Cow<'static, str>,
    /// What.
    pub(crate) text: String,
}

impl Machine {
    /// All its addresses.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.address).chain(&self.more_addresses).map(String::as_str)
    }

    /// The address from which it sends to another one: the one that has most in common with it.
    pub(crate) fn source_for(&self, address: &str) -> &str {
        let common = |own: &&str| own.bytes().zip(address.bytes()).take_while(|(own, other)| own == other).count();
        self.addresses().fold(&*self.address, |best, own| if common(&own) > common(&best) { own } else { best })
    }

    /// A running machine with a root file system on `/dev/sda1`, and nothing on it but the usual directories.
    pub(crate) fn new(
        (site, node): (&str, &str),
        hostname: &str,
        address: &str,
        uuid: &str,
        bytes: u64,
        now: i128,
    ) -> Self {
        let root = Filesystem::new("ext4", uuid, bytes, now);
        let disk = Disk {
            bytes,
            serial: "root".to_owned(),
            content: BlockContent::Filesystem(Arc::new(root)),
            metadata: None,
        };
        let mount = Mount { source: "/dev/sda1".into(), target: "/".into(), options: "rw,relatime".into() };
        let mut machine = Self {
            site: site.to_owned(),
            node: node.to_owned(),
            hostname: hostname.to_owned(),
            address: address.to_owned(),
            more_addresses: Vec::new(),
            up: true,
            disks: BTreeMap::from([("/dev/sda1".to_owned(), disk)]),
            mounts: vec![mount.clone()],
            fstab: vec![mount],
            drbd: BTreeMap::new(),
            enabled_units: BTreeSet::new(),
            active_units: BTreeSet::new(),
            holders: BTreeMap::new(),
            kernel_log: Vec::new(),
            journal: Vec::new(),
        };
        let directories = ["/dev", "/etc", "/home", "/mnt", "/proc", "/root", "/run", "/sys", "/usr", "/var/lib"];
        for (path, mode) in directories.map(|path| (path, 0o755)).into_iter().chain([("/tmp", 0o1777)]) {
            // Only a file system smaller than these directories refuses.
            let _ = machine.mkdir_p(path, mode, now);
        }
        machine
    }
}
