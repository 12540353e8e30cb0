//! The modules' scripts that try a copy: a few entries are picked, packed, unpacked elsewhere, listed and removed.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::future::BoxFuture;

use super::super::tar;
use super::super::words::program_name;
use super::tree;
use crate::machine::program::{Call, Program, Reply};
use crate::machine::{Errno, Machine, Stat, walk};

/// The largest file that is read, in bytes on disk.
const LARGEST: u64 = 64 << 20;
/// How much is read of all files together.
const MOST: u64 = 512 << 20;

/// The scripts.
pub(crate) struct Trial;

impl Program for Trial {
    fn names(&self) -> &'static [&'static str] {
        &["cutover-trial-pick", "cutover-trial-list", "cutover-trial-send", "cutover-trial-receive"]
    }

    fn run<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            let name = program_name(&call);
            let (now, rate) = (call.kernel().now_ns(), call.kernel().spec.disk_bytes_per_second);
            let args: Vec<&str> = call.args.iter().map(String::as_str).collect();
            let failed = |errno: Errno| Reply::fail(2, format!("{name}: {errno}\n"));
            match (name.as_str(), args.as_slice()) {
                ("cutover-trial-pick", [root, skip @ ..]) => call.on_machine(|machine| {
                    pick(machine, root, skip).map_or_else(failed, |text| Reply::ok(BASE64.encode(text)))
                }),
                ("cutover-trial-list", [root]) => {
                    let list = paths(&call.stdin);
                    call.on_machine(|machine| listed(machine, root, &list).unwrap_or_else(failed))
                }
                ("cutover-trial-send", [root, "tar", ..]) => {
                    let list = paths(&call.stdin);
                    let bytes = call.world.with_machine(call.place, |machine| {
                        let sizes = list.iter().filter_map(|path| machine.lstat(&format!("{root}/{path}")).ok());
                        sizes.map(|stat| stat.allocated).sum()
                    });
                    call.kernel()
                        .transfer(bytes.unwrap_or(0), rate.min(call.kernel().spec.link_bytes_per_second))
                        .await;
                    call.on_machine(|machine| {
                        let packed = tar::pack(machine, root, &[], |path| list.contains(path));
                        packed.map_or_else(failed, |packed| Reply::ok(serde_json::to_vec(&packed).unwrap_or_default()))
                    })
                }
                ("cutover-trial-receive", [directory, scratch]) => {
                    let Ok(packed) = serde_json::from_slice(&call.stdin) else {
                        return Reply::fail(2, "tar: This does not look like a tar archive\n");
                    };
                    call.on_machine(|machine| receive(machine, directory, scratch, packed, now).unwrap_or_else(failed))
                }
                _ => Reply::fail(2, format!("{name}: 1: parameter not set\n")),
            }
        })
    }
}

/// The paths of a list on standard input.
fn paths(stdin: &[u8]) -> BTreeSet<String> {
    let text = BASE64.decode(stdin.trim_ascii()).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    text.lines().map(|path| path.strip_prefix("./").unwrap_or(path).to_owned()).collect()
}

/// The manifest of some entries.
fn listed(machine: &Machine, root: &str, list: &BTreeSet<String>) -> Result<Reply, Errno> {
    let mut entries = walk(machine, root, &[])?;
    entries.retain(|(path, _)| list.contains(path));
    tree::listing(machine, root, &entries, &[], "./")
}

/// What stands for all: of each kind the smallest, the oldest and newest, the longest name, the largest with holes, two names of
/// one file.
fn pick(machine: &Machine, root: &str, skip: &[&str]) -> Result<String, Errno> {
    let entries = walk(machine, root, skip)?;
    let above = |path: &str| path.rsplit_once('/').map_or(".", |(above, _)| above).to_owned();
    let modes: BTreeMap<&str, u32> = entries.iter().map(|(path, stat)| (path.as_str(), stat.mode)).collect();
    let kind = |(path, stat): &(String, Stat)| {
        let names: Vec<&String> = stat.xattrs.keys().collect();
        let inherits = modes.get(above(path).as_str()).is_some_and(|mode| mode & 0o2000 != 0);
        format!("{} {:o} {}:{} {names:?} {inherits}", stat.kind, stat.mode, stat.uid, stat.gid)
    };
    let usable: Vec<&(String, Stat)> =
        entries.iter().filter(|(path, stat)| !path.contains('\n') && "fdlp".contains(stat.kind)).collect();
    let cost = |stat: &Stat| if stat.kind == 'f' { stat.allocated } else { 0 };
    let small: Vec<&(String, Stat)> = usable.iter().copied().filter(|(_, stat)| cost(stat) <= LARGEST).collect();
    let mut best: BTreeMap<String, &(String, Stat)> = BTreeMap::new();
    for entry in &small {
        let known = best.entry(kind(entry)).or_insert(entry);
        if cost(&entry.1) < cost(&known.1) {
            *known = entry;
        }
    }
    let kinds: BTreeSet<String> = usable.iter().map(|entry| kind(entry)).collect();
    let mut wanted: Vec<&(String, Stat)> = best.values().copied().collect();
    wanted.extend(small.iter().min_by_key(|(_, stat)| stat.mtime_ns));
    wanted.extend(small.iter().rev().max_by_key(|(_, stat)| stat.mtime_ns));
    wanted.extend(small.iter().rev().max_by_key(|(path, _)| path.len() - path.rfind('/').map_or(0, |at| at + 1)));
    wanted.extend(small.iter().filter(|(_, stat)| stat.allocated < stat.size).rev().max_by_key(|(_, stat)| stat.size));
    let mut linked = small.iter().filter(|(_, stat)| stat.kind != 'd' && stat.nlink > 1);
    if let Some(first) = linked.next() {
        wanted.push(first);
        wanted.extend(linked.find(|(_, stat)| stat.ino == first.1.ino));
    }
    let (mut picked, mut bytes) = (BTreeSet::from([".".to_owned()]), 0);
    for (path, stat) in wanted {
        if picked.contains(path) || bytes + cost(stat) > MOST {
            continue;
        }
        bytes += cost(stat);
        let mut path = path.clone();
        while path != "." {
            let next = above(&path);
            picked.insert(path);
            path = next;
        }
    }
    let untried = best.iter().filter(|(_, (path, _))| !picked.contains(path)).count() + kinds.len() - best.len();
    picked.remove(".");
    let list: String = picked.iter().map(|path| format!("./{path}\n")).collect();
    Ok(format!("{} {untried} {bytes}\n.\n{list}", kinds.len()))
}

/// Unpacks, lists and removes.
fn receive(
    machine: &mut Machine,
    directory: &str,
    scratch: &str,
    packed: tar::Packed,
    now: i128,
) -> Result<Reply, Errno> {
    let near = tree::nearest(machine, directory).to_owned();
    let scratch = format!("{}/{scratch}", near.trim_end_matches('/'));
    let time = machine.stat(&near)?.mtime_ns;
    if machine.exists(&scratch) {
        machine.remove_tree(&scratch, now)?;
    }
    machine.mkdir(&scratch, 0o755, now)?;
    let reply = tar::unpack(machine, &scratch, packed).and_then(|()| {
        let entries = walk(machine, &scratch, &[])?;
        tree::listing(machine, &scratch, &entries, &[], "")
    });
    machine.remove_tree(&scratch, now)?;
    machine.set_mtime(&near, time)?;
    reply
}
