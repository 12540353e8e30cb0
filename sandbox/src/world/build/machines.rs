//! The machines of the world: one for each node of the inventory, with a root disk, a data disk and the spare disks that
//! the pairs name. Not what runs on them.

use std::sync::Arc;

use cutover_engine::inventory::{Inventory, PairMember};

use crate::kernel::Kernel;
use crate::machine::Hosts;
use crate::machine::{BlockContent, Disk, Filesystem, Machine, Mount};

/// Size of a root disk, in bytes.
const ROOT_BYTES: u64 = 100 << 30;
/// Size of a data disk, in bytes.
const DATA_BYTES: u64 = 200 << 30;
/// The device of the data disk, as in the manual.
const DATA_DEVICE: &str = "/dev/sdb1";

/// Puts a machine for every node into the world.
///
/// # Errors
/// Says which directory cannot be made.
pub(crate) fn machines(hosts: &Hosts) -> Result<(), String> {
    for (site, node) in
        hosts.kernel.inventory.sites.values().flat_map(|site| site.nodes.values().map(move |node| (site, node)))
    {
        let id = (site.name.as_str(), node.name.as_str());
        let mut machine = machine(&hosts.kernel, id, &node.hostname, &node.address)?;
        let members = hosts.kernel.inventory.pairs.iter().flat_map(|pair| pair.members.values());
        let own = members.filter(|member| member.site == site.name && member.node == node.name);
        machine.more_addresses = own.map(|member| member.address.clone()).filter(|own| *own != node.address).collect();
        hosts.machines().insert(machine);
    }
    Ok(())
}

fn machine(kernel: &Kernel, id: (&str, &str), hostname: &str, address: &str) -> Result<Machine, String> {
    let label = format!("{}/{}", id.0, id.1);
    let uuid = kernel.uuid(&format!("{label}/sda1"));
    let mut machine = Machine::new(id, hostname, address, &uuid, ROOT_BYTES, kernel.now_ns());
    let hostpath = &kernel.spec.workload.hostpath;
    for path in ["/data", "/etc/drbd.d", "/etc/systemd/system", hostpath] {
        let made = machine.mkdir_p(path, 0o755, kernel.now_ns());
        made.map_err(|errno| format!("`hostpath: {hostpath}`: {path} on {label}: {errno}"))?;
    }
    let uuid = kernel.uuid(&format!("{label}/sdb1"));
    let data = Filesystem::new("ext4", &uuid, DATA_BYTES, kernel.now_ns());
    insert(&mut machine, DATA_DEVICE, DATA_BYTES, BlockContent::Filesystem(Arc::new(data)));
    let mount = Mount { source: DATA_DEVICE.into(), target: hostpath.clone(), options: "rw,relatime".into() };
    machine.mounts.push(mount);
    machine.fstab = machine.mounts.clone();
    let carried = match kernel.spec.spare_disks.get(&label).map(String::as_str) {
        None => BlockContent::Blank,
        Some(kind @ ("ext4" | "xfs")) => {
            let uuid = kernel.uuid(&format!("{label}/spare"));
            BlockContent::Filesystem(Arc::new(Filesystem::new(kind, &uuid, kernel.spec.disk_bytes, kernel.now_ns())))
        }
        Some(kind) => BlockContent::Signature(kind.to_owned()),
    };
    for disk in spares(&kernel.inventory, id) {
        match disk.strip_prefix("/dev/disk/by-id/") {
            Some(serial) => {
                let device = free_name(&machine, &kernel.inventory, id);
                insert(&mut machine, &device, kernel.spec.disk_bytes, carried.clone());
                if let Some(disk) = machine.disks.get_mut(&device) {
                    disk.serial = serial.to_owned();
                }
            }
            None if machine.disks.contains_key(disk) => {}
            None => insert(&mut machine, disk, kernel.spec.disk_bytes, carried.clone()),
        }
    }
    let units = ["drbd.service", "kubelet.service", "sshd.service"].map(str::to_owned);
    machine.active_units.extend(units.clone());
    machine.enabled_units.extend(units);
    Ok(machine)
}

fn insert(machine: &mut Machine, device: &str, bytes: u64, content: BlockContent) {
    let serial = format!("scsi-0SIM_{}-{}-{}", machine.site, machine.node, device.trim_start_matches("/dev/"));
    machine.disks.insert(device.to_owned(), Disk { bytes, serial, content, metadata: None });
}

/// The backing disks that pairs name on a node.
fn spares<'a>(inventory: &'a Inventory, id: (&'a str, &'a str)) -> impl Iterator<Item = &'a str> {
    let member = move |member: &&PairMember| member.site == id.0 && member.node == id.1;
    inventory.pairs.iter().flat_map(|pair| pair.members.values()).filter(member).map(|member| member.disk.as_str())
}

/// The next kernel name for a disk that the inventory names by its serial number.
fn free_name(machine: &Machine, inventory: &Inventory, id: (&str, &str)) -> String {
    let taken = |name: &String| machine.disks.contains_key(name) || spares(inventory, id).any(|spare| spare == name);
    let mut names = ('c'..='z').map(|letter| format!("/dev/sd{letter}")).filter(|name| !taken(name));
    names.next().unwrap_or_else(|| format!("/dev/vd{}", machine.disks.len()))
}
