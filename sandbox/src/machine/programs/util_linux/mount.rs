//! `mount` and `umount` of block devices; and `mountpoint`.

use futures_util::future::BoxFuture;

use super::super::options::Options;
use super::super::words::inside;
use super::signature::Signature;
use crate::machine::program::{Call, Program, Reply};
use crate::machine::{BlockContent, Errno, Machine, Mount as Entry, OpenError};

/// `mount [-t TYPE] [-o OPTIONS] DEVICE DIRECTORY`
pub(crate) struct Mount;

impl Program for Mount {
    fn names(&self) -> &'static [&'static str] {
        &["mount"]
    }

    fn run<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            let unknown = call.unknown_features();
            call.on_machine(|machine| mount(machine, call.args, &call.kernel().spec.drbd_version, &unknown))
        })
    }
}

fn mount(machine: &mut Machine, args: &[String], drbd_version: &str, unknown: &[String]) -> Reply {
    let options = match Options::parse(args, &["t|types=", "o|options=", "v|verbose"]) {
        Ok(options) => options,
        Err(words) => return Reply::fail(1, format!("mount: {words}\n")),
    };
    let wanted = options.value("o").unwrap_or_default();
    let words: Vec<&str> = wanted.split(',').filter(|word| !word.is_empty()).collect();
    let (device, path) = match (options.operands.as_slice(), words.contains(&"remount")) {
        ([device, path], _) => (device.as_str(), path.as_str()),
        ([path], true) => ("", path.as_str()),
        _ => return Reply::fail(1, "mount: bad usage\nTry 'mount --help' for more information.\n"),
    };
    let target = match machine.real_path(path) {
        Ok(target) => target,
        Err(Errno::NoEntry) => return refuse(path, "mount point does not exist."),
        Err(errno) => return refuse(path, &format!("mount(2) system call failed: {errno}.")),
    };
    if words.contains(&"remount") {
        let Some(entry) = machine.mounts.iter_mut().rev().find(|entry| entry.target == target) else {
            return refuse(path, "mount point not mounted or bad option.");
        };
        entry.options = kernel_options(&words);
        return Reply::ok("");
    }
    if !machine.stat(&target).is_ok_and(|stat| stat.is_dir()) {
        return refuse(path, "mount point is not a directory.");
    }
    let source = machine.kernel_name(device);
    match refusal(machine, device, &source, &target, options.value("t"), drbd_version) {
        Some(words) => refuse(path, &words),
        None if is_unknown(machine, device, unknown) => refuse(path, &wrong_type(&source)),
        None => {
            machine.mounts.push(Entry { source, target, options: kernel_options(&words) });
            Reply::ok("")
        }
    }
}

/// Why a device cannot be mounted, in the words of mount(8).
fn refusal(
    machine: &Machine,
    device: &str,
    source: &str,
    target: &str,
    kind: Option<&str>,
    drbd_version: &str,
) -> Option<String> {
    let found = match Signature::of(machine, device, drbd_version) {
        Err(OpenError::Missing) => return Some(format!("special device {device} does not exist.")),
        Err(OpenError::WrongMedium) => {
            return Some("mount(2) system call failed: Wrong medium type.".to_owned());
        }
        Ok(found) => found,
    };
    if machine.mounts.iter().any(|entry| entry.source == source && entry.target == target) {
        return Some(format!("{source} already mounted on {target}."));
    }
    if machine.disks.contains_key(source) && machine.attached_to(source).is_some() {
        return Some(format!("{source} already mounted or mount point busy."));
    }
    let there = found.map(|signature| signature.kind).filter(|there| !there.is_empty());
    match (there, kind) {
        (Some(there), None) if there == "ext4" || there == "xfs" => None,
        (Some(there), Some(kind)) if there == kind => None,
        (Some(there), None) => Some(format!("unknown filesystem type '{there}'.")),
        _ => Some(wrong_type(source)),
    }
}

/// Whether the kernel does not know a feature without which nothing can be read. `orphan_file` is only for programs.
fn is_unknown(machine: &Machine, device: &str, unknown: &[String]) -> bool {
    let Ok(BlockContent::Filesystem(filesystem)) = machine.disk(device).map(|disk| &disk.content) else { return false };
    filesystem.features.iter().any(|feature| feature != "orphan_file" && unknown.contains(feature))
}

fn wrong_type(source: &str) -> String {
    format!(
        "wrong fs type, bad option, bad superblock on {source}, missing codepage or helper program, or other error."
    )
}

fn refuse(path: &str, words: &str) -> Reply {
    let hint = "       dmesg(1) may have more information after failed mount system call.\n";
    Reply::fail(32, format!("mount: {path}: {words}\n{hint}"))
}

/// The options as the kernel shows them.
fn kernel_options(wanted: &[&str]) -> String {
    let access = if wanted.contains(&"ro") { "ro" } else { "rw" };
    let times = ["noatime", "strictatime"].into_iter().find(|time| wanted.contains(time)).unwrap_or("relatime");
    let skipped = ["defaults", "ro", "rw", "relatime", "noatime", "strictatime", "remount", "auto", "noauto"];
    let rest = wanted.iter().filter(|word| !skipped.contains(word));
    [access, times].iter().chain(rest).copied().collect::<Vec<_>>().join(",")
}

/// `umount DIRECTORY|DEVICE`
pub(crate) struct Umount;

impl Program for Umount {
    fn names(&self) -> &'static [&'static str] {
        &["umount"]
    }

    fn run<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Reply> {
        Box::pin(async move { call.on_machine(|machine| umount(machine, call.args)) })
    }
}

fn umount(machine: &mut Machine, args: &[String]) -> Reply {
    let options = match Options::parse(args, &["v|verbose", "l|lazy", "f|force"]) {
        Ok(options) => options,
        Err(words) => return Reply::fail(1, format!("umount: {words}\n")),
    };
    let [name] = options.operands.as_slice() else {
        return Reply::fail(1, "umount: bad usage\nTry 'umount --help' for more information.\n");
    };
    let device = machine.kernel_name(name);
    let path = machine.real_path(name);
    let found = machine.mounts.iter().rposition(|entry| entry.source == device || Ok(&entry.target) == path.as_ref());
    let Some(index) = found else {
        let words = if path.is_ok() { "not mounted" } else { "no mount point specified" };
        return Reply::fail(32, format!("umount: {name}: {words}.\n"));
    };
    let target = machine.mounts[index].target.clone();
    let nested = machine.mounts.iter().skip(index + 1).any(|entry| inside(&entry.target, &target));
    if nested || !machine.users_of(&target).is_empty() || target == "/" {
        return Reply::fail(32, format!("umount: {target}: target is busy.\n"));
    }
    machine.mounts.remove(index);
    Reply::ok("")
}

/// `mountpoint [-q] DIRECTORY`
pub(crate) struct Mountpoint;

impl Program for Mountpoint {
    fn names(&self) -> &'static [&'static str] {
        &["mountpoint"]
    }

    fn run<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            let path = call.args.last().cloned().unwrap_or_default();
            let quiet = call.args.iter().any(|arg| arg == "-q");
            let say = |words: String| if quiet { String::new() } else { words };
            call.on_machine(|machine| match machine.stat(&path) {
                Err(errno) => Reply::fail(1, say(format!("mountpoint: {path}: {errno}\n"))),
                Ok(_) if machine.is_mount_point(&path) => Reply::ok(say(format!("{path} is a mountpoint\n"))),
                Ok(_) => Reply { code: 32, ..Reply::ok(say(format!("{path} is not a mountpoint\n"))) },
            })
        })
    }
}

impl Machine {
    /// The processes that use the file system mounted at a path: the directory each holds, and its command.
    pub(crate) fn users_of(&self, target: &str) -> Vec<(String, String)> {
        let uses = |held: &String| {
            let mounts = self.mounts.iter().filter(|entry| inside(held, &entry.target));
            mounts.max_by_key(|entry| entry.target.len()).is_some_and(|entry| entry.target == target)
        };
        let users = self.holders.iter().filter(|(held, _)| uses(held));
        users.map(|(held, command)| (held.clone(), command.clone())).collect()
    }
}
