//! Decides what a mount needs: nothing, some moves, or a refusal with all its reasons.

use cutover_engine::module::{Change, Diff, Facts};

use super::moves::{self, aside};
use super::{Params, State, Underlay, Wanted};
use crate::storage::mounts::Mounted;
use crate::storage::users::describe;

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

fn mounted(facts: &Facts, params: &Params, state: &State) -> (Vec<String>, Vec<Change>) {
    let Params { device, path, options, .. } = params;
    let mut reasons = device_reasons(params, state);
    let mut changes = Vec::new();
    match state.at_path.last() {
        Some(there) if is_ours(there, state) => {
            let missing: Vec<String> = options.iter().filter(|option| !has_option(there, option)).cloned().collect();
            if !missing.is_empty() {
                changes.push(moves::remount(facts, params, there, &missing));
            }
        }
        Some(there) => reasons.push(not_ours(there, params)),
        None => {
            reasons.extend(path_reasons(params, state));
            reasons.extend(
                state
                    .elsewhere
                    .iter()
                    .filter(|mount| mount.subdirectory.is_none())
                    .map(|mount| format!("{device} is already mounted at {}: unmount it there first", mount.target)),
            );
            if !state.nested.is_empty() {
                reasons.push(format!(
                    "{path} has mounts further down, which a mount would hide: {}",
                    state.nested.join(", ")
                ));
            }
            if !state.users.is_empty() {
                reasons.push(format!("{path} is in use: {}", describe(&state.users)));
            }
            if params.underlay == Underlay::Sealed
                && let Some(beneath) = &state.beneath
                && !(beneath.immutable && beneath.entries.is_empty())
            {
                if !beneath.entries.is_empty() && beneath.aside {
                    let aside = aside(path);
                    reasons
                        .push(format!("{path} is not empty, and {aside}, where its content would go, exists already"));
                }
                changes.push(moves::seal(facts, params, beneath, state.directory == "missing"));
            }
            changes.push(moves::mount(facts, params));
        }
    }
    if let Some(boot) = params.boot(facts) {
        changes.extend(moves::persist(facts, path, &boot.units(), &state.units));
    }
    (reasons, changes)
}

fn unmounted(facts: &Facts, params: &Params, state: &State) -> (Vec<String>, Vec<Change>) {
    let path = &params.path;
    let mut reasons = Vec::new();
    let mut changes = Vec::new();
    if let Some(there) = state.at_path.last() {
        if !is_ours(there, state) {
            reasons.push(not_ours(there, params));
        }
        if !state.nested.is_empty() {
            reasons.push(format!("{path} has mounts further down: unmount {} first", state.nested.join(", ")));
        }
        if !state.users.is_empty() {
            reasons.push(format!("{path} is in use: {}", describe(&state.users)));
        }
        changes.push(moves::unmount(facts, params, there));
    }
    // While it is mounted the directory beneath is not seen: it is dealt with once it is.
    if let Some(beneath) = &state.beneath {
        match params.underlay {
            Underlay::Sealed if !(beneath.immutable && beneath.entries.is_empty()) => {
                if !beneath.entries.is_empty() && beneath.aside {
                    reasons.push(format!("{path} is not empty, and {} exists already", aside(path)));
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
fn device_reasons(params: &Params, state: &State) -> Vec<String> {
    let Params { device, kind, uuid, .. } = params;
    let mut reasons = state.block.obstacles();
    let kind = kind.name();
    match (&state.block.signature, reasons.is_empty()) {
        (Some(signature), _) if signature.kind == kind => {
            if let Some(uuid) = uuid
                && !uuid.eq_ignore_ascii_case(&signature.uuid)
            {
                reasons.push(format!("{device} carries the file system with UUID {}, not {uuid}", signature.uuid));
            }
        }
        (Some(_), _) => {
            let contents = state.block.contents().unwrap_or_default();
            reasons.push(format!("{device} carries {contents}, not {kind}"));
        }
        (None, true) => reasons.push(format!("{device} carries no file system: make one first, with filesystem")),
        (None, false) => {}
    }
    reasons
}

fn path_reasons(params: &Params, state: &State) -> Vec<String> {
    let path = &params.path;
    match state.directory.as_str() {
        "directory" if state.real_path == *path => Vec::new(),
        "directory" => vec![format!("{path} leads through a symbolic link: name {} instead", state.real_path)],
        "missing" if state.beneath.is_some() => Vec::new(),
        "missing" => {
            vec![format!("the mount point {path} does not exist: make it first, with file and `state: directory`")]
        }
        _ => vec![format!("{path} is no directory")],
    }
}

fn is_ours(there: &Mounted, state: &State) -> bool {
    there.source == state.block.kernel_name && there.subdirectory.is_none()
}

fn not_ours(there: &Mounted, params: &Params) -> String {
    let inside = there.subdirectory.as_ref().map(|inside| format!(", directory {inside}")).unwrap_or_default();
    format!("at {} there is {} ({}{inside}) mounted, not {}", params.path, there.source, there.fstype, params.device)
}

fn has_option(there: &Mounted, option: &str) -> bool {
    matches!(option, "defaults" | "_netdev" | "nofail") || there.options.split(',').any(|set| set == option)
}
