//! Disks, what is on them, and mounts.

use serde::{Deserialize, Serialize};

use super::content::BlockContent;
use super::metadata::{Layout, Metadata};

/// A block device that exists by itself (not a DRBD device, which lives in [`super::Machine::drbd`]).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Disk {
    /// Its size in bytes.
    pub(crate) bytes: u64,
    /// Its serial number, for `/dev/disk/by-id`.
    pub(crate) serial: String,
    /// What is on it.
    pub(crate) content: BlockContent,
    /// DRBD metadata at its end, if `create-md` was run.
    pub(crate) metadata: Option<Metadata>,
}

impl Disk {
    /// The size of the DRBD device over this disk, in KiB.
    pub(crate) fn drbd_kib(&self) -> u64 {
        let usable = Layout::of(self.bytes).usable_kib;
        self.metadata.as_ref().and_then(|metadata| metadata.agreed_kib).map_or(usable, |agreed| agreed.min(usable))
    }

    /// What is out of sync with the peer, in KiB.
    pub(crate) fn out_of_sync_kib(&self) -> u64 {
        self.metadata.as_ref().map_or(0, |metadata| metadata.out_of_sync(&self.content, self.drbd_kib()))
    }
}

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mount {
    /// The device: `/dev/sdb1`, `/dev/drbd0`.
    pub(crate) source: String,
    /// Where.
    pub(crate) target: String,
    /// Its options: `rw,relatime`.
    pub(crate) options: String,
}
