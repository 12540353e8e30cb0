//! The host that a command runs on: its name among all hosts, and the facts that the stand-in needs about it.

use std::fs;
use std::net::{IpAddr, UdpSocket};

use anyhow::{Context as _, ensure};
use cutover_sandbox::stand_in::{StandIn, addresses};

use crate::boot::Boot;
use crate::store::Store;
use crate::{devices, disk, mounts};

/// A host.
pub(crate) struct Host {
    /// Its name: site and node as configured, or hostname and address.
    pub(crate) id: (String, String),
    hostname: String,
    address: String,
    /// The names and texts of its configuration files.
    files: Vec<(String, String)>,
}

impl Host {
    /// The host of this process: the one that CUTOVER_STAND_IN_MACHINE names, or the one that has this hostname and, of the
    /// addresses in its configuration, the one that is on an interface here.
    pub(crate) fn here(known: &StandIn) -> anyhow::Result<Self> {
        let directory = std::env::var("CUTOVER_STAND_IN_CONFIG").unwrap_or_else(|_| "/etc/drbd.d".to_owned());
        let files = configuration(&directory)?;
        if let Ok(name) = std::env::var("CUTOVER_STAND_IN_MACHINE") {
            let id = name.split_once('/').filter(|(site, node)| !site.is_empty() && !node.is_empty());
            let (site, node) = id.with_context(|| format!("CUTOVER_STAND_IN_MACHINE={name}: it must be SITE/NODE"))?;
            let address = addresses(node, &files).into_iter().next().unwrap_or_default();
            return Ok(Self { id: (site.to_owned(), node.to_owned()), hostname: node.to_owned(), address, files });
        }
        let hostname = fs::read_to_string("/proc/sys/kernel/hostname").context("the hostname cannot be read")?;
        let hostname = hostname.trim().to_owned();
        // A host whose configuration was removed keeps its name.
        let earlier = known.machines().into_iter().filter(|(name, _)| *name == hostname).map(|(_, address)| address);
        let address = addresses(&hostname, &files).into_iter().chain(earlier).find(|address| is_local(address));
        let address = address.unwrap_or_default();
        Ok(Self { id: (hostname.clone(), address.clone()), hostname, address, files })
    }

    /// Reports the present facts of this host to the stand-in.
    pub(crate) fn tell(&self, store: &mut Store, args: &[String]) -> anyhow::Result<()> {
        let boot = Boot::current();
        let before = &store.host_mut(&self.id).boot;
        let (first, same) = (*before == Boot::default(), *before == boot);
        if !first && !same {
            devices::lose(store, &self.id)?;
            store.state.drbd.power(&self.id, false);
            store.state.drbd.power(&self.id, true);
        }
        store.host_mut(&self.id).boot = boot;
        ensure!(
            store.state.drbd.is_up(&self.id),
            "{}/{} has no power: `cutover-drbd-stand-in power on {0}/{1}`",
            self.id.0,
            self.id.1
        );
        store.state.drbd.see_machine(&self.id, &self.hostname, &self.address, &self.files);
        let disks = store.state.drbd.disks_of(&self.id);
        for path in disks.keys() {
            disk::tell(store, &self.id, path, args.iter().any(|arg| arg == "create-md"))?;
        }
        let mounted = mounts::of_host(store, &self.id, &disks);
        store.state.drbd.see_mounts(&self.id, &mounted);
        Ok(())
    }
}

fn configuration(directory: &str) -> anyhow::Result<Vec<(String, String)>> {
    let Ok(entries) = fs::read_dir(directory) else { return Ok(Vec::new()) };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry.with_context(|| format!("{directory} cannot be read"))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".res") || name == "global_common.conf" {
            let text = fs::read(entry.path()).with_context(|| format!("{directory}/{name} cannot be read"))?;
            files.push((name, String::from_utf8_lossy(&text).into_owned()));
        }
    }
    files.sort();
    Ok(files)
}

/// Whether an address is one of this host's: only then can a socket be bound to it.
fn is_local(address: &str) -> bool {
    address.parse::<IpAddr>().is_ok_and(|address| UdpSocket::bind((address, 0)).is_ok())
}
