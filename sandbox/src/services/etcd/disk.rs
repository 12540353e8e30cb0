//! A member's data directory on a machine: may it be opened, what is in it, writing through. Refusals are etcd's words.

use crate::cluster::Stored;
use crate::machine::{Content, Errno, Machine, Meta};

use super::data::Data;

/// The database within a data directory.
pub(crate) const DB: &str = "member/snap/db";
/// The write-ahead log within a data directory.
const WAL: &str = "member/wal/0000000000000000-0000000000000000.wal";
/// The size of a WAL segment, in bytes; etcd allocates it in advance.
const SEGMENT: u64 = 64_000_000;
/// The size of a new database, in bytes.
const NEW_DB: u64 = 20_480;

/// A data directory and who opens it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Volume {
    /// The directory on the node.
    pub(crate) path: String,
    /// The device it was on when it was opened.
    pub(crate) device: String,
    /// The process's user.
    pub(crate) uid: u32,
    /// The process's group.
    pub(crate) gid: u32,
}

impl Volume {
    /// Reads what a member finds: its data, or nothing if the directory is new.
    ///
    /// # Errors
    /// What etcd logs before it exits.
    pub(crate) fn open(&self, machine: &Machine) -> Result<Option<Data>, String> {
        self.access(machine, "", true)?;
        let member = format!("{}/member", self.path);
        match machine.stat(&member) {
            Err(Errno::NoEntry) => return Ok(None),
            Err(errno) => return Err(format!("cannot access data directory: stat {member}: {}", lower(errno))),
            Ok(_) => {}
        }
        for directory in ["member", "member/snap", "member/wal"] {
            self.access(machine, directory, true)?;
            let stat = machine.stat(&format!("{}/{directory}", self.path)).map_err(lower)?;
            if stat.mode & 0o777 != 0o700 {
                return Err(format!(
                    "check file permission: directory \"{}/{directory}\" exist, but the permission is \"{:04o}\". The \
                     recommended permission is \"-rwx------\" to prevent possible unprivileged access to the data",
                    self.path,
                    stat.mode & 0o7777
                ));
            }
        }
        let wals = machine.list_dir(&format!("{}/member/wal", self.path)).map_err(lower)?;
        let wals: Vec<String> = wals.into_iter().filter(|name| name.ends_with(".wal")).collect();
        if wals.is_empty() {
            // etcd takes a directory without a WAL for a new member's, whatever the database holds.
            return Ok(None);
        }
        for wal in wals {
            self.access(machine, &format!("member/wal/{wal}"), false)?;
        }
        self.access(machine, DB, false)?;
        let bytes = machine.read_file(&format!("{}/{DB}", self.path)).map_err(lower)?;
        let data = serde_json::from_slice(&bytes);
        data.map(Some).map_err(|_| format!("failed to open database: {}/{DB}: invalid database", self.path))
    }

    /// Writes the data through.
    pub(crate) fn write(&self, machine: &mut Machine, data: &Data, now: i128) -> Result<(), String> {
        match machine.path_device(&self.path) {
            // Something else was mounted over the directory: what the process writes stays hidden beneath it.
            Ok(device) if device != self.device => return Ok(()),
            Ok(_) => {}
            Err(errno) => return Err(format!("{}: {}", self.path, lower(errno))),
        }
        for directory in ["member", "member/snap", "member/wal"] {
            let path = format!("{}/{directory}", self.path);
            if machine.stat(&path).is_err() {
                machine
                    .mkdir(&path, 0o700, now)
                    .map_err(|errno| format!("cannot access data directory: mkdir {path}: {}", lower(errno)))?;
                machine.chown(&path, self.uid, self.gid).map_err(lower)?;
            }
        }
        let json = serde_json::to_vec(data).unwrap_or_default();
        self.fill(machine, DB, json, NEW_DB, now)?;
        self.fill(machine, WAL, format!("term {} index {}\n", data.term, data.index).into_bytes(), SEGMENT, now)
    }

    fn fill(&self, machine: &mut Machine, name: &str, bytes: Vec<u8>, size: u64, now: i128) -> Result<(), String> {
        let path = format!("{}/{name}", self.path);
        let (meta, size) = match machine.stat(&path) {
            Ok(stat) => (Meta { uid: stat.uid, gid: stat.gid, mode: stat.mode, mtime_ns: now }, stat.size),
            Err(_) => (Meta { uid: self.uid, gid: self.gid, mode: 0o600, mtime_ns: now }, size),
        };
        let size = size.max(bytes.len() as u64);
        machine
            .write_content(&path, Content::large(bytes, size), meta)
            .map_err(|errno| format!("write {path}: {}", lower(errno)))
    }

    /// Whether the process may read and write something (and for a directory: enter it).
    fn access(&self, machine: &Machine, name: &str, directory: bool) -> Result<(), String> {
        let path = if name.is_empty() { self.path.clone() } else { format!("{}/{name}", self.path) };
        let refused = |why: &str| format!("cannot access data directory: open {path}: {why}");
        let stat = machine.stat(&path).map_err(|errno| refused(&lower(errno)))?;
        if self.uid == 0 {
            return Ok(());
        }
        let wanted = if directory { 0o7 } else { 0o6 };
        let class = if stat.uid == self.uid {
            stat.mode >> 6
        } else if stat.gid == self.gid {
            stat.mode >> 3
        } else {
            stat.mode
        };
        if class & wanted == wanted { Ok(()) } else { Err(refused("permission denied")) }
    }
}

/// What a file that a member writes while it runs says.
pub(super) fn stored(path: &str, bytes: &[u8]) -> Option<Stored> {
    let directory = |name: &str| path.strip_suffix(name)?.strip_suffix('/').map(str::to_owned);
    if let Some(directory) = directory(WAL) {
        return Some(Stored { directory, data: None, content: "the log of an etcd member".to_owned() });
    }
    let directory = directory(DB)?;
    // What is not a database of etcd is some other file.
    let data: Data = serde_json::from_slice(bytes).ok()?;
    let identity = format!("member {:x} of {}", data.member_id, data.identity());
    let content = format!("the database of {identity}, keys {}", data.keys_digest());
    Some(Stored { directory, data: Some((identity, data.revision)), content })
}

/// The words of an error, as Go prints them.
fn lower(errno: Errno) -> String {
    errno.to_string().to_lowercase()
}
