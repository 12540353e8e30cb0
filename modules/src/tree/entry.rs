//! One entry of a tree, with everything about it that a copy must keep.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// One entry of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its type as find prints it: `f`, `d`, `l`, `p`, `s`, `b`, `c`.
    pub(crate) kind: char,
    /// Its permission bits in octal.
    pub(crate) mode: String,
    /// Its owner's number.
    pub(crate) uid: u32,
    /// Its group's number.
    pub(crate) gid: u32,
    /// Its length in bytes; 0 for what is no regular file.
    pub(crate) size: u64,
    /// Its modification time in seconds since 1970, with all digits the host gave.
    pub(crate) mtime: String,
    /// Its inode number; equal numbers in one tree are hard links.
    pub(crate) inode: u64,
    /// The bytes it takes on disk.
    pub(crate) allocated: u64,
    /// A symbolic link's target.
    pub(crate) target: Vec<u8>,
    /// The first path (in byte order) of the same inode, if that is another one.
    pub(crate) same_as: Option<Vec<u8>>,
    /// SHA-256 of a regular file's content, in hex.
    pub(crate) sha256: String,
    /// Extended attributes and ACLs by name, values in hex.
    pub(crate) attributes: BTreeMap<String, String>,
}

impl Entry {
    /// What two entries of the same path differ in, as `what (this, that)`.
    pub(crate) fn differences(&self, other: &Self, attributes: bool) -> Vec<String> {
        let mut found = Vec::new();
        let mut check = |what: &str, a: String, b: String| {
            if a != b {
                found.push(format!("{what} ({a}, {b})"));
            }
        };
        check("type", kind_name(self.kind).to_owned(), kind_name(other.kind).to_owned());
        check("owner", format!("{}:{}", self.uid, self.gid), format!("{}:{}", other.uid, other.gid));
        check("mode", self.mode.clone(), other.mode.clone());
        check("size", self.size.to_string(), other.size.to_string());
        check("time", self.mtime.clone(), other.mtime.clone());
        check("link target", shown(&self.target), shown(&other.target));
        let linked = |entry: &Self| entry.same_as.as_ref().map_or_else(|| "none".to_owned(), |path| shown(path));
        check("hard link", linked(self), linked(other));
        check("sha256", short(&self.sha256), short(&other.sha256));
        if attributes {
            let names: std::collections::BTreeSet<_> = self.attributes.keys().chain(other.attributes.keys()).collect();
            for name in names {
                let value = |entry: &Self| entry.attributes.get(name).cloned().unwrap_or_else(|| "none".to_owned());
                check(name, value(self), value(other));
            }
        }
        found
    }

    /// The entry as the line that a tree's digest is made from.
    pub(crate) fn line(&self, path: &[u8]) -> Vec<u8> {
        let Self { kind, mode, uid, gid, size, mtime, sha256, .. } = self;
        let mut text = format!("{kind}\t{mode}\t{uid}\t{gid}\t{size}\t{mtime}\t{sha256}\t");
        for (name, value) in &self.attributes {
            // Writing to a string cannot fail.
            let _ = write!(text, "{name}={value},");
        }
        let mut line = text.into_bytes();
        for part in [self.same_as.as_deref().unwrap_or_default(), &self.target, path] {
            line.push(0);
            line.extend_from_slice(part);
        }
        line.push(b'\n');
        line
    }
}

/// A file name for people: what is no printable text is escaped.
pub(crate) fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(name)
        .chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] })
        .collect()
}

fn short(hash: &str) -> String {
    hash.get(..12).map_or_else(|| "none".to_owned(), |head| format!("{head}..."))
}

fn kind_name(kind: char) -> &'static str {
    match kind {
        'f' => "file",
        'd' => "directory",
        'l' => "symbolic link",
        'p' => "FIFO",
        's' => "socket",
        'b' => "block device",
        'c' => "character device",
        _ => "unknown",
    }
}
