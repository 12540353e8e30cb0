//! Replication: whenever the stand-in runs, it copies what a Primary has written to its peer's disk.

use anyhow::Context as _;
use cutover_sandbox::stand_in::Versions;

use crate::boot::Boot;
use crate::store::Store;
use crate::{copy, disk};

/// How often data that was written during a copy is copied in turn before it is left to the next run.
const ROUNDS: usize = 4;

/// Brings the shared state up to date, including the disks.
pub(crate) fn catch_up(store: &mut Store) -> anyhow::Result<()> {
    for _ in 0..ROUNDS {
        if !round(store)? {
            break;
        }
    }
    Ok(())
}

/// Copies what was written up to now. Returns whether there was anything.
pub(crate) fn round(store: &mut Store) -> anyhow::Result<bool> {
    count(store)?;
    pass(store)
}

/// Lets simulated time catch up: resyncs progress, and are copied when they end. New writes are ignored.
pub(crate) fn pass(store: &mut Store) -> anyhow::Result<bool> {
    let before = store.state.drbd.versions();
    store.state.drbd.settle(crate::now());
    carry_out(store, &before)
}

/// Carries out the copies that became due since. Returns whether there were any.
pub(crate) fn carry_out(store: &Store, before: &Versions) -> anyhow::Result<bool> {
    let copies = store.state.drbd.copies(before);
    for wanted in &copies {
        let (from, to) = (&wanted.from, &wanted.to);
        let (source, target) = (disk::open(store, &from.0, &from.1)?, disk::open(store, &to.0, &to.1)?);
        copy::differences(&source, &target, wanted.bytes).with_context(|| {
            format!("{} of {}/{} cannot be copied to {}/{}", from.1, from.0.0, from.0.1, to.0.0, to.0.1)
        })?;
    }
    Ok(!copies.is_empty())
}

/// Registers the writes through the devices of all hosts.
fn count(store: &mut Store) -> anyhow::Result<()> {
    let kernel = Boot::current().kernel;
    for host in store.state.hosts.iter_mut().filter(|host| host.boot.kernel != kernel) {
        host.devices.clear();
    }
    let nodes = store.nodes();
    let mut written = Vec::new();
    for host in &mut store.state.hosts {
        for (resource, device) in host.devices.iter_mut().filter(|(_, device)| device.attached()) {
            device.flush(&nodes)?;
            let sectors = device.written()?;
            if sectors != device.sectors {
                written.push((host.id.clone(), resource.clone(), sectors.abs_diff(device.sectors).div_ceil(2)));
                device.sectors = sectors;
            }
        }
    }
    for (id, resource, kib) in written {
        store.state.drbd.wrote(&id, &resource, kib);
    }
    Ok(())
}
