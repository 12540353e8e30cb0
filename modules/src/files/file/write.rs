//! What makes a file or directory as it shall be.

use cutover_engine::action::Action;
use cutover_engine::module::{Change, Diff};
use cutover_engine::text;
use cutover_engine::text::Text;
use cutover_engine::world::Place;

use super::{Found, Params, Wanted, changes, chattr, path, run, write_action};
use crate::support::permission::Principal;

/// Compares what shall be with what is.
pub(super) fn diff(params: &Params, place: &Place, found: Option<&Found>) -> Diff {
    let directory = params.state == Wanted::Directory;
    let mut todo = match found {
        None => vec![make(params, place)],
        Some(found) if (found.kind == "d") != directory || !matches!(found.kind.as_str(), "d" | "f") => {
            let (path, there) = (path(params), kind(&found.kind));
            let wanted = kind(if directory { "d" } else { "f" });
            return Diff::blocked(text!("file.other-kind", "{path} is {there}, not {wanted}", path, there, wanted));
        }
        Some(found) => adjust(params, place, found),
    };
    let locked = found.is_some_and(|found| found.immutable == Some(true));
    if locked && !todo.is_empty() {
        todo.insert(0, lock(params, place, false));
    }
    match params.immutable {
        Some(true) if !locked || !todo.is_empty() => todo.push(lock(params, place, true)),
        Some(false) if locked && todo.is_empty() => todo.push(lock(params, place, false)),
        _ => {}
    }
    changes(todo)
}

/// Sets or clears the immutable attribute.
fn lock(params: &Params, place: &Place, on: bool) -> Change {
    let path = path(params);
    let (key, summary) = match on {
        true => ("set-immutable", text!("file.lock", "set the immutable attribute of {path}", path)),
        false => ("clear-immutable", text!("file.unlock", "clear the immutable attribute of {path}", path)),
    };
    Change::idempotent(key, summary, [chattr(place, path, on)]).undo([chattr(place, path, !on)])
}

/// What makes it where nothing is.
fn make(params: &Params, place: &Place) -> Change {
    let path = path(params);
    let directory = params.state == Wanted::Directory;
    let mode = params.mode.map(|mode| if directory { mode.exact() } else { mode.to_string() });
    let owner = wanted_owner(params);
    if directory {
        let mut actions = vec![run(place, ["mkdir", "-p", "--", path])];
        actions.extend(owner.map(|owner| run(place, ["chown", "--", &owner, path])));
        actions.extend(mode.map(|mode| run(place, ["chmod", "--", &mode, path])));
        return Change::idempotent("create", text!("file.make-directory", "make the directory {path}", path), actions)
            // What others have put into it meanwhile stays, and keeps nobody from undoing what was before.
            .undo([run(place, ["rmdir", "--ignore-fail-on-non-empty", "--", path])]);
    }
    let content = params.content.as_deref().unwrap_or_default();
    let action =
        write_action(place, path, content, mode.as_deref().unwrap_or_default(), owner.as_deref().unwrap_or_default());
    let bytes = content.len();
    let summary = text!("file.create", "create {path} ({bytes} bytes)", path, bytes);
    let change = Change::idempotent("create", summary, [action]);
    change.preview(preview("", content)).undo([run(place, ["rm", "-f", "--", path])])
}

/// What makes an existing one right.
fn adjust(params: &Params, place: &Place, found: &Found) -> Vec<Change> {
    let path = path(params);
    let mut todo = Vec::new();
    if let Some(content) = params.content.as_deref().filter(|content| found.content.as_deref() != Some(*content)) {
        let old = found.content.as_deref();
        let write = write_action(place, path, content, "", "");
        let bytes = content.len();
        let summary = text!("file.replace", "replace the content of {path} ({bytes} bytes)", path, bytes);
        let change = Change::idempotent("set-content", summary, [write]);
        let change = change.preview(
            old.map_or_else(|| "(the old content is not a short text)".to_owned(), |old| preview(old, content)),
        );
        todo.push(match old {
            Some(old) => change.undo([write_action(place, path, old, "", "")]),
            None => change,
        });
    }
    let same =
        |wanted: &Option<Principal>, is: &[String; 2]| wanted.as_ref().is_none_or(|wanted| is.contains(&wanted.0));
    if !same(&params.owner, &found.owner) || !same(&params.group, &found.group) {
        let owner = wanted_owner(params).unwrap_or_default();
        let before = format!("{}:{}", found.owner[0], found.group[0]);
        // Changing the owner clears setuid and setgid, so the mode is set again.
        let mode = params.mode.unwrap_or(found.mode).exact();
        let chown = |owner: &str| run(place, ["chown", "--", owner, path]);
        let chmod = |mode: &str| run(place, ["chmod", "--", mode, path]);
        let summary = text!("file.owner", "change the owner of {path} from {before} to {owner}", path, before, owner);
        let change = Change::idempotent("set-owner", summary, [chown(&owner), chmod(&mode)]);
        todo.push(change.undo([chown(&before), chmod(&found.mode.exact())]));
    } else if let Some(mode) = params.mode.filter(|mode| *mode != found.mode) {
        let chmod = |mode: String| -> Action { run(place, ["chmod", "--", &mode, path]) };
        let (before, after) = (found.mode.to_string(), mode.to_string());
        let summary =
            text!("file.mode", "change the mode of {path} from {before} to {mode}", path, before, mode = after);
        let change = Change::idempotent("set-mode", summary, [chmod(mode.exact())]);
        todo.push(change.undo([chmod(found.mode.exact())]));
    }
    todo
}

fn wanted_owner(params: &Params) -> Option<String> {
    match (&params.owner, &params.group) {
        (None, None) => None,
        (Some(owner), None) => Some(owner.0.clone()),
        (owner, Some(group)) => Some(format!("{}:{}", owner.as_ref().map_or("", |owner| &owner.0), group.0)),
    }
}

/// A diff of two texts for people: the lines that go and the lines that come, with unchanged ones at both ends left out.
fn preview(old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let tail = old[head..].iter().rev().zip(new[head..].iter().rev()).take_while(|(a, b)| a == b).count();
    let gone = old[head..old.len() - tail].iter().map(|line| format!("-{line}"));
    let come = new[head..new.len() - tail].iter().map(|line| format!("+{line}"));
    let place = format!("@@ line {} @@", head + 1);
    [place].into_iter().chain(gone).chain(come).collect::<Vec<_>>().join("\n")
}

fn kind(letter: &str) -> Text {
    match letter {
        "d" => text!("file.kind-directory", "a directory"),
        "f" => text!("file.kind-file", "a regular file"),
        "l" => text!("file.kind-link", "a symbolic link"),
        "b" | "c" => text!("file.kind-device", "a device"),
        _ => text!("file.kind-other", "neither file nor directory"),
    }
}
