//! Disks, what is on them, and mounts.

use std::sync::Arc;

use super::Filesystem;
use crate::drbd::Metadata;

/// A block device that exists by itself (not a DRBD device, which lives in [`super::Machine::drbd`]).
#[derive(Debug, Clone)]
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

/// What a block device holds. Cheap to clone: replication clones it.
#[derive(Debug, Clone, Default)]
pub(crate) enum BlockContent {
    /// Nothing that any tool would recognise.
    #[default]
    Blank,
    /// A file system.
    Filesystem(Arc<Filesystem>),
    /// Something else with a signature: `LVM2_member`, `dos` (a partition table)...
    Signature(String),
}

impl BlockContent {
    /// Whether two contents are one and the same: a look at the pointer, not at what is in the file system.
    pub(crate) fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Blank, Self::Blank) => true,
            (Self::Filesystem(a), Self::Filesystem(b)) => Arc::ptr_eq(a, b),
            (Self::Signature(a), Self::Signature(b)) => a == b,
            _ => false,
        }
    }
}

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mount {
    /// The device: `/dev/sdb1`, `/dev/drbd0`.
    pub(crate) source: String,
    /// Where.
    pub(crate) target: String,
    /// Its options: `rw,relatime`.
    pub(crate) options: String,
}
