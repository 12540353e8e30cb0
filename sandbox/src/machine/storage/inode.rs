//! Inodes: what a file system keeps about a file, and what stat(2) tells of it.

use std::collections::BTreeMap;

use cutover_engine::digest::hex;
use sha2::{Digest, Sha256};

/// Bytes in a block of the file system.
pub(crate) const BLOCK: u64 = 4096;

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
    /// Its extended attributes by name, ACLs included (`system.posix_acl_access` with getfacl's short text as value).
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
    /// A FIFO, socket, block or character device: `p`, `s`, `b`, `c`. Which device it is does not matter here.
    Special(char),
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

impl Content {
    /// The hash of a file, in hexadecimal. Of a large one, whose bytes are not kept, the hash of what stands for them and of the
    /// length.
    pub(crate) fn sha256(&self) -> String {
        let mut hasher = Sha256::new();
        hasher.update(&self.bytes);
        if self.size != self.bytes.len() as u64 {
            hasher.update(self.size.to_be_bytes());
        }
        hex(&hasher.finalize())
    }

    /// A small file, kept as it is, without holes.
    pub(crate) fn new(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        let size = bytes.len() as u64;
        Self { bytes, size, allocated: size.next_multiple_of(BLOCK) }
    }

    /// A large file: `bytes` stands for its `size` bytes, all of them allocated.
    pub(crate) fn large(bytes: impl Into<Vec<u8>>, size: u64) -> Self {
        Self { bytes: bytes.into(), size, allocated: size.next_multiple_of(BLOCK) }
    }
}

/// Owner, permission bits and time of a new or replaced file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Meta {
    /// The owner.
    pub(crate) uid: u32,
    /// The group.
    pub(crate) gid: u32,
    /// The permission bits.
    pub(crate) mode: u32,
    /// The modification time, nanoseconds since 1970.
    pub(crate) mtime_ns: i128,
}

impl Meta {
    /// A file of root, 0644.
    pub(crate) fn root(mtime_ns: i128) -> Self {
        Self { uid: 0, gid: 0, mode: 0o644, mtime_ns }
    }
}

/// What stat(2) tells.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stat {
    /// The device of the file system: `/dev/sdb1`.
    pub(crate) device: String,
    /// The inode number.
    pub(crate) ino: u64,
    /// The type, as find's `%y` prints it: `f`, `d`, `l`, `p`, `s`, `b`, `c`.
    pub(crate) kind: char,
    /// The owner.
    pub(crate) uid: u32,
    /// The group.
    pub(crate) gid: u32,
    /// The permission bits.
    pub(crate) mode: u32,
    /// The number of hard links.
    pub(crate) nlink: u64,
    /// The length in bytes.
    pub(crate) size: u64,
    /// The bytes taken on disk.
    pub(crate) allocated: u64,
    /// The modification time, nanoseconds since 1970.
    pub(crate) mtime_ns: i128,
    /// The extended attributes.
    pub(crate) xattrs: BTreeMap<String, String>,
    /// Whether it is immutable.
    pub(crate) immutable: bool,
    /// A symbolic link's target.
    pub(crate) link: Option<String>,
}

impl Stat {
    /// Whether it is a directory.
    pub(crate) fn is_dir(&self) -> bool {
        self.kind == 'd'
    }
}
