//! Paths on a machine: which file system and inode a path means, over mounts and symbolic links, as the kernel walks.

use std::sync::Arc;

use super::Machine;
use crate::machine::storage::{BlockContent, Errno, Filesystem, InodeKind, Mount, ROOT};

/// Symbolic links followed in one walk at most, as in Linux.
const MAX_LINKS: usize = 40;

/// Where a path leads: a mount (index into [`Machine::mounts`]) and an inode of its file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spot {
    /// The mount.
    pub(crate) mount: usize,
    /// The inode.
    pub(crate) ino: u64,
}

/// Whether a symbolic link at the end of a path is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Follow {
    /// It is.
    Yes,
    /// The link itself is meant.
    No,
}

/// The way that was walked from the root: its path, and for each directory on it where the path before it ends, and its place.
#[derive(Default)]
struct Way {
    path: String,
    walked: Vec<(usize, Spot)>,
}

impl Way {
    fn enter(&mut self, name: &str, spot: Spot) {
        self.walked.push((self.path.len(), spot));
        self.path.push('/');
        self.path.push_str(name);
    }

    fn leave(&mut self) {
        if let Some((end, _)) = self.walked.pop() {
            self.path.truncate(end);
        }
    }
}

impl Machine {
    /// Finds what an absolute path means. A relative path is taken from `/`.
    pub(crate) fn resolve(&self, path: &str, follow: Follow) -> Result<Spot, Errno> {
        self.walk(path, follow).map(|(spot, _)| spot)
    }

    /// The absolute path without symbolic links, `.` and `..`, as `readlink -e` prints it.
    pub(crate) fn real_path(&self, path: &str) -> Result<String, Errno> {
        self.walk(path, Follow::Yes).map(|(_, path)| path)
    }

    /// The mount that a path lies on.
    pub(crate) fn path_mount(&self, path: &str) -> Result<&Mount, Errno> {
        Ok(&self.mounts[self.resolve(path, Follow::Yes)?.mount])
    }

    /// The device of the file system that a path lies on: `/dev/sdb1`.
    pub(crate) fn path_device(&self, path: &str) -> Result<&str, Errno> {
        self.path_mount(path).map(|mount| mount.source.as_str())
    }

    /// Whether something is mounted exactly at a path and visible there.
    pub(crate) fn is_mount_point(&self, path: &str) -> bool {
        self.walk(path, Follow::Yes)
            .is_ok_and(|(spot, real)| spot.ino == ROOT && self.mounts[spot.mount].target == real)
    }

    /// The file system of a mount.
    pub(crate) fn filesystem(&self, mount: usize) -> Result<&Filesystem, Errno> {
        let mount = self.mounts.get(mount).ok_or(Errno::NoEntry)?;
        match self.content(&mount.source) {
            Ok(BlockContent::Filesystem(filesystem)) => Ok(filesystem),
            _ => Err(Errno::Io),
        }
    }

    /// The file system of a mount, to be changed.
    pub(crate) fn filesystem_mut(&mut self, mount: usize) -> Result<&mut Filesystem, Errno> {
        let mount = self.mounts.get(mount).ok_or(Errno::NoEntry)?;
        if mount.options.split(',').any(|option| option == "ro") {
            return Err(Errno::ReadOnly);
        }
        let source = mount.source.clone();
        match self.content_mut(&source) {
            Ok(BlockContent::Filesystem(filesystem)) => Ok(Arc::make_mut(filesystem)),
            _ => Err(Errno::Io),
        }
    }

    /// Finds the directory that holds a path's last component, and that component.
    pub(crate) fn resolve_parent(&self, path: &str) -> Result<(Spot, String), Errno> {
        let trimmed = path.trim_end_matches('/');
        let (parent, name) = trimmed.rsplit_once('/').unwrap_or(("", trimmed));
        match name {
            "" => Err(Errno::Exists),
            "." | ".." => Err(Errno::Invalid),
            _ => Ok((self.resolve(&format!("{parent}/"), Follow::Yes)?, name.to_owned())),
        }
    }

    fn walk(&self, path: &str, follow: Follow) -> Result<(Spot, String), Errno> {
        let root = Spot { mount: self.mounted_at("/", 0).ok_or(Errno::NoEntry)?, ino: ROOT };
        let mut way = Way::default();
        let mut rest: Vec<String> = components(path);
        let mut links = 0;
        let at = |way: &Way| way.walked.last().map_or(root, |(_, spot)| *spot);
        while let Some(name) = rest.pop() {
            let here = at(&way);
            let filesystem = self.filesystem(here.mount)?;
            let entries = filesystem.entries(here.ino)?;
            match name.as_str() {
                "." => continue,
                ".." => {
                    way.leave();
                    continue;
                }
                _ => {}
            }
            let ino = *entries.get(&name).ok_or(Errno::NoEntry)?;
            // What still follows; a final `.` (from a trailing slash) makes the link before it followed.
            let last = rest.is_empty();
            if let InodeKind::Symlink(target) = &filesystem.inode(ino)?.kind
                && !(last && follow == Follow::No)
            {
                links += 1;
                if links > MAX_LINKS {
                    return Err(Errno::Loop);
                }
                if target.starts_with('/') {
                    way = Way::default();
                }
                rest.extend(components(target));
                continue;
            }
            way.enter(&name, Spot { mount: here.mount, ino });
            if let Some(mount) = self.mounted_at(&way.path, here.mount + 1)
                && let Some((_, spot)) = way.walked.last_mut()
            {
                *spot = Spot { mount, ino: ROOT };
            }
        }
        let spot = at(&way);
        Ok((spot, if way.path.is_empty() { "/".to_owned() } else { way.path }))
    }

    /// The newest mount at a path among those from an index on. Older ones lie beneath what is walked through.
    fn mounted_at(&self, path: &str, from: usize) -> Option<usize> {
        (from..self.mounts.len()).rev().find(|index| self.mounts[*index].target == path)
    }
}

/// The components of a path, last first. A trailing slash stands for a final `.`.
fn components(path: &str) -> Vec<String> {
    let mut parts: Vec<String> = path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
    if path.ends_with('/') && !parts.is_empty() {
        parts.push(".".to_owned());
    }
    parts.reverse();
    parts
}
