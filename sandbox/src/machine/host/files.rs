//! What programs do to files on a machine, by path: read, write, list, link, move, remove. No shell semantics here.

use super::Machine;
use super::path::{Follow, Spot};
use crate::machine::storage::{Content, Errno, Filesystem, Inode, InodeKind, Meta, Stat, allocated};

impl Machine {
    /// The content of a file.
    pub(crate) fn content_of(&self, path: &str) -> Result<&Content, Errno> {
        match &self.inode_at(path, Follow::Yes)?.kind {
            InodeKind::File(content) => Ok(content),
            InodeKind::Directory(_) => Err(Errno::IsDirectory),
            InodeKind::Symlink(_) | InodeKind::Special(_) => Err(Errno::Invalid),
        }
    }

    /// What a reader sees of a file.
    pub(crate) fn read_file(&self, path: &str) -> Result<Vec<u8>, Errno> {
        self.content_of(path).map(|content| content.bytes.clone())
    }

    /// Creates or replaces a file and sets owner, mode and time; an existing inode (and its other names) is kept.
    pub(crate) fn write_file(&mut self, path: &str, bytes: impl Into<Vec<u8>>, meta: Meta) -> Result<(), Errno> {
        self.write_content(path, Content::new(bytes), meta)
    }

    /// As [`Machine::write_file`], for content that is large or has holes.
    pub(crate) fn write_content(&mut self, path: &str, content: Content, meta: Meta) -> Result<(), Errno> {
        let spot = match self.resolve(path, Follow::Yes) {
            Ok(spot) => spot,
            Err(Errno::NoEntry) => {
                let (dir, name) = self.parent_of_new(path)?;
                let filesystem = self.filesystem_mut(dir.mount)?;
                return filesystem.create(dir.ino, &name, InodeKind::File(content), meta).map(drop);
            }
            Err(errno) => return Err(errno),
        };
        let filesystem = self.filesystem_mut(spot.mount)?;
        filesystem.fill(spot.ino, content, meta.mtime_ns)?;
        let inode = filesystem.inode_mut(spot.ino)?;
        (inode.uid, inode.gid, inode.mode) = (meta.uid, meta.gid, meta.mode);
        Ok(())
    }

    /// Appends to a file that exists.
    pub(crate) fn append_file(&mut self, path: &str, bytes: &[u8], now: i128) -> Result<(), Errno> {
        let old = self.content_of(path)?;
        let mut content = old.clone();
        content.bytes.extend_from_slice(bytes);
        content.size += bytes.len() as u64;
        let spot = self.resolve(path, Follow::Yes)?;
        content.allocated = content.allocated.max(Content::new(content.bytes.clone()).allocated);
        self.filesystem_mut(spot.mount)?.fill(spot.ino, content, now)
    }

    /// Makes a directory of root.
    pub(crate) fn mkdir(&mut self, path: &str, mode: u32, now: i128) -> Result<(), Errno> {
        let meta = Meta { uid: 0, gid: 0, mode, mtime_ns: now };
        self.make(path, InodeKind::Directory(Default::default()), meta)
    }

    /// Makes a directory of root and those above it that are missing. One that exists is left as it is.
    pub(crate) fn mkdir_p(&mut self, path: &str, mode: u32, now: i128) -> Result<(), Errno> {
        match self.stat(path) {
            Ok(stat) if stat.is_dir() => return Ok(()),
            Ok(_) => return Err(Errno::Exists),
            Err(Errno::NoEntry) => {}
            Err(errno) => return Err(errno),
        }
        if let Some((parent, _)) = path.trim_end_matches('/').rsplit_once('/')
            && !parent.is_empty()
        {
            self.mkdir_p(parent, 0o755, now)?;
        }
        self.mkdir(path, mode, now)
    }

    /// Makes a symbolic link.
    pub(crate) fn symlink(&mut self, target: &str, path: &str, now: i128) -> Result<(), Errno> {
        let meta = Meta { uid: 0, gid: 0, mode: 0o777, mtime_ns: now };
        self.make(path, InodeKind::Symlink(target.to_owned()), meta)
    }

    /// Makes an inode of any kind under a new name.
    pub(crate) fn make(&mut self, path: &str, kind: InodeKind, meta: Meta) -> Result<(), Errno> {
        if self.resolve(path, Follow::No).is_ok() {
            return Err(Errno::Exists);
        }
        let (dir, name) = self.resolve_parent(path)?;
        self.filesystem_mut(dir.mount)?.create(dir.ino, &name, kind, meta).map(drop)
    }

    /// Adds a name to a file.
    pub(crate) fn link(&mut self, existing: &str, path: &str, now: i128) -> Result<(), Errno> {
        let spot = self.resolve(existing, Follow::No)?;
        let (dir, name) = self.resolve_parent(path)?;
        if spot.mount != dir.mount {
            return Err(Errno::CrossDevice);
        }
        let filesystem = self.filesystem_mut(dir.mount)?;
        let inode = filesystem.inode(spot.ino)?;
        if inode.immutable || matches!(inode.kind, InodeKind::Directory(_)) {
            return Err(Errno::NotPermitted);
        }
        filesystem.enter(dir.ino, &name, spot.ino, now)
    }

    /// Moves within a file system; an existing file or empty directory at the new name is replaced.
    pub(crate) fn rename(&mut self, from: &str, to: &str, now: i128) -> Result<(), Errno> {
        if self.is_mount_point(from) || self.is_mount_point(to) {
            return Err(Errno::Busy);
        }
        let (source, name) = self.resolve_parent(from)?;
        let (target, new) = self.resolve_parent(to)?;
        if source.mount != target.mount {
            return Err(Errno::CrossDevice);
        }
        if self.real_path(to.rsplit_once('/').map_or("/", |(dir, _)| dir))?.starts_with(&format!("{from}/")) {
            return Err(Errno::Invalid);
        }
        self.filesystem_mut(source.mount)?.rename((source.ino, &name), (target.ino, &new), now)
    }

    /// Removes a name that is not a directory's.
    pub(crate) fn remove_file(&mut self, path: &str, now: i128) -> Result<(), Errno> {
        if self.lstat(path)?.is_dir() {
            return Err(Errno::IsDirectory);
        }
        let (dir, name) = self.resolve_parent(path)?;
        self.filesystem_mut(dir.mount)?.leave(dir.ino, &name, now)
    }

    /// Removes an empty directory.
    pub(crate) fn remove_dir(&mut self, path: &str, now: i128) -> Result<(), Errno> {
        if !self.lstat(path)?.is_dir() {
            return Err(Errno::NotDirectory);
        }
        if self.is_mount_point(path) {
            return Err(Errno::Busy);
        }
        let (dir, name) = self.resolve_parent(path)?;
        self.filesystem_mut(dir.mount)?.leave(dir.ino, &name, now)
    }

    /// Removes a file or a directory with all that is in it. Goes into other mounts, as `rm -r` does, and then fails on
    /// the mount point. Stops at the first refusal.
    pub(crate) fn remove_tree(&mut self, path: &str, now: i128) -> Result<(), Errno> {
        if !self.lstat(path)?.is_dir() {
            return self.remove_file(path, now);
        }
        for name in self.list_dir(path)? {
            self.remove_tree(&format!("{}/{name}", path.trim_end_matches('/')), now)?;
        }
        self.remove_dir(path, now)
    }

    /// The names in a directory, sorted.
    pub(crate) fn list_dir(&self, path: &str) -> Result<Vec<String>, Errno> {
        let spot = self.resolve(path, Follow::Yes)?;
        Ok(self.filesystem(spot.mount)?.entries(spot.ino)?.keys().cloned().collect())
    }

    /// Whether a path leads to something; links are followed.
    pub(crate) fn exists(&self, path: &str) -> bool {
        self.resolve(path, Follow::Yes).is_ok()
    }

    /// What stat(2) tells; links are followed.
    pub(crate) fn stat(&self, path: &str) -> Result<Stat, Errno> {
        self.stat_at(self.resolve(path, Follow::Yes)?)
    }

    /// What lstat(2) tells: a link is itself.
    pub(crate) fn lstat(&self, path: &str) -> Result<Stat, Errno> {
        self.stat_at(self.resolve(path, Follow::No)?)
    }

    /// The bytes that a tree takes on disk, each inode once, other mounts left out (`du -sx`).
    pub(crate) fn tree_allocated(&self, path: &str) -> Result<u64, Errno> {
        let (filesystem, inodes) = self.tree_inodes(path)?;
        inodes.into_iter().try_fold(0, |sum, ino| Ok(sum + allocated(filesystem.inode(ino)?)))
    }

    /// How many inodes a tree has, each once.
    pub(crate) fn tree_entries(&self, path: &str) -> Result<u64, Errno> {
        Ok(self.tree_inodes(path)?.1.len() as u64)
    }

    /// The inodes of a tree, each once, and their file system.
    fn tree_inodes(&self, path: &str) -> Result<(&Filesystem, std::collections::BTreeSet<u64>), Errno> {
        let spot = self.resolve(path, Follow::Yes)?;
        let filesystem = self.filesystem(spot.mount)?;
        let (mut seen, mut open) = (std::collections::BTreeSet::new(), vec![spot.ino]);
        while let Some(ino) = open.pop() {
            if let InodeKind::Directory(entries) = &filesystem.inode(ino)?.kind
                && !seen.contains(&ino)
            {
                open.extend(entries.values());
            }
            seen.insert(ino);
        }
        Ok((filesystem, seen))
    }

    /// Sets the owner and group.
    pub(crate) fn chown(&mut self, path: &str, uid: u32, gid: u32) -> Result<(), Errno> {
        self.change(path, Follow::Yes, |inode| (inode.uid, inode.gid) = (uid, gid))
    }

    /// Sets the permission bits.
    pub(crate) fn chmod(&mut self, path: &str, mode: u32) -> Result<(), Errno> {
        self.change(path, Follow::Yes, |inode| inode.mode = mode & 0o7777)
    }

    /// Sets the modification time.
    pub(crate) fn set_mtime(&mut self, path: &str, mtime_ns: i128) -> Result<(), Errno> {
        self.change(path, Follow::Yes, |inode| inode.mtime_ns = mtime_ns)
    }

    /// Sets an extended attribute.
    pub(crate) fn set_xattr(&mut self, path: &str, name: &str, value: &str) -> Result<(), Errno> {
        self.change(path, Follow::Yes, |inode| drop(inode.xattrs.insert(name.to_owned(), value.to_owned())))
    }

    /// Removes an extended attribute, if it is there.
    pub(crate) fn remove_xattr(&mut self, path: &str, name: &str) -> Result<(), Errno> {
        self.change(path, Follow::Yes, |inode| drop(inode.xattrs.remove(name)))
    }

    /// Sets or clears `chattr +i`.
    pub(crate) fn set_immutable(&mut self, path: &str, immutable: bool) -> Result<(), Errno> {
        let spot = self.resolve(path, Follow::Yes)?;
        let filesystem = self.filesystem_mut(spot.mount)?;
        filesystem.inodes.get_mut(&spot.ino).ok_or(Errno::Io)?.immutable = immutable;
        Ok(())
    }

    /// Changes what an inode carries; immutable ones are refused.
    pub(crate) fn change(&mut self, path: &str, follow: Follow, work: impl FnOnce(&mut Inode)) -> Result<(), Errno> {
        let spot = self.resolve(path, follow)?;
        work(self.filesystem_mut(spot.mount)?.inode_mut(spot.ino)?);
        Ok(())
    }

    /// The inode at a path.
    pub(crate) fn inode_at(&self, path: &str, follow: Follow) -> Result<&Inode, Errno> {
        let spot = self.resolve(path, follow)?;
        self.filesystem(spot.mount)?.inode(spot.ino)
    }

    fn stat_at(&self, spot: Spot) -> Result<Stat, Errno> {
        let filesystem = self.filesystem(spot.mount)?;
        let inode = filesystem.inode(spot.ino)?;
        let (kind, size, link) = match &inode.kind {
            InodeKind::File(content) => ('f', content.size, None),
            InodeKind::Directory(_) => ('d', crate::machine::storage::BLOCK, None),
            InodeKind::Symlink(target) => ('l', target.len() as u64, Some(target.clone())),
            InodeKind::Special(letter) => (*letter, 0, None),
        };
        Ok(Stat {
            device: self.mounts[spot.mount].source.clone(),
            ino: spot.ino,
            kind,
            uid: inode.uid,
            gid: inode.gid,
            mode: inode.mode,
            nlink: filesystem.links(spot.ino),
            size,
            allocated: allocated(inode),
            mtime_ns: match filesystem.whole_seconds {
                true => inode.mtime_ns.div_euclid(1_000_000_000) * 1_000_000_000,
                false => inode.mtime_ns,
            },
            xattrs: inode.xattrs.clone(),
            immutable: inode.immutable,
            link,
        })
    }

    /// Where a new file goes: through a dangling symbolic link at the end of the path, as open(2) with O_CREAT.
    fn parent_of_new(&self, path: &str) -> Result<(Spot, String), Errno> {
        let mut path = path.to_owned();
        for _ in 0..40 {
            match self.lstat(&path) {
                Ok(stat) => {
                    let link = stat.link.ok_or(Errno::Exists)?;
                    let base = path.rsplit_once('/').map_or("", |(dir, _)| dir).to_owned();
                    path = if link.starts_with('/') { link } else { format!("{base}/{link}") };
                }
                Err(Errno::NoEntry) => return self.resolve_parent(&path),
                Err(errno) => return Err(errno),
            }
        }
        Err(Errno::Loop)
    }
}
