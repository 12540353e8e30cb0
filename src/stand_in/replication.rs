//! Replication: what a Primary has written is carried to its peer's disk, whenever anybody looks.

use std::process::Command;

use anyhow::Context as _;
use cutover_sandbox::stand_in::Versions;

use super::boot::Boot;
use super::devices::node;
use super::mounts::Mounted;
use super::store::Store;
use super::{copy, disk, mounts};

/// How often what was written during a copy is copied as well, before it is left to the next look.
const ROUNDS: usize = 4;

/// Brings everything up to the present, the disks included.
pub(super) fn catch_up(store: &mut Store) -> anyhow::Result<()> {
    for _ in 0..ROUNDS {
        count(store)?;
        let before = store.kept.drbd.versions();
        store.kept.drbd.settle(super::now());
        if !carry_out(store, &before)? {
            break;
        }
    }
    Ok(())
}

/// Copies what has to be, because of what has happened since. Gives whether there was anything to copy.
pub(super) fn carry_out(store: &Store, before: &Versions) -> anyhow::Result<bool> {
    let copies = store.kept.drbd.copies(before);
    for wanted in &copies {
        let (from, to) = (&wanted.from, &wanted.to);
        let (source, target) = (disk::open(store, &from.0, &from.1)?, disk::open(store, &to.0, &to.1)?);
        copy::differences(&source, &target, wanted.bytes).with_context(|| {
            format!("{} of {}/{} cannot be copied to {}/{}", from.1, from.0.0, from.0.1, to.0.0, to.0.1)
        })?;
    }
    Ok(!copies.is_empty())
}

/// Takes note of what was written through the devices of all hosts.
fn count(store: &mut Store) -> anyhow::Result<()> {
    let here = Boot::current();
    for host in store.kept.hosts.iter_mut().filter(|host| host.boot.kernel != here.kernel) {
        host.devices.clear();
    }
    if store.kept.hosts.iter().all(|host| host.devices.is_empty()) {
        return Ok(());
    }
    let mounts = mounts::all();
    let nodes = store.nodes();
    let mut written = Vec::new();
    for host in &mut store.kept.hosts {
        let visible = host.boot.processes == here.processes;
        for (resource, device) in host.devices.iter_mut().filter(|(_, device)| device.attached()) {
            let mine: Vec<&Mounted> = mounts.iter().filter(|mount| mount.number == device.number()).collect();
            flush(&mine, visible)?;
            let node = node(&nodes, device.number())?;
            let synced = std::fs::File::open(&node).and_then(|file| file.sync_all());
            synced.with_context(|| format!("{} cannot be flushed", device.path))?;
            let sectors = device.written()?;
            if sectors != device.sectors {
                written.push((host.id.clone(), resource.clone(), sectors.abs_diff(device.sectors).div_ceil(2)));
                device.sectors = sectors;
            }
        }
    }
    for (id, resource, kib) in written {
        store.kept.drbd.wrote(&id, &resource, kib);
    }
    Ok(())
}

/// Writes out what file systems hold back. One whose mounts cannot be seen from here is reached with all others.
fn flush(mounts: &[&Mounted], visible: bool) -> anyhow::Result<()> {
    let mut sync = Command::new("sync");
    match mounts.first() {
        Some(mount) => sync.arg("--file-system").arg(&mount.reached),
        None if visible => return Ok(()),
        None => &mut sync,
    };
    let status = sync.status().context("sync cannot be run")?;
    if !status.success() {
        // A mount that has gone meanwhile: then everything is.
        Command::new("sync").status().context("sync cannot be run")?;
    }
    Ok(())
}
