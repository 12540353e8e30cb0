//! An ext4-like file tree in memory: inodes with owner, mode, times, links, xattrs, holes. Paths on a machine are
//! resolved elsewhere; this knows one file system.

use std::collections::BTreeMap;

/// A file system.
#[derive(Debug, Clone)]
pub(crate) struct Filesystem {
    /// `ext4`.
    pub(crate) kind: String,
    /// Its UUID.
    pub(crate) uuid: String,
    /// Its capacity in bytes.
    pub(crate) bytes: u64,
    /// Its inodes by number; 2 is the root directory, as in ext4.
    pub(crate) inodes: BTreeMap<u64, Inode>,
    /// The number the next inode gets.
    pub(crate) next: u64,
}

/// An inode.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Inode {
    /// What it is.
    pub(crate) kind: InodeKind,
    /// Its owner.
    pub(crate) uid: u32,
    /// Its group.
    pub(crate) gid: u32,
    /// Its permission bits, setuid, setgid and sticky included.
    pub(crate) mode: u32,
    /// Its modification time, nanoseconds since 1970.
    pub(crate) mtime_ns: i128,
    /// Its extended attributes, ACLs included (as getfattr's text).
    pub(crate) xattrs: BTreeMap<String, String>,
    /// Whether `chattr +i` is set.
    pub(crate) immutable: bool,
}

/// What an inode is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum InodeKind {
    /// A regular file.
    File(Content),
    /// A directory: names to inode numbers, `.` and `..` left out.
    Directory(BTreeMap<String, u64>),
    /// A symbolic link.
    Symlink(String),
    /// A FIFO.
    Fifo,
}

/// A file's content. Large files are not kept byte by byte: `bytes` is what a reader sees of it and what hashes are
/// made from, `size` its length, `allocated` what it takes on disk (less than `size` for a sparse file).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Content {
    /// The content, or the text that stands for it.
    pub(crate) bytes: Vec<u8>,
    /// The length in bytes.
    pub(crate) size: u64,
    /// The bytes taken on disk.
    pub(crate) allocated: u64,
}
