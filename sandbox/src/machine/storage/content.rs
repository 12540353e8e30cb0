//! What block devices hold.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::filesystem::Filesystem;

/// What a block device holds. Cheap to clone: replication clones it. Only what stands for real disks is ever stored.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) enum BlockContent {
    /// Nothing that any tool would recognise.
    #[default]
    Blank,
    /// A file system.
    #[serde(skip)]
    Filesystem(Arc<Filesystem>),
    /// Something else with a signature: `LVM2_member`, `dos` (a partition table)...
    #[serde(skip)]
    Signature(String),
    /// What is on a real disk, behind the stand-in.
    Real(Real),
}

/// The content of a real disk, of which only is known what was written where: as a version vector.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Real {
    /// What blkid finds on it; empty if nothing.
    pub(crate) kind: String,
    /// How much was written on each machine since it is known, in KiB.
    pub(crate) written: BTreeMap<String, u64>,
}

impl Real {
    /// What was written in one of two contents and not in the other, in KiB.
    pub(crate) fn difference_kib(&self, other: &Self) -> u64 {
        let writers: std::collections::BTreeSet<&String> = self.written.keys().chain(other.written.keys()).collect();
        let by = |content: &Self, writer: &String| content.written.get(writer).copied().unwrap_or(0);
        writers.into_iter().map(|writer| by(self, writer).abs_diff(by(other, writer))).sum()
    }
}

impl BlockContent {
    /// The type that blkid knows it by; empty if it finds nothing.
    pub(crate) fn kind(&self) -> &str {
        match self {
            Self::Blank => "",
            Self::Filesystem(filesystem) => &filesystem.kind,
            Self::Signature(kind) => kind,
            Self::Real(real) => &real.kind,
        }
    }

    /// Gives up what is on a real disk: nothing is known of it until it is overwritten as a whole. `uuid` is drawn for it.
    pub(crate) fn discard(&mut self, uuid: u64) {
        if let Self::Real(real) = self {
            real.written.insert(format!("discarded/{uuid:x}"), 1);
        }
    }

    /// Whether two contents are one and the same: a look at the pointer, not at what is in the file system.
    pub(crate) fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Blank, Self::Blank) => true,
            (Self::Filesystem(a), Self::Filesystem(b)) => Arc::ptr_eq(a, b),
            (Self::Signature(a), Self::Signature(b)) => a == b,
            (Self::Real(a), Self::Real(b)) => a.written == b.written,
            _ => false,
        }
    }
}
