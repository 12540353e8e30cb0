//! Modules of disks, file systems and mounts.

mod disk_check;
mod filesystem;
mod filesystem_check;
mod mount;

pub(crate) use disk_check::DiskCheck;
pub(crate) use filesystem::Filesystem;
pub(crate) use filesystem_check::FilesystemCheck;
pub(crate) use mount::Mount;
