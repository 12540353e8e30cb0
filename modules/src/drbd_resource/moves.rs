//! The moves of `drbd_resource`: what each runs, and what takes it back.

use cutover_engine::action::Action;
use cutover_engine::module::{Change, Context};
use similar::TextDiff;

use crate::drbd::drbdadm;
use crate::file::{run, write_action};
use crate::storage::unit::boot_unit;

/// A resource file with its old and its new text.
pub(super) struct Rewrite<'a> {
    pub(super) file: &'a str,
    pub(super) old: Option<&'a str>,
    pub(super) new: &'a str,
}

impl Rewrite<'_> {
    /// Writes the file of a resource that is not in the kernel.
    pub(super) fn write(&self, cx: &Context) -> Change {
        let verb = if self.old.is_some() { "rewrite" } else { "write" };
        let change = Change::idempotent(format!("{verb} {}", self.file), [self.put(cx)]);
        change.undo([self.put_back(cx)]).preview(self.preview())
    }

    /// Writes the file of a resource that is in the kernel, and makes the kernel follow.
    pub(super) fn write_and_adjust(&self, cx: &Context, resource: &str) -> Change {
        let summary = format!("rewrite {} and adjust {resource} to it while it is up", self.file);
        let change = Change::idempotent(summary, [self.put(cx), drbdadm(cx, ["adjust", resource])]);
        let change = match self.old {
            Some(_) => change.undo([self.put_back(cx), drbdadm(cx, ["adjust", resource])]),
            None => change.undo([self.put_back(cx)]),
        };
        change.preview(self.preview())
    }

    fn put(&self, cx: &Context) -> Action {
        write_action(&cx.place(), self.file, self.new, "", "")
    }

    fn put_back(&self, cx: &Context) -> Action {
        match self.old {
            Some(old) => write_action(&cx.place(), self.file, old, "", ""),
            None => run(&cx.place(), ["rm", "-f", "--", self.file]),
        }
    }

    fn preview(&self) -> String {
        let before = if self.old.is_some() { self.file } else { "/dev/null" };
        TextDiff::from_lines(self.old.unwrap_or_default(), self.new)
            .unified_diff()
            .header(before, self.file)
            .to_string()
    }
}

/// Creates metadata on a disk that carries nothing. There is nothing to take back: the disk was blank.
pub(super) fn create_metadata(cx: &Context, resource: &str, disk: &str, size: &str) -> Change {
    let summary = format!("create DRBD metadata for {resource} at the end of {disk} ({size}, blank)");
    Change::at_most_once(summary, [drbdadm(cx, ["create-md", resource])])
}

/// Brings it up: attached, and connecting.
pub(super) fn up(cx: &Context, resource: &str) -> Change {
    Change::idempotent(format!("bring {resource} up: attach its disk and connect"), [drbdadm(cx, ["up", resource])])
        .undo([drbdadm(cx, ["down", resource])])
}

/// Has systemd bring it up at boot.
pub(super) fn at_boot(cx: &Context, resource: &str) -> Change {
    let unit = boot_unit(resource);
    let systemctl = |verb| run(&cx.place(), ["systemctl", verb, &unit]);
    Change::idempotent(format!("bring {resource} up at boot, by {unit}"), [systemctl("enable")])
        .undo([systemctl("disable")])
}

/// Brings the kernel to what the file says.
pub(super) fn adjust(cx: &Context, resource: &str, pending: &[String]) -> Change {
    let summary = format!("adjust {resource} to its file");
    let change = Change::idempotent(summary, [drbdadm(cx, ["adjust", resource])]);
    if pending.is_empty() {
        change
    } else {
        change.preview(pending.iter().map(|line| format!("{line}\n")).collect::<String>())
    }
}

/// Connects what was disconnected.
pub(super) fn connect(cx: &Context, resource: &str) -> Change {
    Change::idempotent(format!("connect {resource}, which is StandAlone"), [drbdadm(cx, ["connect", resource])])
        .undo([drbdadm(cx, ["disconnect", resource])])
}

/// Takes it down.
pub(super) fn down(cx: &Context, resource: &str) -> Change {
    Change::idempotent(format!("take {resource} down"), [drbdadm(cx, ["down", resource])])
        .undo([drbdadm(cx, ["up", resource])])
}
