//! What removes a file or directory, and what is never removed.

use cutover_engine::module::{Change, Diff};
use cutover_engine::text;
use cutover_engine::text::Text;
use cutover_engine::world::Place;

use super::{Found, Params, changes, chattr, path, run, write_action};

/// What the change that removes it is called.
const KEY: &str = "remove";

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
            let summary = text!(
                "file.remove-tree",
                "remove the directory {path} with the {entries} entries in it",
                path,
                entries
            );
            Change::at_most_once(KEY, summary, actions)
        }
        "d" => {
            actions.push(run(place, ["rmdir", "--", path]));
            let owner = format!("{}:{}", found.owner[0], found.group[0]);
            let mode = found.mode.to_string();
            let summary = text!("file.remove-directory", "remove the empty directory {path}", path);
            Change::idempotent(KEY, summary, actions).undo([
                run(place, ["mkdir", "-p", "--", path]),
                run(place, ["chown", "--", &owner, path]),
                run(place, ["chmod", "--", &mode, path]),
            ])
        }
        _ => {
            actions.push(run(place, ["rm", "-f", "--", path]));
            let change = Change::idempotent(KEY, text!("file.remove", "remove {path}", path), actions);
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
fn refusals(params: &Params, found: &Found) -> Vec<Text> {
    let path = path(params);
    let mut reasons = Vec::new();
    if let Some((device, other)) = params.device.as_ref().zip(found.misplaced.as_ref()) {
        reasons.push(text!("file.misplaced", "{path} lies on {other}, not on {device}", path, other, device));
    }
    if found.kind == "d" {
        // `/data` and its like hold whole machines' worth of data.
        if path.matches('/').count() < 2 {
            reasons.push(text!("file.top-level-directory", "{path} is a top-level directory", path));
        }
        if found.mount_point == Some(true) {
            reasons.push(text!("file.mount-point", "{path} is a mount point; unmount it first", path));
        }
        let entries = found.entries.unwrap_or(0);
        if entries > 0 && !params.recursive {
            reasons.push(text!(
                "file.not-empty",
                "{path} is not empty ({entries} entries); say `recursive: true` to remove them",
                path,
                entries
            ));
        }
    } else if matches!(found.kind.as_str(), "b" | "c") {
        reasons.push(text!("file.is-device", "{path} is a device", path));
    }
    reasons
}
