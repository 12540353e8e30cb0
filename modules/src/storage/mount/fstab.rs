//! What /etc/fstab mounts at a directory. systemd makes a unit of each entry, bound to its device, and mounts it at boot.

use cutover_engine::failure::Failure;
use cutover_engine::module::Context;
use cutover_engine::reads;
use cutover_engine::text;
use cutover_engine::text::Text;
use serde::Serialize;

use super::{Params, State};
use crate::support::storage::block::Block;

/// The table.
const TABLE: &str = "/etc/fstab";

/// An entry of the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Entry {
    /// Its line, from 1.
    pub(crate) line: usize,
    /// The device as it is written: a path, `UUID=...`, `LABEL=...`.
    pub(crate) device: String,
}

/// Reads the entries for a directory.
pub(super) async fn read(cx: &Context, path: &str) -> Result<Vec<Entry>, Failure> {
    let table = cx.read(&reads::CAT.of([TABLE]).accept([1])).await?;
    Ok(if table.success() { parse(&table.stdout, path) } else { Vec::new() })
}

fn parse(text: &str, path: &str) -> Vec<Entry> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let mut words = line.split_whitespace();
        let (Some(device), Some(target)) = (words.next(), words.next()) else { continue };
        if !device.starts_with('#') && same(&plain(target), path) {
            found.push(Entry { line: index + 1, device: plain(device) });
        }
    }
    found
}

/// Whether two paths are the same for systemd, to which further slashes and `/./` are nothing.
fn same(one: &str, other: &str) -> bool {
    let parts =
        |path: &str| path.split('/').filter(|part| !matches!(*part, "" | ".")).map(str::to_owned).collect::<Vec<_>>();
    one.starts_with('/') && parts(one) == parts(other)
}

/// Decodes the escapes of the table: `\040` for a space.
fn plain(word: &str) -> String {
    let mut text = word.to_owned();
    for (escape, letter) in [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")] {
        text = text.replace(escape, letter);
    }
    text
}

/// Why the table is in the way.
pub(super) fn reasons(params: &Params, state: &State) -> Vec<Text> {
    let (path, device) = (&params.path, &params.device);
    let foreign = |entry: &&Entry| params.persist.is_some() || !is_it(&entry.device, device, &state.block);
    let reason = |entry: &Entry| {
        text!(
            "mount.fstab",
            "{table}, line {line}, mounts {there} at {path}: systemd would mount that at boot, and unmount what is there when that device goes; take the entry out and run `systemctl daemon-reload`",
            table = TABLE,
            line = entry.line,
            there = &entry.device,
            path
        )
    };
    state.fstab.iter().filter(foreign).map(reason).collect()
}

/// Whether an entry names the device.
fn is_it(entry: &str, device: &str, block: &Block) -> bool {
    let signature = block.signature.as_ref();
    let unquoted = entry.replace('"', "");
    match unquoted.split_once('=') {
        Some(("UUID", uuid)) => signature.is_some_and(|signature| signature.uuid.eq_ignore_ascii_case(uuid)),
        _ => unquoted == device || unquoted == block.kernel_name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_found_by_their_directory() {
        let table = "# /dev/sdz /data/x ext4\n\n/dev/sda1 / ext4 defaults 0 1\nUUID=ab-cd\t/data/x/  ext4 defaults,nofail 0 2\n\
                     /dev/sdb1 /data/with\\040space ext4\n/dev/sdc1 /data/x/y ext4\nLABEL=x /data/x auto\nproc\n\
                     /dev/sdd1 //data/./x// ext4\nnone data/x swap\n";
        let of =
            |path: &str| parse(table, path).into_iter().map(|entry| (entry.line, entry.device)).collect::<Vec<_>>();
        assert_eq!(
            of("/data/x"),
            [(4, "UUID=ab-cd".to_owned()), (7, "LABEL=x".to_owned()), (9, "/dev/sdd1".to_owned())]
        );
        assert_eq!(of("/data/with space"), [(5, "/dev/sdb1".to_owned())]);
        assert_eq!(of("/"), [(3, "/dev/sda1".to_owned())]);
        assert_eq!(of("/data"), []);
    }
}
