//! What removes a file or directory, and what is never removed.

use cutover_engine::module::{Change, Diff};
use cutover_engine::world::Place;

use super::{Found, Params, changes, chattr, path, run, write_action};

/// Compares nothing with what is.
pub(super) fn diff(params: &Params, place: &Place, found: Option<&Found>) -> Diff {
    let Some(found) = found else { return changes(Vec::new()) };
    let path = path(params);
    let reasons = refusals(params, found);
    if !reasons.is_empty() {
        return Diff::refused(reasons);
    }
    let mut actions = Vec::new();
    if found.immutable == Some(true) {
        actions.push(chattr(place, path, false));
    }
    let entries = found.entries.unwrap_or(0);
    let change = match found.kind.as_str() {
        "d" if entries > 0 => {
            actions.push(run(place, ["rm", "-rf", "--one-file-system", "--", path]));
            Change::at_most_once(format!("remove the directory {path} with the {entries} entries in it"), actions)
        }
        "d" => {
            actions.push(run(place, ["rmdir", "--", path]));
            let owner = format!("{}:{}", found.owner[0], found.group[0]);
            let mode = found.mode.to_string();
            Change::idempotent(format!("remove the empty directory {path}"), actions).undo([
                run(place, ["mkdir", "-p", "--", path]),
                run(place, ["chown", "--", &owner, path]),
                run(place, ["chmod", "--", &mode, path]),
            ])
        }
        _ => {
            actions.push(run(place, ["rm", "-f", "--", path]));
            let change = Change::idempotent(format!("remove {path}"), actions);
            let owner = format!("{}:{}", found.owner[0], found.group[0]);
            match &found.content {
                Some(content) => change.undo([write_action(place, path, content, &found.mode.to_string(), &owner)]),
                None => change,
            }
        }
    };
    changes(vec![change])
}

/// Everything that speaks against removing it.
fn refusals(params: &Params, found: &Found) -> Vec<String> {
    let path = path(params);
    let mut reasons = Vec::new();
    if let Some((device, other)) = params.device.as_ref().zip(found.misplaced.as_ref()) {
        reasons.push(format!("{path} lies on {other}, not on {device}"));
    }
    if found.kind == "d" {
        // `/data` and its like hold whole machines' worth of data.
        if path.matches('/').count() < 2 {
            reasons.push(format!("{path} is a top-level directory"));
        }
        if found.mount_point == Some(true) {
            reasons.push(format!("{path} is a mount point; unmount it first"));
        }
        let entries = found.entries.unwrap_or(0);
        if entries > 0 && !params.recursive {
            reasons.push(format!("{path} is not empty ({entries} entries); say `recursive: true` to remove them"));
        }
    } else if matches!(found.kind.as_str(), "b" | "c") {
        reasons.push(format!("{path} is a device"));
    }
    reasons
}
