//! The devices of Primaries: a loop device over the backing disk without the metadata, under DRBD's name. It exists while the
//! resource is Primary here, and not otherwise.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};
use cutover_sandbox::stand_in::Volume;
use serde::{Deserialize, Serialize};

use crate::store::Store;

/// The major number of loop devices.
const LOOP: u32 = 7;

/// A device of a Primary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Device {
    /// Its path: `/dev/drbd0`.
    pub(crate) path: String,
    /// The loop device's minor number.
    minor: u32,
    /// The path of the backing disk, as the loop device was set up with it.
    beneath: PathBuf,
    /// How many sectors had been written or discarded at the last look.
    pub(crate) sectors: u64,
}

impl Device {
    /// The loop device's major and minor number.
    pub(crate) fn number(&self) -> (u32, u32) {
        (LOOP, self.minor)
    }

    /// Whether the loop device is still attached to the disk. A detached one may have been attached by somebody else since.
    pub(crate) fn attached(&self) -> bool {
        // The beginning of the path depends on the reader's mount namespace.
        let end =
            |path: &Path| path.components().rev().take(2).map(|part| part.as_os_str().to_owned()).collect::<Vec<_>>();
        let is_ours =
            |text: String| end(Path::new(text.trim_end().trim_end_matches(" (deleted)"))) == end(&self.beneath);
        fs::read_to_string(self.sysfs("loop/backing_file")).is_ok_and(is_ours)
    }

    /// Writes out everything that is cached, also by a file system in another mount namespace: BLKFLSBUF does that.
    pub(crate) fn flush(&self, nodes: &Path) -> anyhow::Result<()> {
        let node = node(nodes, self.number())?;
        call("blockdev", &["--flushbufs", &node.to_string_lossy()]).map(drop)
    }

    fn sysfs(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/sys/dev/block/{LOOP}:{}/{name}", self.minor))
    }

    /// How many sectors were written to it or discarded since it was created.
    pub(crate) fn written(&self) -> anyhow::Result<u64> {
        let path = self.sysfs("stat");
        let text = fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        let fields: Vec<u64> = text.split_whitespace().map_while(|field| field.parse().ok()).collect();
        // Sectors written and sectors discarded: the kernel's Documentation/block/stat.rst.
        let sum = fields.get(6).map(|written| written + fields.get(13).copied().unwrap_or_default());
        sum.with_context(|| format!("{} cannot be understood: {text}", path.display()))
    }
}

/// The major and minor number of a `dev_t`, decoded as glibc does.
pub(crate) fn numbers(device: u64) -> (u32, u32) {
    let part = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    (part((device >> 8 & 0xfff) | (device >> 32 & 0xffff_f000)), part((device & 0xff) | (device >> 12 & 0xffff_ff00)))
}

/// A device node in a directory, created if it is missing.
pub(crate) fn node(directory: &Path, (major, minor): (u32, u32)) -> anyhow::Result<PathBuf> {
    fs::create_dir_all(directory).with_context(|| format!("{} cannot be made", directory.display()))?;
    let path = directory.join(format!("{major}-{minor}"));
    make_node(&path, (major, minor))?;
    Ok(path)
}

fn number_of(path: &Path) -> Option<(u32, u32)> {
    let metadata = fs::symlink_metadata(path).ok().filter(|metadata| metadata.file_type().is_block_device())?;
    Some(numbers(metadata.rdev()))
}

fn make_node(path: &Path, (major, minor): (u32, u32)) -> anyhow::Result<()> {
    if number_of(path) == Some((major, minor)) {
        return Ok(());
    }
    let (major, minor) = (major.to_string(), minor.to_string());
    call("mknod", &["-m", "660", &path.to_string_lossy(), "b", &major, &minor]).map(drop)
}

fn call(program: &str, args: &[&str]) -> anyhow::Result<String> {
    let output = Command::new(program).args(args).output().with_context(|| format!("{program} cannot be run"))?;
    let words = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program} {}: {}", args.join(" "), words.trim());
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Whether devices are left out: only states and output are wanted.
fn none_wanted() -> bool {
    std::env::var("CUTOVER_STAND_IN_DEVICES").is_ok_and(|value| value == "none")
}

/// Creates and removes devices of this host until they are the wanted ones.
pub(crate) fn arrange(store: &mut Store, id: &(String, String)) -> anyhow::Result<()> {
    if none_wanted() {
        return Ok(());
    }
    let wanted: Vec<Volume> =
        store.state.drbd.volumes().into_iter().filter(|volume| volume.machine == *id && volume.open).collect();
    let mut there = store.host_mut(id).devices.clone();
    there.retain(|resource, _| wanted.iter().any(|volume| volume.resource == *resource));
    for (disk, path) in store.state.drbd.disks_of(id) {
        let loop_device = number_of(Path::new(&path)).filter(|(major, _)| *major == LOOP);
        if let Some((_, minor)) = loop_device.filter(|_| !wanted.iter().any(|volume| volume.device == path)) {
            remove_node(&path)?;
            if let Some(place) = store.host(id).and_then(|host| host.disks.get(&disk)) {
                let beneath = place.path(store)?;
                detach(store, &Device { path, minor, beneath, sectors: 0 })?;
            }
        }
    }
    store.host_mut(id).devices = there.clone();
    for volume in wanted {
        let device = match there.get(&volume.resource).filter(|device| device.attached()) {
            Some(device) => device.clone(),
            None => attach(store, &volume)?,
        };
        remove_other(&volume.device, device.number())?;
        make_node(Path::new(&volume.device), device.number())?;
        store.host_mut(id).devices.insert(volume.resource, device);
    }
    Ok(())
}

/// Detaches the devices of a host that has lost its kernel state; its own /dev cannot be reached from here.
pub(crate) fn lose(store: &mut Store, id: &(String, String)) -> anyhow::Result<()> {
    let devices = std::mem::take(&mut store.host_mut(id).devices);
    devices.values().try_for_each(|device| detach(store, device))
}

fn attach(store: &Store, volume: &Volume) -> anyhow::Result<Device> {
    let place = store.host(&volume.machine).and_then(|host| host.disks.get(&volume.disk));
    let disk = place.with_context(|| format!("{} is not there", volume.disk))?.path(store)?;
    let (beneath, limit) = (disk.clone(), volume.bytes.to_string());
    let disk = disk.to_string_lossy();
    make_control()?;
    // Between the two calls another process may take the free loop device: so it is tried again.
    let tries = std::iter::repeat_with(|| {
        free().and_then(|name| call("losetup", &["--sizelimit", &limit, &name, &*disk]).map(|_| name))
    });
    let mut last = None;
    let name = tries.take(5).find_map(|tried| tried.map_err(|error| last = Some(error)).ok());
    let name = match (name, last) {
        (Some(name), _) => name,
        (None, Some(error)) => return Err(error),
        (None, None) => bail!("there is no free loop device"),
    };
    let number = number_of(Path::new(&name)).with_context(|| format!("{name} is not a block device"))?;
    let mut device = Device { path: volume.device.clone(), minor: number.1, beneath, sectors: 0 };
    device.sectors = device.written()?;
    Ok(device)
}

fn detach(store: &Store, device: &Device) -> anyhow::Result<()> {
    if !device.attached() {
        return Ok(());
    }
    let node = node(&store.nodes(), device.number())?;
    call("losetup", &["--detach", &node.to_string_lossy()]).map(drop)
}

/// A free loop device. In a container it may have no node yet.
fn free() -> anyhow::Result<String> {
    let name = call("losetup", &["--find"])?;
    if !Path::new(&name).exists() {
        let minor = name.trim_start_matches("/dev/loop").parse();
        make_node(Path::new(&name), (LOOP, minor.with_context(|| format!("`{name}` is not a loop device"))?))?;
    }
    Ok(name)
}

/// Creates /dev/loop-control, which allocates loop devices: a /dev that was made by hand does not have it.
fn make_control() -> anyhow::Result<()> {
    let path = "/dev/loop-control";
    if Path::new(path).exists() {
        return Ok(());
    }
    // LOOP_CTRL_MINOR, under the major number of miscellaneous devices.
    call("mknod", &["-m", "660", path, "c", "10", "237"]).map(drop)
}

/// Removes a device node that this program created.
fn remove_node(path: &str) -> anyhow::Result<()> {
    match number_of(Path::new(path)) {
        Some((LOOP, _)) => match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("{path} cannot be removed"))
            }
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

/// Makes room for a device node: one of another loop device is removed, anything else is refused.
fn remove_other(path: &str, number: (u32, u32)) -> anyhow::Result<()> {
    match (fs::symlink_metadata(path), number_of(Path::new(path))) {
        (Err(error), _) if error.kind() == ErrorKind::NotFound => Ok(()),
        (Ok(_), Some(there)) if there == number => Ok(()),
        (Ok(_), Some((LOOP, _))) => remove_node(path),
        _ => bail!("{path} is in the way: it was not made by the stand-in; look what it is, and remove it"),
    }
}
