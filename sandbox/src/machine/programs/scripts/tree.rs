//! The modules' scripts about whole trees, as the simulated machines run them: the same answers as the real scripts give.

use base64::Engine as _;
use cutover_engine::digest::hex;
use cutover_engine::world::Place;
use futures_util::future::BoxFuture;
use sha2::{Digest, Sha256};

use super::super::tar;
use super::super::words::program_name;
use crate::machine::program::{Call, Program, Reply};
use crate::machine::{Errno, InodeKind, Machine, Meta, Stat, walk};

/// The marker that a copy under way carries in its root.
const MARKER: &str = ".cutover-copy";

/// The scripts.
pub(crate) struct Tree;

impl Program for Tree {
    fn names(&self) -> &'static [&'static str] {
        &[
            "cutover-manifest",
            "cutover-look",
            "cutover-copy-begin",
            "cutover-copy",
            "cutover-copy-end",
            "cutover-write-file",
        ]
    }

    fn run<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            let name = program_name(&call);
            let now = call.kernel().now_ns();
            let rate = call.kernel().spec.disk_bytes_per_second;
            let args: Vec<&str> = call.args.iter().map(String::as_str).collect();
            match (name.as_str(), args.as_slice()) {
                ("cutover-manifest", [root, skip @ ..]) => {
                    call.kernel().transfer(allocated(&call, root), rate).await;
                    call.on_machine(|machine| {
                        manifest(machine, root, skip).unwrap_or_else(|errno| {
                            Reply::fail(2, format!("cutover-manifest: 6: cd: can't cd to {root}: {errno}\n"))
                        })
                    })
                }
                ("cutover-look", [path, skip @ ..]) => call.on_machine(|machine| look(machine, path, skip)),
                ("cutover-copy-begin", [destination, source, skip @ ..]) => {
                    call.on_machine(|machine| begin(machine, destination, source, skip, now))
                }
                ("cutover-copy", [source, destination, skip @ ..]) => {
                    // Read and write share the disk.
                    call.kernel().transfer(2 * allocated(&call, source), rate).await;
                    call.on_machine(|machine| {
                        let packed = tar::pack(machine, source, skip, |_| true);
                        let copied = packed.and_then(|packed| tar::unpack(machine, destination, packed));
                        copied.map_or_else(|errno| Reply::fail(1, format!("cp: {errno}\n")), |()| Reply::default())
                    })
                }
                ("cutover-copy-end", [destination]) => call.on_machine(|machine| {
                    let ended = end(machine, destination, now);
                    ended.map_or_else(|errno| Reply::fail(1, format!("touch: {errno}\n")), |()| Reply::default())
                }),
                ("cutover-write-file", [path, mode, owner]) => {
                    call.on_machine(|machine| write(machine, path, (mode, owner), &call.stdin, now))
                }
                _ => Reply::fail(2, format!("{name}: 1: parameter not set\n")),
            }
        })
    }
}

/// What a tree takes on the disk of the machine a command runs on.
fn allocated(call: &Call<'_>, path: &str) -> u64 {
    let place: &Place = call.place;
    call.world.with_machine(place, |machine| machine.tree_allocated(path).unwrap_or(0)).unwrap_or(0)
}

fn manifest(machine: &Machine, root: &str, skip: &[&str]) -> Result<Reply, Errno> {
    listing(machine, root, &walk(machine, root, skip)?, &left_out(machine, root)?, "")
}

/// The manifest of some entries of a tree. `named` is what their names begin with: `./` where they were named one by one.
pub(super) fn listing(
    machine: &Machine,
    root: &str,
    entries: &[(String, Stat)],
    odd: &[String],
    named: &str,
) -> Result<Reply, Errno> {
    let mut raw = b"cutover-manifest 3\0".to_vec();
    let (mut hashes, mut large, mut attributes) = (String::new(), String::new(), String::new());
    for (path, stat) in entries {
        let Stat { kind, mode, uid, gid, size, mtime_ns, ino, allocated, .. } = stat;
        let (seconds, fraction) = (mtime_ns.div_euclid(1_000_000_000), mtime_ns.rem_euclid(1_000_000_000));
        let time = format!("{seconds}.{fraction:09}0");
        let name = match (path.as_str(), named) {
            (".", "") => String::new(),
            (".", _) => ".".to_owned(),
            (path, named) => format!("{named}{path}"),
        };
        let link = stat.link.as_deref().unwrap_or_default();
        raw.extend(
            format!("{kind} {mode:o} {uid} {gid} {size} {time} {ino} {}\0{name}\0{link}\0", allocated / 512).bytes(),
        );
        if *kind == 'f' {
            let hash = machine.content_of(&format!("{root}/{path}"))?.sha256();
            // sha256sum escapes such names and says so by a leading backslash.
            let plain = path.replace('\\', r"\\").replace('\n', r"\n");
            let mark = if plain == *path { "" } else { r"\" };
            match *size > 1 << 20 {
                true => large += &format!("{hash}\0./{path}\0"),
                false => hashes += &format!("{mark}{hash} *./{plain}\n"),
            }
        }
        if !stat.xattrs.is_empty() {
            let plain = path.replace('\\', r"\134").replace('\n', r"\012");
            attributes += &format!("# file: {plain}\n");
            for (name, value) in &stat.xattrs {
                let hex: String = value.bytes().map(|byte| format!("{byte:02x}")).collect();
                attributes += &format!("{name}=0x{hex}\n");
            }
            attributes.push('\n');
        }
    }
    raw.extend(format!("hashes\0{hashes}\0{large}attributes\0{attributes}\0left out\0").bytes());
    let odd = odd.join("\n");
    let count = if odd.is_empty() { format!("{}\n", entries.len()) } else { String::new() };
    raw.extend(format!("{odd}\0count\0{count}\0end\0").bytes());
    Ok(Reply::ok(base64::engine::general_purpose::STANDARD.encode(raw)))
}

/// What a copy of a tree does not carry, as the script's lines.
fn left_out(machine: &Machine, root: &str) -> Result<Vec<String>, Errno> {
    let entries = walk(machine, root, &[])?;
    let own = entries.first().map(|(_, stat)| stat.device.clone()).unwrap_or_default();
    let odd = |(path, stat): &(String, Stat)| match stat.kind {
        'd' if stat.device != own => Some(format!("x {path}")),
        kind @ ('s' | 'b' | 'c') => Some(format!("{kind} {path}")),
        _ => None,
    };
    let mut lines: Vec<String> = entries.iter().filter_map(odd).collect();
    let locked = entries.iter().filter(|(_, stat)| stat.immutable && matches!(stat.kind, 'f' | 'd'));
    lines.extend(locked.map(|(path, _)| format!("a i {path}")));
    let above = format!("{}/", machine.real_path(root)?.trim_end_matches('/'));
    let beneath = machine.mounts.iter().filter_map(|mount| mount.target.strip_prefix(&above));
    lines.extend(beneath.filter(|path| !path.is_empty()).map(|path| format!("m {}", path.replace(' ', r"\040"))));
    Ok(lines)
}

/// A path, or the nearest one above that exists.
pub(super) fn nearest<'a>(machine: &Machine, path: &'a str) -> &'a str {
    let mut near = path;
    while !machine.exists(near) && near != "/" {
        near = near.rsplit_once('/').map_or("/", |(parent, _)| if parent.is_empty() { "/" } else { parent });
    }
    near
}

fn look(machine: &Machine, path: &str, skip: &[&str]) -> Reply {
    let near = nearest(machine, path);
    let kind = match machine.lstat(path) {
        Ok(stat) if stat.kind == 'l' => "link",
        Ok(stat) if stat.is_dir() => "directory",
        Ok(_) => "other",
        Err(_) => "absent",
    };
    let spot = machine.resolve(near, crate::machine::Follow::Yes);
    let (free, inodes) = spot
        .and_then(|spot| machine.filesystem(spot.mount))
        .map_or((0, 0), |filesystem| (filesystem.bytes.saturating_sub(filesystem.used()), filesystem.free_inodes()));
    let device = machine.path_device(near).unwrap_or_default();
    let mut text = format!("kind={kind}\ndevice={device}\nfree={free}\nfree_inodes={inodes}\n");
    let counter = format!("/sys/fs/ext4/{}/errors_count", device.rsplit('/').next().unwrap_or_default());
    if let Ok(count) = machine.read_file(&counter) {
        text += &format!("errors={}\n", String::from_utf8_lossy(&count).trim());
    }
    if kind == "directory" {
        let names = machine.list_dir(path).unwrap_or_default();
        let entries = names.iter().filter(|name| *name != MARKER && !skip.contains(&name.as_str())).count();
        let allocated = machine.tree_allocated(path).unwrap_or(0);
        let inodes = machine.tree_entries(path).unwrap_or(0);
        text += &format!("entries={entries}\nallocated={allocated}\ninodes={inodes}\n");
        text += &format!("generation={}\n", generation(machine, path).unwrap_or_default());
        if let Ok(Some(source)) = machine.lstat(&format!("{path}/{MARKER}")).map(|stat| stat.link) {
            text += &format!("unfinished={source}\n");
        }
        for odd in left_out(machine, path).unwrap_or_default() {
            text += &format!("odd={odd}\n");
        }
        let real = machine.real_path(path).unwrap_or_else(|_| path.to_owned());
        let beneath = |held: &str| held == real || held.starts_with(&format!("{real}/"));
        let holders = machine.holders.iter().filter(|(held, _)| beneath(held));
        for (number, (_, command)) in holders.enumerate() {
            text += &format!("holder={} {command}\n", 4000 + number);
        }
    }
    Reply::ok(text)
}

/// A digest that is another one after each change in a tree. There is no time of change here, so contents stand for it.
fn generation(machine: &Machine, root: &str) -> Result<String, Errno> {
    let mut hasher = Sha256::new();
    for (path, stat) in walk(machine, root, &[])? {
        hasher.update(format!("{path} {stat:?}\n"));
        if stat.kind == 'f' {
            hasher.update(machine.content_of(&format!("{root}/{path}"))?.sha256());
        }
    }
    Ok(hex(&hasher.finalize()))
}

fn begin(machine: &mut Machine, destination: &str, source: &str, skip: &[&str], now: i128) -> Reply {
    let begun = machine.mkdir_p(destination, 0o755, now).and_then(|()| machine.list_dir(destination));
    let names: Vec<String> = match begun {
        Ok(names) => names.into_iter().filter(|name| !skip.contains(&name.as_str())).collect(),
        Err(errno) => {
            return Reply::fail(1, format!("mkdir: cannot create directory '{destination}': {errno}\n"));
        }
    };
    let marker = format!("{destination}/{MARKER}");
    match machine.lstat(&marker).ok().and_then(|stat| stat.link) {
        Some(other) if other != source => {
            return Reply::fail(3, format!("{destination}: holds an unfinished copy of {other}\n"));
        }
        Some(_) => {}
        None if !names.is_empty() => return Reply::fail(3, format!("{destination}: not empty\n")),
        None => {
            if let Err(errno) = machine.symlink(source, &marker, now) {
                return Reply::fail(1, format!("ln: failed to create symbolic link '{marker}': {errno}\n"));
            }
        }
    }
    for name in names.iter().filter(|name| *name != MARKER) {
        if let Err(errno) = machine.remove_tree(&format!("{destination}/{name}"), now) {
            return Reply::fail(1, format!("rm: cannot remove '{destination}/{name}': {errno}\n"));
        }
    }
    Reply::default()
}

fn end(machine: &mut Machine, destination: &str, now: i128) -> Result<(), Errno> {
    let time = machine.stat(destination)?.mtime_ns;
    match machine.remove_file(&format!("{destination}/{MARKER}"), now) {
        Ok(()) | Err(Errno::NoEntry) => machine.set_mtime(destination, time),
        Err(errno) => Err(errno),
    }
}

/// Writes a file beside its place and moves it there: a new inode, as the script makes.
fn write(machine: &mut Machine, path: &str, (mode, owner): (&str, &str), text: &[u8], now: i128) -> Reply {
    let old = machine.stat(path).ok();
    let (user, group) = owner.split_once(':').unwrap_or((owner, ""));
    let id = |name: &str, old: Option<u32>| match name {
        "" => Some(old.unwrap_or(0)),
        "root" => Some(0),
        name => name.parse().ok(),
    };
    let mode = match mode {
        "" => Some(old.as_ref().map_or(0o644, |stat| stat.mode)),
        text => u32::from_str_radix(text, 8).ok(),
    };
    let ids = (id(user, old.as_ref().map(|stat| stat.uid)), id(group, old.as_ref().map(|stat| stat.gid)));
    let ((Some(uid), Some(gid)), Some(mode)) = (ids, mode) else {
        return Reply::fail(1, format!("chown: invalid user: '{owner}'\n"));
    };
    let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
    let beside = format!("{parent}/.cutover.new");
    let meta = Meta { uid, gid, mode, mtime_ns: now };
    let made = machine.make(&beside, InodeKind::File(crate::machine::Content::new(text)), meta);
    match made.and_then(|()| machine.rename(&beside, path, now)) {
        Ok(()) => Reply::default(),
        Err(errno) => Reply::fail(
            1,
            format!("mktemp: failed to create file via template '{parent}/.cutover.XXXXXXXX': {errno}\n"),
        ),
    }
}
