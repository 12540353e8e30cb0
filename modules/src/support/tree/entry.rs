//! One entry of a tree, with everything about it that a copy must keep.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use cutover_engine::text;
use cutover_engine::text::Text;

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
    /// Its length in bytes; 0 for anything but a regular file.
    pub(crate) size: u64,
    /// Its modification time in seconds since 1970, with all digits that the host prints.
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
    pub(crate) fn differences(&self, other: &Self, attributes: bool) -> Vec<Text> {
        let mut found = Vec::new();
        let mut check = |what: Text, value: &dyn Fn(&Self) -> Text| {
            let (a, b) = (value(self), value(other));
            if a != b {
                found.push(text!("tree.differs-in", "{what} ({a}, {b})", what, a, b));
            }
        };
        let path = |path: Option<&Vec<u8>>| path.map_or_else(none, |path| Text::verbatim(shown(path)));
        check(text!("tree.type", "type"), &|entry| kind_name(entry.kind));
        check(text!("tree.owner", "owner"), &|entry| Text::verbatim(format!("{}:{}", entry.uid, entry.gid)));
        check(text!("tree.mode", "mode"), &|entry| Text::verbatim(&entry.mode));
        check(text!("tree.size", "size"), &|entry| Text::verbatim(entry.size.to_string()));
        check(text!("tree.time", "time"), &|entry| Text::verbatim(&entry.mtime));
        check(text!("tree.link-target", "link target"), &|entry| Text::verbatim(shown(&entry.target)));
        check(text!("tree.hard-link", "hard link"), &|entry| path(entry.same_as.as_ref()));
        check(Text::verbatim("sha256"), &|entry| short(&entry.sha256));
        if attributes {
            let names: std::collections::BTreeSet<_> = self.attributes.keys().chain(other.attributes.keys()).collect();
            for name in names {
                check(Text::verbatim(name), &|entry| entry.attributes.get(name).map_or_else(none, Text::verbatim));
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

/// A file name for people: what is not printable is escaped.
pub(crate) fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(name)
        .chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] })
        .collect()
}

/// In place of what an entry does not have.
fn none() -> Text {
    text!("tree.none", "none")
}

fn short(hash: &str) -> Text {
    hash.get(..12).map_or_else(none, |head| Text::verbatim(format!("{head}...")))
}

fn kind_name(kind: char) -> Text {
    match kind {
        'f' => text!("tree.file", "file"),
        'd' => text!("tree.directory", "directory"),
        'l' => text!("tree.link", "symbolic link"),
        'p' => Text::verbatim("FIFO"),
        's' => text!("tree.socket", "socket"),
        'b' => text!("tree.block-device", "block device"),
        'c' => text!("tree.character-device", "character device"),
        _ => text!("tree.unknown", "unknown"),
    }
}
