//! One file system, read from its root to its leaves: a line for each path, and the data of services in it.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use cutover_engine::digest::hex;
use sha2::{Digest, Sha256};

use super::DataCopy;
use crate::cluster::Stored;
use crate::machine::{Filesystem, InodeKind, ROOT};
use crate::services;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// What each path is: kind, mode, owner, attributes, content.
    pub(super) lines: BTreeMap<String, String>,
    /// The data directories of services, and what is in them.
    pub(super) copies: Vec<(String, DataCopy)>,
}

/// Reads a file system. Times after the world's beginning are those of the run itself and do not count; neither do those of
/// directories, which change with their entries.
pub(super) fn of(filesystem: &Filesystem, starts: i128) -> Scan {
    let mut scan = Scan::default();
    let mut stored: Vec<(String, Stored)> = Vec::new();
    let mut first_names: HashMap<u64, String> = HashMap::new();
    let mut open = vec![(String::new(), ROOT)];
    while let Some((path, ino)) = open.pop() {
        let Ok(inode) = filesystem.inode(ino) else { continue };
        let mut line = format!("{:o} {}:{}", inode.mode, inode.uid, inode.gid);
        let mut add = |text: std::fmt::Arguments<'_>| {
            // Writing to a `String` cannot fail.
            let _ = line.write_fmt(text);
        };
        if inode.immutable {
            add(format_args!(" immutable"));
        }
        inode.xattrs.iter().for_each(|(name, value)| add(format_args!(" {name}={value}")));
        if let Some(first) = first_names.get(&ino) {
            add(format_args!(" is {first}"));
        }
        let mut timed = inode.mtime_ns < starts;
        match &inode.kind {
            InodeKind::Directory(entries) => {
                timed = false;
                add(format_args!(" directory"));
                // What a file system check has found does not belong to anybody's tree.
                let inside = entries.iter().filter(|(name, _)| !(ino == ROOT && *name == "lost+found"));
                open.extend(inside.map(|(name, child)| (format!("{path}/{name}"), *child)));
            }
            InodeKind::File(content) => {
                let found = services::ALL.iter().find_map(|service| service.stored(&path, &content.bytes));
                match found {
                    Some(found) => {
                        timed = false;
                        add(format_args!(" {}", found.content));
                        stored.push((path.clone(), found));
                    }
                    None => add(format_args!(" {} bytes {}", content.size, &content.sha256()[..16])),
                }
            }
            InodeKind::Symlink(to) => add(format_args!(" -> {to}")),
            InodeKind::Special(kind) => add(format_args!(" {kind}")),
        }
        if timed {
            add(format_args!(" of {}", inode.mtime_ns));
        }
        first_names.entry(ino).or_insert_with(|| path.clone());
        scan.lines.insert(if path.is_empty() { "/".to_owned() } else { path }, line);
    }
    scan.copies = copies(&scan.lines, &stored);
    scan
}

/// The data directories: whose data is in them, and a digest of everything that lies there.
fn copies(lines: &BTreeMap<String, String>, stored: &[(String, Stored)]) -> Vec<(String, DataCopy)> {
    let mut found = Vec::new();
    for (_, file) in stored {
        let Some((identity, revision)) = &file.data else { continue };
        let (mut digest, inside) = (Sha256::new(), format!("{}/", file.directory));
        // The top directory's own mode and owner belong to it as well.
        let top = lines.get_key_value(file.directory.as_str());
        for (path, line) in top.into_iter().chain(lines.range(inside.clone()..)) {
            let Some(name) = path.strip_prefix(file.directory.as_str()) else { break };
            if !name.is_empty() && !name.starts_with('/') {
                break;
            }
            let own = stored.iter().any(|(written, one)| written == path && one.directory == file.directory);
            let parts: [&str; 2] = if own { [name, ""] } else { [name, line] };
            parts.iter().for_each(|part| digest.update(part.replace(file.directory.as_str(), "")));
            digest.update([0]);
        }
        let tree = hex(&digest.finalize()[..8]);
        let copy = DataCopy { identity: identity.clone(), revision: *revision, tree };
        found.push((file.directory.clone(), copy));
    }
    found
}
