//! Programs of util-linux.

mod blkid;
mod findmnt;
mod lsblk;
mod mount;
mod signature;

use super::Named;

pub(super) const ALL: &[Named] = &[
    &blkid::Blkid,
    &blkid::Wipefs,
    &blkid::Blockdev,
    &lsblk::Lsblk,
    &mount::Mount,
    &mount::Umount,
    &mount::Mountpoint,
    &findmnt::Findmnt,
];
