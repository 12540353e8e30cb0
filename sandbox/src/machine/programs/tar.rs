//! `tar` as the modules call it: a tree as a stream, and a stream as a tree. The stream is our own, not tar's.

use std::collections::BTreeMap;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::options::Options;
use crate::machine::program::{Call, Program, Reply};
use crate::machine::{Content, Errno, Follow, InodeKind, Machine, Meta, walk};

/// A tree on its way.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Packed {
    entries: Vec<Entry>,
}

/// An entry on its way.
#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    path: String,
    uid: u32,
    gid: u32,
    mode: u32,
    mtime_ns: i128,
    xattrs: BTreeMap<String, String>,
    what: What,
}

/// What an entry is.
#[derive(Debug, Serialize, Deserialize)]
enum What {
    File {
        #[serde(with = "base64_text")]
        bytes: Vec<u8>,
        size: u64,
        allocated: u64,
    },
    Directory,
    Symlink(String),
    Special(char),
    Link(String),
}

/// Bytes as base64: a list of numbers takes three times as much.
mod base64_text {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD as BASE64;
    use serde::de::{Deserialize as _, Deserializer, Error as _};
    use serde::ser::Serializer;

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        BASE64.decode(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// `tar -C DIR -c -f - OPTION... .` and `tar -C DIR -x -f - OPTION...`
pub(crate) struct Tar;

impl Program for Tar {
    fn names(&self) -> &'static [&'static str] {
        &["tar"]
    }

    fn run<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            let known = [
                "C|directory=",
                "c|create",
                "x|extract",
                "f|file=",
                "p|preserve-permissions",
                "format=",
                "exclude=",
                "numeric-owner",
                "same-owner",
                "acls",
                "xattrs",
                "xattrs-include=",
                "sparse",
                "one-file-system",
                "anchored",
                "no-wildcards",
            ];
            let options = match Options::parse(call.args, &known) {
                Ok(options) => options,
                Err(words) => return Reply::fail(64, format!("tar: {words}\n")),
            };
            let directory = options.value("C").unwrap_or("/");
            let fatal = |errno: Errno| {
                let text = format!("tar: {directory}: {errno}\ntar: Error is not recoverable: exiting now\n");
                Reply::fail(2, text)
            };
            if options.has("x") {
                let Ok(packed) = serde_json::from_slice(&call.stdin) else {
                    return Reply::fail(2, "tar: This does not look like a tar archive\n");
                };
                return call.on_machine(|machine| {
                    unpack(machine, directory, packed).map_or_else(fatal, |()| Reply::default())
                });
            }
            let excluded: Vec<String> =
                options.values("exclude").iter().map(|name| name.trim_start_matches("./").to_owned()).collect();
            let skip: Vec<&str> = excluded.iter().map(String::as_str).collect();
            let bytes = call.world.with_machine(call.place, |machine| machine.tree_allocated(directory).unwrap_or(0));
            // The stream passes through the controller: the slower of disk and link sets the pace.
            let rate = call.kernel().spec.disk_bytes_per_second.min(call.kernel().spec.link_bytes_per_second);
            call.kernel().transfer(bytes.unwrap_or(0), rate).await;
            call.on_machine(|machine| match pack(machine, directory, &skip, |_| true) {
                Ok(packed) => Reply::ok(serde_json::to_vec(&packed).unwrap_or_default()),
                Err(errno) => fatal(errno),
            })
        })
    }
}

/// Takes a tree up, or those of its entries that are wanted.
pub(crate) fn pack(
    machine: &Machine,
    root: &str,
    skip: &[&str],
    wanted: impl Fn(&str) -> bool,
) -> Result<Packed, Errno> {
    let mut names: BTreeMap<u64, String> = BTreeMap::new();
    let mut entries = Vec::new();
    for (path, stat) in walk(machine, root, skip)?.into_iter().filter(|(path, _)| wanted(path)) {
        let at = format!("{root}/{path}");
        let what = match (&machine.inode_at(&at, Follow::No)?.kind, names.get(&stat.ino)) {
            (InodeKind::Directory(_), _) => What::Directory,
            (_, Some(first)) => What::Link(first.clone()),
            (InodeKind::File(content), None) => {
                let Content { bytes, size, allocated } = content.clone();
                What::File { bytes, size, allocated }
            }
            (InodeKind::Symlink(target), None) => What::Symlink(target.clone()),
            // tar says of a socket that it is ignored, and goes on.
            (InodeKind::Special('s'), None) => continue,
            (InodeKind::Special(letter), None) => What::Special(*letter),
        };
        if stat.nlink > 1 && !stat.is_dir() {
            names.entry(stat.ino).or_insert_with(|| path.clone());
        }
        let (uid, gid, mode, mtime_ns, xattrs) = (stat.uid, stat.gid, stat.mode, stat.mtime_ns, stat.xattrs);
        entries.push(Entry { path, uid, gid, mode, mtime_ns, xattrs, what });
    }
    Ok(Packed { entries })
}

/// Puts a tree down, its root's attributes onto the directory itself. Times of directories come last.
pub(crate) fn unpack(machine: &mut Machine, root: &str, packed: Packed) -> Result<(), Errno> {
    machine.list_dir(root)?;
    let mount = machine.resolve(root, Follow::Yes)?.mount;
    // tar says so, and goes on.
    let drops_attributes = machine.mounts[mount].options.split(',').any(|option| option == "nouser_xattr");
    let mut times = Vec::new();
    for entry in packed.entries {
        let at = if entry.path == "." { root.to_owned() } else { format!("{root}/{}", entry.path) };
        let meta = Meta { uid: entry.uid, gid: entry.gid, mode: entry.mode, mtime_ns: entry.mtime_ns };
        match entry.what {
            What::Directory => {
                machine.mkdir_p(&at, entry.mode, entry.mtime_ns)?;
                times.push((at.clone(), entry.mtime_ns));
            }
            What::Link(first) => {
                machine.link(&format!("{root}/{first}"), &at, entry.mtime_ns)?;
                continue;
            }
            What::File { bytes, size, allocated } => {
                machine.make(&at, InodeKind::File(Content { bytes, size, allocated }), meta)?;
            }
            What::Symlink(target) => machine.make(&at, InodeKind::Symlink(target), meta)?,
            What::Special(letter) => machine.make(&at, InodeKind::Special(letter), meta)?,
        }
        machine.change(&at, Follow::No, |inode| {
            (inode.uid, inode.gid, inode.mode, inode.mtime_ns) = (meta.uid, meta.gid, meta.mode, meta.mtime_ns);
            inode.xattrs = entry.xattrs;
            inode.xattrs.retain(|name, _| !(drops_attributes && name.starts_with("user.")));
        })?;
    }
    times.iter().try_for_each(|(path, mtime_ns)| machine.set_mtime(path, *mtime_ns))
}
