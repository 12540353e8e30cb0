//! An ext4-like file tree in memory: inodes with owner, mode, times, links, xattrs, holes. Paths on a machine are
//! resolved elsewhere; this knows one file system, by inode numbers.

use std::collections::BTreeMap;

use super::errno::Errno;
use super::inode::{BLOCK, Content, Inode, InodeKind, Meta};

/// The inode number of the root directory, as in ext4.
pub(crate) const ROOT: u64 = 2;

/// A file system.
#[derive(Debug, Clone)]
pub(crate) struct Filesystem {
    /// `ext4`.
    pub(crate) kind: String,
    /// Its UUID.
    pub(crate) uuid: String,
    /// Its label; empty if it has none.
    pub(crate) label: String,
    /// Its capacity in bytes.
    pub(crate) bytes: u64,
    /// Whether times have whole seconds only, as with small inodes (`mkfs.ext4 -I 128`).
    pub(crate) whole_seconds: bool,
    /// Its features that not every kernel and program knows.
    pub(crate) features: Vec<String>,
    /// Its inodes by number; [`ROOT`] is the root directory.
    pub(crate) inodes: BTreeMap<u64, Inode>,
    /// The number the next inode gets.
    pub(crate) next: u64,
}

impl Filesystem {
    /// What mkfs makes: a root directory 0:0 0755 with `lost+found` 0700.
    pub(crate) fn new(kind: &str, uuid: &str, bytes: u64, now: i128) -> Self {
        let directory = |mode, entries| Inode {
            kind: InodeKind::Directory(entries),
            uid: 0,
            gid: 0,
            mode,
            mtime_ns: now,
            xattrs: BTreeMap::new(),
            immutable: false,
        };
        let inodes = BTreeMap::from([
            (ROOT, directory(0o755, BTreeMap::from([("lost+found".to_owned(), 11)]))),
            (11, directory(0o700, BTreeMap::new())),
        ]);
        Self {
            kind: kind.to_owned(),
            uuid: uuid.to_owned(),
            label: String::new(),
            bytes,
            whole_seconds: false,
            features: Vec::new(),
            inodes,
            next: 12,
        }
    }

    /// How many inodes there are, used or free: one for each 16 KiB, as mkfs.ext4 makes them.
    pub(crate) fn all_inodes(&self) -> u64 {
        self.bytes / 16_384
    }

    /// How many are free. The first ten are the file system's own.
    pub(crate) fn free_inodes(&self) -> u64 {
        self.all_inodes().saturating_sub(10 + self.inodes.len() as u64)
    }

    /// The bytes taken by files and directories.
    pub(crate) fn used(&self) -> u64 {
        self.inodes.values().map(allocated).sum()
    }

    /// An inode.
    pub(crate) fn inode(&self, ino: u64) -> Result<&Inode, Errno> {
        self.inodes.get(&ino).ok_or(Errno::Io)
    }

    /// An inode, to be changed; immutable ones are refused.
    pub(crate) fn inode_mut(&mut self, ino: u64) -> Result<&mut Inode, Errno> {
        let inode = self.inodes.get_mut(&ino).ok_or(Errno::Io)?;
        if inode.immutable { Err(Errno::NotPermitted) } else { Ok(inode) }
    }

    /// The entries of a directory.
    pub(crate) fn entries(&self, ino: u64) -> Result<&BTreeMap<String, u64>, Errno> {
        match &self.inode(ino)?.kind {
            InodeKind::Directory(entries) => Ok(entries),
            _ => Err(Errno::NotDirectory),
        }
    }

    /// The number of names an inode has; for a directory, as stat(2) counts.
    pub(crate) fn links(&self, ino: u64) -> u64 {
        match self.entries(ino) {
            Ok(entries) => 2 + entries.values().filter(|child| self.entries(**child).is_ok()).count() as u64,
            Err(_) => {
                let names = |inode: &Inode| match &inode.kind {
                    InodeKind::Directory(entries) => entries.values().filter(|child| **child == ino).count(),
                    _ => 0,
                };
                self.inodes.values().map(names).sum::<usize>() as u64
            }
        }
    }

    /// Makes an inode under a name in a directory and returns its number.
    pub(crate) fn create(&mut self, dir: u64, name: &str, kind: InodeKind, meta: Meta) -> Result<u64, Errno> {
        let ino = self.next;
        let Meta { uid, gid, mode, mtime_ns } = meta;
        let inode = Inode { kind, uid, gid, mode, mtime_ns, xattrs: BTreeMap::new(), immutable: false };
        if self.used() + allocated(&inode) > self.bytes {
            return Err(Errno::NoSpace);
        }
        self.enter(dir, name, ino, mtime_ns)?;
        self.inodes.insert(ino, inode);
        self.next += 1;
        Ok(ino)
    }

    /// Adds a name to an inode.
    pub(crate) fn enter(&mut self, dir: u64, name: &str, ino: u64, now: i128) -> Result<(), Errno> {
        if name.is_empty() || name == "." || name == ".." || name.contains('/') {
            return Err(Errno::Invalid);
        }
        if self.entries(dir)?.contains_key(name) {
            return Err(Errno::Exists);
        }
        let parent = self.inode_mut(dir)?;
        parent.mtime_ns = now;
        if let InodeKind::Directory(entries) = &mut parent.kind {
            entries.insert(name.to_owned(), ino);
        }
        Ok(())
    }

    /// Takes a name away, and the inode with its last name. A directory must be empty.
    pub(crate) fn leave(&mut self, dir: u64, name: &str, now: i128) -> Result<(), Errno> {
        let ino = *self.entries(dir)?.get(name).ok_or(Errno::NoEntry)?;
        if self.inode(ino)?.immutable {
            return Err(Errno::NotPermitted);
        }
        let empty = self.entries(ino).map(BTreeMap::is_empty);
        if empty == Ok(false) {
            return Err(Errno::NotEmpty);
        }
        self.unlist(dir, name, now)?;
        if empty.is_ok() || self.links(ino) == 0 {
            self.inodes.remove(&ino);
        }
        Ok(())
    }

    /// Moves a name; what had the new name is replaced, as rename(2) does.
    pub(crate) fn rename(&mut self, from: (u64, &str), to: (u64, &str), now: i128) -> Result<(), Errno> {
        let ino = *self.entries(from.0)?.get(from.1).ok_or(Errno::NoEntry)?;
        if self.inode(ino)?.immutable || self.inode(from.0)?.immutable || self.inode(to.0)?.immutable {
            return Err(Errno::NotPermitted);
        }
        if let Some(there) = self.entries(to.0)?.get(to.1).copied() {
            match (self.entries(ino).is_ok(), self.entries(there).is_ok()) {
                _ if there == ino => return Ok(()),
                (false, true) => return Err(Errno::IsDirectory),
                (true, false) => return Err(Errno::NotDirectory),
                _ => self.leave(to.0, to.1, now)?,
            }
        }
        self.unlist(from.0, from.1, now)?;
        self.enter(to.0, to.1, ino, now)
    }

    /// Replaces a file's content.
    pub(crate) fn fill(&mut self, ino: u64, content: Content, now: i128) -> Result<(), Errno> {
        let used = self.used();
        let room = self.bytes;
        let inode = self.inode_mut(ino)?;
        let freed = allocated(inode);
        match &mut inode.kind {
            InodeKind::File(old) => {
                if used - freed + content.allocated > room {
                    return Err(Errno::NoSpace);
                }
                *old = content;
                inode.mtime_ns = now;
                Ok(())
            }
            InodeKind::Directory(_) => Err(Errno::IsDirectory),
            InodeKind::Symlink(_) | InodeKind::Special(_) => Err(Errno::Invalid),
        }
    }

    fn unlist(&mut self, dir: u64, name: &str, now: i128) -> Result<(), Errno> {
        let parent = self.inode_mut(dir)?;
        parent.mtime_ns = now;
        if let InodeKind::Directory(entries) = &mut parent.kind {
            entries.remove(name);
        }
        Ok(())
    }
}

/// The bytes an inode takes on disk.
pub(crate) fn allocated(inode: &Inode) -> u64 {
    match &inode.kind {
        InodeKind::File(content) => content.allocated,
        InodeKind::Directory(_) => BLOCK,
        InodeKind::Symlink(_) | InodeKind::Special(_) => 0,
    }
}
