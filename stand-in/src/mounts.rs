//! The mounts in every mount namespace whose processes can be seen: a pod that still holds a device keeps it in use.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::disk::Place;
use crate::store::Store;

/// A mount of a block device.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mounted {
    /// The device's major and minor number.
    number: (u32, u32),
    /// The mount point, in its own namespace.
    target: String,
}

/// All mounts that can be seen.
fn all() -> Vec<Mounted> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let names = processes.filter_map(|entry| entry.file_name().into_string().ok());
    let numbers = names.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
    for process in std::iter::once("self".to_owned()).chain(numbers) {
        // A process may have ended since, or may not be ours to inspect.
        let Ok(namespace) = fs::read_link(format!("/proc/{process}/ns/mnt")) else { continue };
        if seen.insert(namespace) {
            let text = fs::read_to_string(format!("/proc/{process}/mountinfo")).unwrap_or_default();
            found.extend(text.lines().filter_map(parse));
        }
    }
    found
}

/// Reads a line of proc_pid_mountinfo(5).
fn parse(line: &str) -> Option<Mounted> {
    let mut fields = line.split(' ').skip(2);
    let (major, minor) = fields.next()?.split_once(':')?;
    let target = unescape(fields.nth(1)?);
    Some(Mounted { number: (major.parse().ok()?, minor.parse().ok()?), target })
}

/// Decodes the octal escapes of space, tab, line feed and backslash.
fn unescape(text: &str) -> String {
    let pairs = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")];
    pairs.iter().fold(text.to_owned(), |text, (code, letter)| text.replace(code, letter))
}

/// The mounts of a host's disks and of the devices over them (`disks` names both), by path.
pub(crate) fn of_host(store: &Store, id: &(String, String), disks: &BTreeMap<String, String>) -> Vec<(String, String)> {
    let Some(host) = store.host(id) else { return Vec::new() };
    let mut names: Vec<((u32, u32), String)> = Vec::new();
    for disk in disks.keys() {
        if let Some(Place::Block { major, minor }) = host.disks.get(disk) {
            names.push(((*major, *minor), disk.clone()));
        }
    }
    names.extend(host.devices.values().map(|device| (device.number(), device.path.clone())));
    let mounts = all();
    let named = |(number, name): &((u32, u32), String)| {
        let here = mounts.iter().filter(|mount| mount.number == *number);
        here.map(|mount| (name.clone(), mount.target.clone())).collect::<Vec<_>>()
    };
    names.iter().flat_map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read() {
        let line = "44 27 7:1 / /mnt/a\\040b rw,relatime - ext4 /dev/drbd0 rw";
        assert_eq!(parse(line), Some(Mounted { number: (7, 1), target: "/mnt/a b".to_owned() }));
    }
}
