//! What machines store: file systems and their inodes, disks and what is on them. Not the machine that has them.

mod content;
mod disk;
mod errno;
mod filesystem;
mod inode;
mod metadata;

pub(crate) use content::{BlockContent, Real};
pub(crate) use disk::{Disk, Mount};
pub(crate) use errno::Errno;
pub(crate) use filesystem::{Filesystem, ROOT, allocated};
pub(crate) use inode::{BLOCK, Content, Inode, InodeKind, Meta, Stat};
pub(crate) use metadata::{JUST_CREATED, Layout, Metadata, difference_kib};
