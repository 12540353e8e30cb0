//! Decides what a mount needs: nothing, some moves, or a refusal with all its reasons.

use cutover_engine::module::{Change, Diff, Facts};
use cutover_engine::text;
use cutover_engine::text::Text;

use super::fstab;
use super::moves::{self, aside};
use super::{Params, State, Underlay, Wanted};
use crate::support::storage::mounts::Mounted;
use crate::support::storage::unit::{self, DIRECTORY};
use crate::support::storage::users::describe;

/// Compares what is wanted with what is.
pub(super) fn compare(facts: &Facts, params: &Params, state: &State) -> Diff {
    let (reasons, changes) = match params.state {
        Wanted::Mounted => mounted(facts, params, state),
        Wanted::Unmounted => unmounted(facts, params, state),
    };
    if !reasons.is_empty() {
        Diff::refused(reasons)
    } else if changes.is_empty() {
        Diff::InSync
    } else {
        Diff::Change(changes)
    }
}

fn mounted(facts: &Facts, params: &Params, state: &State) -> (Vec<Text>, Vec<Change>) {
    let Params { device, path, options, .. } = params;
    let mut reasons = device_reasons(params, state);
    reasons.extend(fstab::reasons(params, state));
    let mut changes = Vec::new();
    match state.at_path.last() {
        Some(there) if is_ours(there, state) => {
            let missing: Vec<String> = options.iter().filter(|option| !has_option(there, option)).cloned().collect();
            if !missing.is_empty() {
                changes.push(moves::remount(facts, params, there, &missing));
            }
            reasons.extend(read_only(params, there));
        }
        Some(there) => reasons.push(not_ours(there, params)),
        None => {
            reasons.extend(path_reasons(params, state));
            reasons.extend(
                state.elsewhere.iter().filter(|mount| mount.subdirectory.is_none()).map(|mount| &mount.target).map(
                    |at| {
                        text!(
                            "mount.elsewhere",
                            "{device} is already mounted at {at}: unmount it there first",
                            device,
                            at
                        )
                    },
                ),
            );
            if !state.nested.is_empty() {
                reasons.push(text!(
                    "mount.hides",
                    "{path} has mounts further down, which a mount would hide: {mounts}",
                    path,
                    mounts = state.nested.join(", ")
                ));
            }
            if !state.users.is_empty() {
                reasons.push(in_use(path, state));
            }
            if params.underlay == Underlay::Sealed
                && let Some(beneath) = &state.beneath
                && !(beneath.immutable && beneath.entries.is_empty())
            {
                if !beneath.entries.is_empty() && beneath.aside {
                    let aside = aside(path);
                    reasons.push(text!(
                        "mount.aside-in-the-way",
                        "{path} is not empty, and {aside}, where its content would go, exists already",
                        path,
                        aside
                    ));
                }
                changes.push(moves::seal(facts, params, beneath, state.directory == "missing"));
            }
            changes.push(moves::mount(facts, params));
        }
    }
    if let Some(boot) = params.boot(facts) {
        reasons.extend(foreign_units(&boot.units(), state));
        changes.extend(moves::persist(facts, path, &boot.units(), &state.units));
    }
    (reasons, changes)
}

fn unmounted(facts: &Facts, params: &Params, state: &State) -> (Vec<Text>, Vec<Change>) {
    let path = &params.path;
    let mut reasons = Vec::new();
    let mut changes = Vec::new();
    if let Some(there) = state.at_path.last() {
        if !is_ours(there, state) {
            reasons.push(not_ours(there, params));
        }
        if !state.nested.is_empty() {
            reasons.push(text!(
                "mount.nested",
                "{path} has mounts further down: unmount {mounts} first",
                path,
                mounts = state.nested.join(", ")
            ));
        }
        if !state.users.is_empty() {
            reasons.push(in_use(path, state));
        }
        changes.push(moves::unmount(facts, params, there));
    }
    // While it is mounted the directory beneath is not seen: it is dealt with once it is.
    if let Some(beneath) = &state.beneath {
        match params.underlay {
            Underlay::Sealed if !(beneath.immutable && beneath.entries.is_empty()) => {
                if !beneath.entries.is_empty() && beneath.aside {
                    let aside = aside(path);
                    reasons.push(text!("mount.aside", "{path} is not empty, and {aside} exists already", path, aside));
                }
                changes.push(moves::seal(facts, params, beneath, state.directory == "missing"));
            }
            Underlay::Open if beneath.immutable || (beneath.aside && beneath.entries.is_empty()) => {
                changes.push(moves::open(facts, params, beneath));
            }
            _ => {}
        }
    }
    (reasons, changes)
}

/// What speaks against the device: that it does not open, is not Primary, or carries something else than expected.
fn device_reasons(params: &Params, state: &State) -> Vec<Text> {
    let Params { device, kind, uuid, .. } = params;
    let mut reasons = state.block.obstacles();
    let kind = kind.name();
    match (&state.block.signature, reasons.is_empty()) {
        (Some(signature), _) if signature.kind == kind => {
            if let Some(uuid) = uuid
                && !uuid.eq_ignore_ascii_case(&signature.uuid)
            {
                let there = &signature.uuid;
                reasons.push(text!(
                    "mount.other-uuid",
                    "{device} carries the file system with UUID {there}, not {uuid}",
                    device,
                    there,
                    uuid
                ));
            }
        }
        (Some(_), _) => {
            let contents = state.block.contents().unwrap_or_default();
            reasons.push(text!("mount.other-type", "{device} carries {contents}, not {kind}", device, contents, kind));
        }
        (None, true) => reasons.push(text!(
            "mount.no-filesystem",
            "{device} carries no file system: make one first, with filesystem",
            device
        )),
        (None, false) => {}
    }
    reasons
}

fn path_reasons(params: &Params, state: &State) -> Vec<Text> {
    let path = &params.path;
    match state.directory.as_str() {
        "directory" if state.real_path == *path => Vec::new(),
        "directory" => {
            let real = &state.real_path;
            vec![text!("mount.link", "{path} leads through a symbolic link: name {real} instead", path, real)]
        }
        "missing" if state.beneath.is_some() => Vec::new(),
        "missing" => {
            vec![text!(
                "mount.no-directory",
                "the mount point {path} does not exist: make it first, with file and `state: directory`",
                path
            )]
        }
        _ => vec![text!("mount.not-a-directory", "{path} is not a directory", path)],
    }
}

fn is_ours(there: &Mounted, state: &State) -> bool {
    there.source == state.block.kernel_name && there.subdirectory.is_none()
}

/// Units of the names that are needed, which somebody else wrote.
fn foreign_units(wanted: &[(String, String)], state: &State) -> Vec<Text> {
    let foreign = wanted
        .iter()
        .zip(&state.units)
        .filter(|((_, text), unit)| unit.text.as_ref().is_some_and(|there| there != text && !unit::is_ours(there)));
    let reason = |((name, _), _): (&(String, String), _)| {
        text!(
            "mount.foreign-unit",
            "{directory}/{name} was not written by cutover, and would be lost: move it away if it is not needed, and run `systemctl daemon-reload`",
            directory = DIRECTORY,
            name
        )
    };
    foreign.map(reason).collect()
}

/// That nothing can be written there, though it was not asked to be so.
fn read_only(params: &Params, there: &Mounted) -> Option<Text> {
    let Params { device, path, options, .. } = params;
    let is = there.options.split(',').any(|option| option == "ro");
    (is && !options.iter().any(|option| matches!(option.as_str(), "ro" | "rw"))).then(|| {
        text!(
            "mount.read-only",
            "{device} is mounted read-only at {path}: the kernel does that after an error (look at `dmesg`), or somebody did; unmount it and check the file system (`fsck -n {device}`), or say `options: [ro]`",
            device = device,
            path = path
        )
    })
}

fn in_use(path: &str, state: &State) -> Text {
    text!("mount.in-use", "{path} is in use: {users}", path, users = describe(&state.users))
}

fn not_ours(there: &Mounted, params: &Params) -> Text {
    let Params { path, device, .. } = params;
    let Mounted { source, fstype, subdirectory, .. } = there;
    match subdirectory {
        Some(inside) => text!(
            "mount.taken-by-directory",
            "at {path} there is {source} ({fstype}, directory {inside}) mounted, not {device}",
            path,
            source,
            fstype,
            inside,
            device
        ),
        None => text!(
            "mount.taken",
            "at {path} there is {source} ({fstype}) mounted, not {device}",
            path,
            source,
            fstype,
            device
        ),
    }
}

fn has_option(there: &Mounted, option: &str) -> bool {
    matches!(option, "defaults" | "_netdev" | "nofail") || there.options.split(',').any(|set| set == option)
}
