//! `drbdmeta`: metadata on a disk that no kernel has attached. Its own command line only as far as it is used by hand.

use futures_util::future::BoxFuture;

use super::words::{disk_state, generations};
use super::{Session, session};
use crate::machine::Disk;
use crate::machine::drbd::{DiskState, DrbdResource, Layout, Metadata, operations};
use crate::machine::program::{Call, Program, Reply};

/// The answer to drbdmeta's questions, as there is no terminal.
const NO_TERMINAL: &str = "stdin not a TTY, not waiting for confirmation";
/// What drbdmeta says of data that reaches into where the metadata would be.
const TRUNCATED: &str = "
Device size would be truncated, which
would corrupt data and result in
'access beyond end of device' errors.
You need to either
   * use external meta data (recommended)
   * shrink that filesystem first
   * zero out the device (destroy the filesystem)
Operation refused.

";
/// What it says of data that does not.
const UNUSED_SPACE: &str = "
Even though it looks like this would place the new meta data into
unused space, you still need to confirm, as this is only a guess.
";

/// `drbdmeta MINOR v09|v08 DISK internal create-md [PEERS] [--force]|get-gi|dstate|apply-al`
pub(crate) struct Drbdmeta;

impl Program for Drbdmeta {
    fn names(&self) -> &'static [&'static str] {
        &["drbdmeta"]
    }

    fn run<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            let Some(machine) = call.machine() else {
                return Reply::fail(127, "sh: 1: drbdmeta: not found\n");
            };
            session(call.world, machine, |session| run(session, call.args))
        })
    }
}

/// Runs a command line.
pub(super) fn run(session: &mut Session<'_>, args: &[String]) -> i32 {
    let words: Vec<&str> = args.iter().map(String::as_str).filter(|arg| !arg.starts_with('-')).collect();
    let [minor, _, disk, "internal", verb, ..] = words.as_slice() else {
        session.stderr += "USAGE: drbdmeta [--force] DEVICE FORMAT [FORMAT ARGS...] COMMAND [CMD ARGS...]\n";
        return 20;
    };
    let device = Device { minor, disk };
    match *verb {
        "create-md" => device.create(session, args.iter().any(|arg| arg == "--force")),
        "apply-al" => device.apply_activity_log(session),
        "get-gi" => device.read(session, |metadata, legacy| generations(metadata, None, legacy)),
        "dstate" => device.read(session, |metadata, _| disk_state(metadata)),
        other => {
            session.stderr += &format!("Unknown command '{other}'.\n");
            20
        }
    }
}

/// The metadata format of a generation of DRBD.
pub(super) fn format(legacy: bool) -> &'static str {
    if legacy { "v08" } else { "v09" }
}

/// `drbdadm create-md`
pub(super) fn create(session: &mut Session<'_>, wanted: &DrbdResource, force: bool) -> i32 {
    let code = Device::of(wanted).create(session, force);
    let peers = if session.legacy { "" } else { " 1" };
    let force = if force { " --force" } else { "" };
    report(session, wanted, &format!("create-md{peers}{force}"), code)
}

/// `drbdmeta apply-al`, as drbdadm calls it before it attaches.
pub(super) fn apply_activity_log(session: &mut Session<'_>, wanted: &DrbdResource) -> i32 {
    let code = Device::of(wanted).apply_activity_log(session);
    report(session, wanted, "apply-al", code)
}

/// `drbdmeta invalidate`, as drbdadm calls it if the resource is down.
pub(super) fn invalidate(session: &mut Session<'_>, wanted: &DrbdResource) -> i32 {
    let device = Device::of(wanted);
    let Some(metadata) = device.disk_mut(session).and_then(|disk| disk.metadata.as_mut()) else {
        return device.without_metadata(session);
    };
    metadata.invalidate();
    0
}

/// `drbdmeta outdate`, as drbdadm calls it of DRBD 9 in every case: it refuses a disk that is attached.
pub(super) fn outdate(session: &mut Session<'_>, wanted: &DrbdResource) -> i32 {
    let device = Device::of(wanted);
    let code = match device.locked(session) {
        Some(code) => code,
        None => match device.disk_mut(session).and_then(|disk| disk.metadata.as_mut()) {
            Some(metadata) => {
                metadata.up_to_date = false;
                0
            }
            None => device.without_metadata(session),
        },
    };
    report(session, wanted, "outdate", code)
}

/// Reads a disk's metadata and prints something of it.
pub(super) fn read(
    session: &mut Session<'_>,
    wanted: &DrbdResource,
    say: impl FnOnce(&Metadata, bool) -> String,
) -> i32 {
    Device::of(wanted).read(session, say)
}

fn report(session: &mut Session<'_>, wanted: &DrbdResource, line: &str, code: i32) -> i32 {
    if code >= 10 {
        let (minor, format, disk) = (wanted.minor, format(session.legacy), &wanted.disk);
        session.stderr +=
            &format!("Command 'drbdmeta {minor} {format} {disk} internal {line}' terminated with exit code {code}\n");
    }
    code
}

/// A disk, and the minor that it may be attached as.
struct Device<'a> {
    minor: &'a str,
    disk: &'a str,
}

impl<'a> Device<'a> {
    fn of(wanted: &'a DrbdResource) -> Self {
        Self { minor: wanted.device.trim_start_matches("/dev/drbd"), disk: &wanted.disk }
    }

    fn disk_mut<'s>(&self, session: &'s mut Session<'_>) -> Option<&'s mut Disk> {
        let machine = session.state.get_mut(session.machine)?;
        let device = machine.kernel_name(self.disk);
        machine.disks.get_mut(&device)
    }

    fn without_metadata(&self, session: &mut Session<'_>) -> i32 {
        if self.disk_mut(session).is_none() {
            session.stderr += &format!("open({}) failed: No such file or directory\n", self.disk);
            return 20;
        }
        session.stderr += "No valid meta data found\n";
        1
    }

    /// Whether the kernel has it attached.
    fn attached(&self, session: &Session<'_>) -> bool {
        let machine = session.state.get(session.machine);
        let mut resources = machine.into_iter().flat_map(|machine| machine.drbd.values());
        resources.any(|own| own.minor.to_string() == self.minor && own.disk_state != DiskState::Diskless)
    }

    /// Refuses to touch a disk that the kernel has attached, or that is mounted.
    fn locked(&self, session: &mut Session<'_>) -> Option<i32> {
        if self.attached(session) {
            session.stderr += &format!("Device '{}' is configured!\n", self.minor);
            return Some(20);
        }
        let machine = session.state.get(session.machine)?;
        let device = machine.kernel_name(self.disk);
        if machine.mounts.iter().any(|mount| mount.source == device) || machine.attached_to(&device).is_some() {
            session.stderr += &format!(
                "open({}) failed: Device or resource busy\n\nExclusive open failed. Do it anyways?\n{NO_TERMINAL}\n",
                self.disk
            );
            session.stdout += "Operation canceled.\n";
            return Some(20);
        }
        None
    }

    fn read(&self, session: &mut Session<'_>, say: impl FnOnce(&Metadata, bool) -> String) -> i32 {
        let legacy = session.legacy;
        match self.disk_mut(session).and_then(|disk| disk.metadata.as_ref()).map(|metadata| say(metadata, legacy)) {
            Some(text) => {
                session.stdout += &text;
                0
            }
            None => self.without_metadata(session),
        }
    }

    fn apply_activity_log(&self, session: &mut Session<'_>) -> i32 {
        if let Some(code) = self.locked(session) {
            return code;
        }
        let Some(disk) = self.disk_mut(session).filter(|disk| disk.metadata.is_some()) else {
            return self.without_metadata(session);
        };
        if let Some(kib) = operations::apply_activity_log(disk) {
            session.stderr += &format!("Marked additional {} MB as out-of-sync based on AL.\n", kib / 1024);
        }
        0
    }

    fn create(&self, session: &mut Session<'_>, force: bool) -> i32 {
        if self.attached(session) {
            // It tries to have the disk for itself first.
            session.stderr += &format!("open({}) failed: Device or resource busy\n", self.disk);
            confirmed(session, "Exclusive open failed. Do it anyways?", force);
        }
        if let Some(code) = self.locked(session) {
            return code;
        }
        let Some(disk) = self.disk_mut(session).map(|disk| disk.clone()) else {
            return self.without_metadata(session);
        };
        let (layout, format) = (Layout::of(disk.bytes), format(session.legacy));
        if disk.metadata.is_some() {
            session.stderr += &format!(
                "You want me to create a {format} style flexible-size internal meta data block.\n\
                 There appears to be a {format} flexible-size internal meta data block\n\
                 already in place on {} at byte offset {}\n",
                self.disk, layout.superblock
            );
            if !confirmed(session, "Do you really want to overwrite the existing meta-data?", force) {
                session.stdout += "Operation cancelled.\n";
                return 1;
            }
        }
        if let Some(code) = existing_data(session, &disk, layout, force) {
            return code;
        }
        session.stderr += &format!("initializing bitmap ({} KB) to all zero\n", layout.bitmap_kib);
        session.stdout += "initializing activity log\n";
        session.stdout += "Writing meta data...\nNew drbd meta data block successfully created.\n";
        if let Some(disk) = self.disk_mut(session) {
            disk.metadata = Some(Metadata::new());
        }
        0
    }
}

/// Asks on a terminal, of which there is none.
fn confirmed(session: &mut Session<'_>, question: &str, force: bool) -> bool {
    let answer = if force { "*** confirmation forced via --force option ***" } else { NO_TERMINAL };
    session.stderr += &format!("\n{question}\n{answer}\n");
    force
}

/// What stands against writing metadata over what a disk holds. `--force` does not help where data would be cut off.
fn existing_data(session: &mut Session<'_>, disk: &Disk, layout: Layout, force: bool) -> Option<i32> {
    // What was written through a DRBD device is no larger than that; anything else fills the disk.
    let device_kib = if disk.metadata.is_some() { layout.usable_kib } else { disk.bytes / 1024 };
    let (what, used) = match disk.content.kind() {
        "" => return None,
        "xfs" => ("xfs filesystem", Some(device_kib)),
        "ext2" | "ext3" | "ext4" => ("ext3 filesystem", Some(device_kib)),
        "LVM2_member" => ("LVM2 physical volume signature", Some(device_kib)),
        _ => ("some data", None),
    };
    session.stdout += &format!(
        "md_offset {}\nal_offset {}\nbm_offset {}\n\nFound {what}\n",
        layout.superblock, layout.activity_log, layout.bitmap
    );
    match used {
        None => session.stdout += "\n ==> This might destroy existing data! <==\n",
        Some(used) => {
            session.stdout += &format!(
                "{used:12} kB data area apparently used\n{:12} kB left usable by current configuration\n",
                layout.usable_kib
            );
            if used > layout.usable_kib {
                session.stdout += TRUNCATED;
                return Some(40);
            }
            session.stdout += UNUSED_SPACE;
        }
    }
    if !confirmed(session, "Do you want to proceed?", force) {
        session.stdout += "Operation canceled.\n";
        return Some(1);
    }
    None
}
