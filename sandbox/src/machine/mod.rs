//! The machines of a world: disks, files, the DRBD of their kernels, and the programs that they have, by the package that brings
//! them. It knows no cluster.

pub(crate) mod drbd;
mod host;
mod hosts;
pub(crate) mod program;
pub(crate) mod programs;
mod resource;
mod storage;

pub(crate) use host::{Follow, LogLine, Machine, Machines, OpenError, walk};
pub(crate) use hosts::Hosts;
pub(crate) use resource::{DiskState, MachineId};
pub(crate) use storage::{
    BLOCK, BlockContent, Content, Disk, Errno, Filesystem, InodeKind, Meta, Mount, ROOT, Real, Stat, allocated,
};
