//! What the stand-in learns of a real machine before it answers there: its name, its configuration, its disks, its mounts.

use std::collections::BTreeMap;

use super::{MachineName, StandIn, stored};
use crate::machine::drbd::DiskState;
use crate::machine::drbd::config::Config;
use crate::machine::{BlockContent, Disk, Machine, Meta, Mount, Real};

/// What is seen of a real disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskProbe {
    /// Its size in bytes.
    pub bytes: u64,
    /// What blkid finds on it, DRBD's own signature left out; empty if nothing.
    pub kind: String,
    /// The identifier in the DRBD metadata on it; none if there is no metadata.
    pub metadata: Option<u64>,
}

/// The addresses of the `on` sections that a configuration has for a host. `files` are the names and texts of what
/// `/etc/drbd.d` holds. Empty if the configuration has a fault.
#[must_use]
pub fn addresses(hostname: &str, files: &[(String, String)]) -> Vec<String> {
    let machine = configured(hostname, "", files);
    let Ok(config) = Config::load(&machine, false) else { return Vec::new() };
    let own = config.resources.iter().filter_map(|resource| resource.me(hostname)?.address());
    own.map(|(_, endpoint)| endpoint.address.clone()).collect()
}

fn configured(hostname: &str, address: &str, files: &[(String, String)]) -> Machine {
    let mut machine = stored::empty(("", hostname), hostname, address);
    configure(&mut machine, files);
    machine
}

fn configure(machine: &mut Machine, files: &[(String, String)]) {
    // An empty file system has room for it; where there is none, drbdadm says that it finds no configuration.
    let _ = machine.mkdir_p("/etc/drbd.d", 0o755, 0);
    for (name, text) in files {
        let _ = machine.write_file(&format!("/etc/drbd.d/{name}"), text.as_str(), Meta::root(0));
    }
}

impl StandIn {
    /// Tells of a machine. `address` is the one it has, empty if it has none that its configuration names.
    pub fn see_machine(&mut self, id: &MachineName, hostname: &str, address: &str, files: &[(String, String)]) {
        let known = self.machines.find(&id.0, &id.1);
        let number = known.unwrap_or_else(|| self.machines.insert(stored::empty((&id.0, &id.1), hostname, address)));
        self.machines.move_to(number, address);
        if let Some(machine) = self.machines.get_mut(number) {
            hostname.clone_into(&mut machine.hostname);
            configure(machine, files);
        }
    }

    /// The disks that the configuration of a machine names, or that it has attached: with the device over each.
    #[must_use]
    pub fn disks_of(&self, id: &MachineName) -> BTreeMap<String, String> {
        let Some(machine) = self.machines.named(&id.0, &id.1) else { return BTreeMap::new() };
        let mut disks = BTreeMap::new();
        if let Ok(config) = Config::load(machine, false) {
            let own = config.resources.iter().filter_map(|resource| config.kernel(resource, &machine.hostname, false));
            disks.extend(own.map(|own| (own.disk, own.device)));
        }
        disks.extend(machine.drbd.values().map(|own| (own.disk.clone(), own.device.clone())));
        disks
    }

    /// Tells of a disk of a machine; none if there is no such disk. Metadata that is no longer on it is forgotten.
    pub fn see_disk(&mut self, id: &MachineName, path: &str, probe: Option<DiskProbe>) {
        let fresh = format!("new/{:x}", self.machines.drbd.uuid());
        let Some(machine) = self.machines.named_mut(&id.0, &id.1) else { return };
        let mut users = machine.drbd.values();
        if users.any(|own| own.disk == path && own.disk_state != DiskState::Diskless) {
            return;
        }
        let Some(DiskProbe { bytes, kind, metadata }) = probe else {
            machine.disks.remove(path);
            return;
        };
        let known = machine.disks.remove(path).filter(|disk| {
            disk.bytes == bytes && disk.metadata.as_ref().map(|metadata| metadata.device_uuid) == metadata
        });
        let (mut real, metadata) = match known {
            Some(Disk { content: BlockContent::Real(real), metadata, .. }) => (real, metadata),
            _ => (Real { kind: String::new(), written: BTreeMap::from([(fresh, 1)]) }, None),
        };
        real.kind = kind;
        let disk = Disk { bytes, serial: String::new(), content: BlockContent::Real(real), metadata };
        machine.disks.insert(path.to_owned(), disk);
    }

    /// Tells what is mounted on a machine of the disks and devices that matter: device or disk, and where.
    pub fn see_mounts(&mut self, id: &MachineName, mounts: &[(String, String)]) {
        let Some(machine) = self.machines.named_mut(&id.0, &id.1) else { return };
        machine.mounts.truncate(1);
        let mount = |(source, target): &(String, String)| Mount {
            source: source.clone(),
            target: target.clone(),
            options: "rw".to_owned(),
        };
        machine.mounts.extend(mounts.iter().map(mount));
    }
}
