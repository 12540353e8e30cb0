//! Modules of disks, file systems and mounts.

mod disk_check;
mod filesystem;
mod mount;

pub(crate) use disk_check::DiskCheck;
pub(crate) use filesystem::Filesystem;
pub(crate) use mount::Mount;
