//! What drbdadm checks after it has read everything: what is missing, what is given twice.

use std::collections::BTreeMap;

use super::{Config, Resource};
use crate::machine::Machine;

impl Config {
    /// Checks a whole configuration on a machine.
    ///
    /// # Errors
    /// What drbdadm prints of the first fault.
    pub(super) fn check(&self, machine: &Machine, legacy: bool) -> Result<(), String> {
        let mut names: BTreeMap<&str, &Resource> = BTreeMap::new();
        let mut minors = BTreeMap::new();
        for resource in &self.resources {
            let (file, line) = (included(&resource.at.0), resource.at.1);
            if let Some(first) = names.insert(&resource.name, resource) {
                let ((there, at), name) = ((included(&first.at.0), first.at.1), &resource.name);
                return Err(format!(
                    "{file}:{line}: conflicting use of resource section '{name}' ...\n\
                     {there}:{at}: resource section '{name}' first used here.\n"
                ));
            }
            resource.check(legacy)?;
            for host in resource.hosts.iter().filter(|host| host.name == machine.hostname) {
                let Some((_, minor)) = resource.device(host) else { continue };
                if let Some(first) = minors.insert(*minor, file) {
                    let what = format!("device-minor:{}:{minor}", host.name);
                    return Err(format!(
                        "{file}:0: conflicting use of device-minor '{what}' ...\n\
                         {first}:0: device-minor '{what}' first used here.\n"
                    ));
                }
            }
        }
        Ok(())
    }
}

/// A file's name as /etc/drbd.conf includes it.
fn included(file: &str) -> &str {
    file.strip_prefix("/etc/").unwrap_or(file)
}

impl Resource {
    fn check(&self, legacy: bool) -> Result<(), String> {
        let file = if legacy { included(&self.at.0) } else { &self.at.0 };
        let name = &self.name;
        let (line, hosts) = (self.at.1, &self.hosts);
        let Some(first) = hosts.first() else {
            return Err(format!(
                "{file}:{line}: in resource {name}:\n\ta host sections ('on worker01 {{ ... }}') is missing.\n"
            ));
        };
        let missing = |host: &super::Host, word: &str| {
            format!("{file}:{}: in resource {name}, on {} {{ ... }}: '{word}' keyword missing.\n", host.line, host.name)
        };
        for host in hosts {
            if self.device(host).is_none() {
                return Err(missing(host, "device"));
            }
            if legacy && !(host.volume.meta_disk || self.volume.meta_disk) {
                return Err(missing(host, "meta-disk") + &missing(host, "meta-index"));
            }
            if host.node_id.is_none() && hosts.iter().any(|other| other.node_id.is_some()) {
                return Err(missing(host, "node-id"));
            }
            if let Some(other) =
                hosts.iter().find(|other| !std::ptr::eq(*other, host) && self.node_id(other) == self.node_id(host))
            {
                let what = format!("{name}:{}", self.node_id(host));
                return Err(format!(
                    "{file}:{}: conflicting use of node-id '{what}' ...\n\
                     {file}:{}: node-id '{what}' first used here.\n",
                    other.line, first.line
                ));
            }
        }
        if hosts.len() > 2 {
            return Err(format!(
                "{file}:{line}: the sandbox lacks drbd-configuration: more than two hosts in resource {name}\n"
            ));
        }
        Ok(())
    }

    /// What drbdadm prints if a host's address is not one of the machine's.
    pub(crate) fn wrong_address(&self, machine: &Machine) -> Option<String> {
        let host = self.me(&machine.hostname)?;
        let (_, endpoint) = host.address()?;
        let (file, address) = (&self.at.0, &endpoint.address);
        machine.addresses().all(|own| own != address).then(|| {
            let address = if address.contains(':') { format!("[{address}]") } else { address.clone() };
            format!("{file}: in resource {}, on {}:\n\tIP {address} not found on this host.\n", self.name, host.name)
        })
    }
}
