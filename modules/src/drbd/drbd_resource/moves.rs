//! The moves of `drbd_resource`: what each runs, and what undoes it.

use cutover_engine::action::Action;
use cutover_engine::module::{Change, Facts};
use cutover_engine::text;

use crate::files::file::{run, write_action};
use crate::support::difference;
use crate::support::drbd::drbdadm;
use crate::support::storage::unit::boot_unit;

/// A resource file with its old and its new text.
pub(super) struct Rewrite<'a> {
    pub(super) file: &'a str,
    pub(super) old: Option<&'a str>,
    pub(super) new: &'a str,
}

impl Rewrite<'_> {
    /// Writes the file of a resource that is not in the kernel.
    pub(super) fn write(&self, facts: &Facts) -> Change {
        let file = self.file;
        let summary = match self.old {
            Some(_) => text!("drbd_resource.rewrite", "rewrite {file}", file),
            None => text!("drbd_resource.write", "write {file}", file),
        };
        let change = Change::idempotent("write-file", summary, [self.put(facts)]);
        change.undo([self.put_back(facts)]).preview(self.preview())
    }

    /// Writes the file of a resource that is in the kernel, and makes the kernel follow.
    pub(super) fn write_and_adjust(&self, facts: &Facts, resource: &str) -> Change {
        let summary = text!(
            "drbd_resource.rewrite-and-adjust",
            "rewrite {file} and adjust {resource} to it while it is up",
            file = self.file,
            resource = resource
        );
        let change = Change::idempotent(
            "write-file-and-adjust",
            summary,
            [self.put(facts), drbdadm(facts, ["adjust", resource])],
        );
        let change = match self.old {
            Some(_) => change.undo([self.put_back(facts), drbdadm(facts, ["adjust", resource])]),
            None => change.undo([self.put_back(facts)]),
        };
        change.preview(self.preview())
    }

    fn put(&self, facts: &Facts) -> Action {
        write_action(&facts.place(), self.file, self.new, "", "")
    }

    fn put_back(&self, facts: &Facts) -> Action {
        match self.old {
            Some(old) => write_action(&facts.place(), self.file, old, "", ""),
            None => run(&facts.place(), ["rm", "-f", "--", self.file]),
        }
    }

    fn preview(&self) -> String {
        let before = if self.old.is_some() { self.file } else { "/dev/null" };
        difference::named_lines((before, self.old.unwrap_or_default()), (self.file, self.new))
    }
}

/// Creates metadata on a disk that carries nothing. There is nothing to undo: the disk was blank.
pub(super) fn create_metadata(facts: &Facts, resource: &str, disk: &str, size: &str) -> Change {
    let summary = text!(
        "drbd_resource.create-metadata",
        "create DRBD metadata for {resource} at the end of {disk} ({size}, blank)",
        resource = resource,
        disk = disk,
        size = size
    );
    Change::at_most_once("create-metadata", summary, [drbdadm(facts, ["create-md", resource])])
}

/// Brings it up: attached, and connecting.
pub(super) fn up(facts: &Facts, resource: &str) -> Change {
    let summary = text!("drbd_resource.up", "bring {resource} up: attach its disk and connect", resource = resource);
    Change::idempotent("up", summary, [drbdadm(facts, ["up", resource])]).undo([drbdadm(facts, ["down", resource])])
}

/// Has systemd bring it up at boot.
pub(super) fn at_boot(facts: &Facts, resource: &str) -> Change {
    let unit = boot_unit(resource);
    let systemctl = |verb| run(&facts.place(), ["systemctl", verb, &unit]);
    let summary = text!("drbd_resource.at-boot", "bring {resource} up at boot, by {unit}", resource = resource, unit);
    Change::idempotent("enable-at-boot", summary, [systemctl("enable")]).undo([systemctl("disable")])
}

/// Brings the kernel to what the file says.
pub(super) fn adjust(facts: &Facts, resource: &str, pending: &[String]) -> Change {
    let summary = text!("drbd_resource.adjust", "adjust {resource} to its file", resource = resource);
    let change = Change::idempotent("adjust", summary, [drbdadm(facts, ["adjust", resource])]);
    if pending.is_empty() {
        change
    } else {
        change.preview(pending.iter().map(|line| format!("{line}\n")).collect::<String>())
    }
}

/// Connects what was disconnected.
pub(super) fn connect(facts: &Facts, resource: &str) -> Change {
    let summary = text!("drbd_resource.connect", "connect {resource}, which is StandAlone", resource = resource);
    Change::idempotent("connect", summary, [drbdadm(facts, ["connect", resource])])
        .undo([drbdadm(facts, ["disconnect", resource])])
}

/// Takes it down.
pub(super) fn down(facts: &Facts, resource: &str) -> Change {
    let summary = text!("drbd_resource.down", "take {resource} down", resource = resource);
    Change::idempotent("down", summary, [drbdadm(facts, ["down", resource])]).undo([drbdadm(facts, ["up", resource])])
}
