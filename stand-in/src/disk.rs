//! Backing disks: their real places, so that every host can reach them, and DRBD's metadata on them.

use std::fs::{self, File};
use std::io::{Seek as _, SeekFrom};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use cutover_sandbox::stand_in::DiskProbe;
use serde::{Deserialize, Serialize};

use crate::store::Store;
use crate::{devices, superblock};

/// The real place of a disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Place {
    /// A block device.
    Block {
        /// Its major number.
        major: u32,
        /// Its minor number.
        minor: u32,
    },
    /// A file, whose path must be the same on all hosts.
    File {
        /// Its path.
        path: PathBuf,
    },
}

impl Place {
    /// The place of a path; `None` if it is neither a block device nor a file.
    fn of(path: &Path) -> Option<Self> {
        let path = fs::canonicalize(path).ok()?;
        let metadata = fs::metadata(&path).ok()?;
        if metadata.file_type().is_block_device() {
            let (major, minor) = devices::numbers(metadata.rdev());
            return Some(Self::Block { major, minor });
        }
        metadata.is_file().then_some(Self::File { path })
    }

    /// A path to it on this host.
    pub(crate) fn path(&self, store: &Store) -> anyhow::Result<PathBuf> {
        match self {
            Self::Block { major, minor } => devices::node(&store.nodes(), (*major, *minor)),
            Self::File { path } => Ok(path.clone()),
        }
    }
}

/// Opens a disk of a host.
pub(crate) fn open(store: &Store, id: &(String, String), disk: &str) -> anyhow::Result<File> {
    let place = store.host(id).and_then(|host| host.disks.get(disk));
    let place = place.with_context(|| format!("where {disk} of {}/{} is, is not known", id.0, id.1))?;
    let path = place.path(store)?;
    let opened = File::options().read(true).write(true).open(&path);
    opened.with_context(|| format!("{disk} of {}/{} cannot be opened as {}", id.0, id.1, path.display()))
}

fn size(mut file: &File) -> std::io::Result<u64> {
    file.seek(SeekFrom::End(0))
}

/// Reports a disk of this host to the stand-in; with `closely`, also the signature that blkid finds on it.
pub(crate) fn tell(store: &mut Store, id: &(String, String), disk: &str, closely: bool) -> anyhow::Result<()> {
    let found = match Place::of(Path::new(disk)) {
        None => None,
        Some(place) => {
            store.host_mut(id).disks.insert(disk.to_owned(), place);
            let file = open(store, id, disk)?;
            let seen = size(&file).and_then(|bytes| Ok((bytes, superblock::read(&file, bytes)?)));
            let (bytes, metadata) = seen.with_context(|| format!("{disk} cannot be read"))?;
            let kind = if closely { kind(disk)? } else { String::new() };
            Some(DiskProbe { bytes, kind, metadata })
        }
    };
    store.state.drbd.see_disk(id, disk, found);
    Ok(())
}

/// The signature on a disk besides DRBD's metadata.
fn kind(disk: &str) -> anyhow::Result<String> {
    for usage in ["filesystem,crypto,other", "noraid", "raid"] {
        let probe = ["-p", "-u", usage, "-o", "export", disk];
        let output = Command::new("blkid").args(probe).output().context("blkid cannot be run")?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).map(str::to_owned);
        match output.status.code() {
            Some(0 | 2) => {}
            _ => bail!("blkid {}: {}", probe.join(" "), String::from_utf8_lossy(&output.stderr).trim()),
        }
        if let Some(found) = value("TYPE=").or_else(|| value("PTTYPE=")).filter(|found| found != "drbd") {
            return Ok(found);
        }
    }
    Ok(String::new())
}

/// Writes the metadata of this host's disks onto them.
pub(crate) fn seal(store: &Store, id: &(String, String)) -> anyhow::Result<()> {
    let Some(host) = store.host(id) else { return Ok(()) };
    for disk in host.disks.keys() {
        let Some(wanted) = store.state.drbd.metadata(id, disk) else { continue };
        let file = open(store, id, disk)?;
        let sealed = size(&file).and_then(|bytes| match superblock::read(&file, bytes)? {
            Some(there) if there == wanted => Ok(()),
            _ => superblock::write(&file, bytes, wanted),
        });
        sealed.with_context(|| format!("the metadata on {disk} cannot be written"))?;
    }
    Ok(())
}
