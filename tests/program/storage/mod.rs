//! Disks, file systems and mounts: in the sandbox, and on a real loop device.

mod disks;
mod modules;
mod peers;
