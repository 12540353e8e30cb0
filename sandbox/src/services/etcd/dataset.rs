//! The data of the workload's members, with everything in it that a careless copy loses: odd owners and modes, hard and
//! symbolic links, holes, extended attributes, an ACL, a FIFO, names with spaces and without ASCII.

use std::collections::BTreeMap;

use serde_json::Value;

use super::data::{Config, Data};
use super::disk::{DB, Volume};
use crate::kernel::WorldSpec;
use crate::machine::{Content, Errno, InodeKind, Machine, Meta};

/// How many keys there are besides the odd ones.
const KEYS: usize = 520;
/// The size of a WAL segment, in bytes.
const SEGMENT: u64 = 64_000_000;

/// How a pod's member is started, by the environment in the rendered StatefulSet.
pub(crate) fn config(env: &Value, pod: &str) -> Config {
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    for entry in env.as_array().into_iter().flatten() {
        let text = |field: &str| entry[field].as_str().unwrap_or_default().to_owned();
        known.insert(text("name"), text("value"));
    }
    known.insert("ETCD_NAME".to_owned(), pod.to_owned());
    let empty = |text: &str| known.get(text).cloned().unwrap_or_default();
    Config {
        name: pod.to_owned(),
        initial_cluster: empty("ETCD_INITIAL_CLUSTER"),
        token: empty("ETCD_INITIAL_CLUSTER_TOKEN"),
        data_dir: empty("ETCD_DATA_DIR"),
    }
}

/// Writes a member's volume.
pub(crate) fn write(
    machine: &mut Machine,
    path: &str,
    spec: &WorldSpec,
    config: &Config,
    then: i128,
) -> Result<(), Errno> {
    let (uid, gid) = (spec.workload.uid, spec.workload.gid);
    // Nanoseconds that a copy with a precision of seconds or microseconds loses.
    let meta = |mode, n: i128| Meta { uid, gid, mode, mtime_ns: then + n * 3_600_000_000_000 + n * 111_111_111 + 7 };
    let at = |name: &str| format!("{path}/{name}");
    machine.mkdir_p(path, 0o777, then)?;
    for name in ["member", "member/snap", "member/wal", "archive", "archive/empty"] {
        machine.mkdir(&at(name), 0o700, then)?;
        machine.chown(&at(name), uid, gid)?;
    }
    let Some(data) = data(config) else { return Err(Errno::Invalid) };
    let volume = Volume { path: path.to_owned(), device: machine.path_device(path)?.to_owned(), uid, gid };
    volume.write(machine, &data, then).map_err(|_| Errno::Invalid)?;
    let database = Content::large(machine.read_file(&at(DB))?, (spec.data_bytes / 8 * 5).max(SEGMENT));
    machine.write_content(&at(DB), database, meta(0o600, 1))?;

    let snapshot = at("member/snap/0000000000000002-00000000000186a1.snap");
    machine.write_file(&snapshot, format!("snapshot of {} at 100001\n", config.name), meta(0o640, 2))?;
    machine.link(&snapshot, &at("archive/last.snap"), then)?;
    let segments = (spec.data_bytes / 8 * 3 / SEGMENT).clamp(1, 64);
    for segment in 1..=segments {
        let name = format!("member/wal/{segment:016x}-{:016x}.wal", segment * 10_000);
        let content = Content::large(format!("segment {segment} of {}\n", config.name), SEGMENT);
        machine.write_content(&at(&name), content, meta(0o600, 3 + i128::from(segment)))?;
    }
    let hole = Content { bytes: b"0123456789abcdef".to_vec(), size: SEGMENT, allocated: 4096 };
    machine.write_content(&at("member/wal/0.tmp"), hole, meta(0o600, 80))?;

    let notes = at("archive/交接 说明.txt");
    machine.write_file(&notes, "这是前任留下的说明\n", meta(0o604, 81))?;
    machine.chown(&notes, 4711, 0)?;
    machine.set_xattr(&notes, "user.origin", "ticket 2019-0815")?;
    machine.set_xattr(&notes, "system.posix_acl_access", "u::rw-,u:1003:r--,g::---,m::r--,o::r--")?;
    machine.symlink("../member/snap/db", &at("archive/current"), then)?;
    machine.symlink("/nowhere/at all", &at("archive/dangling"), then)?;
    machine.make(&at("archive/control"), InodeKind::Special('p'), meta(0o620, 82))?;
    machine.write_file(&at("archive/run.sh"), "#!/bin/sh\nexec true\n", Meta { uid: 0, gid: 0, ..meta(0o4755, 83) })?;
    machine.write_file(&at("archive/zero"), "", meta(0o000, 84))?;

    machine.chmod(&at("archive/empty"), 0o1777)?;
    machine.chmod(&at("archive"), 0o2750)?;
    machine.chown(path, uid, gid)?;
    machine.chmod(path, 0o750)?;
    machine.set_xattr(path, "user.volume", &config.name)?;
    for (n, name) in ["archive/empty", "archive", "member/wal", "member/snap", "member"].into_iter().enumerate() {
        machine.set_mtime(&at(name), meta(0, 90 + n as i128).mtime_ns)?;
    }
    machine.set_mtime(path, meta(0, 99).mtime_ns)
}

fn data(config: &Config) -> Option<Data> {
    let mut data = Data::bootstrap(config)?;
    data.term = 7;
    for n in 0..KEYS {
        data.put(
            &format!("/tenants/{:03}/config/{}", n % 40, n),
            &format!("{{\"generation\": {n}, \"state\": \"active\"}}"),
        );
    }
    for n in 0..60 {
        data.put(
            &format!("/tenants/{:03}/config/{}", n % 40, n),
            &format!("{{\"generation\": {}, \"state\": \"active\"}}", n + 1000),
        );
    }
    data.put("/tenants/名称/描述", "云上协同 — “生产”, naïve, 🦀");
    data.put("/odd/empty", "");
    data.put("/odd/lines", "one\ntwo\tthree \"quoted\"");
    data.put("/odd/long", &"0123456789abcdef".repeat(256));
    data.put("/odd/deleted", "gone");
    data.remove("/odd/deleted");
    // Members compact by themselves every few minutes.
    data.compact(data.revision - 20);
    Some(data)
}
