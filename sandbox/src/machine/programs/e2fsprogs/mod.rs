//! Programs of e2fsprogs, and the one of xfsprogs that does the same for XFS.

mod lsattr;
mod mkfs;

use super::Named;

pub(crate) use mkfs::made_features;

pub(super) const ALL: &[Named] = &[&mkfs::Mkfs, &lsattr::Lsattr];
