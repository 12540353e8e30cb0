//! What makes a file or directory as it shall be.

use cutover_engine::action::Action;
use cutover_engine::module::{Change, Diff};
use cutover_engine::world::Place;

use super::{Found, Params, Wanted, changes, chattr, path, run, write_action};
use crate::permission::Principal;

/// Compares what shall be with what is.
pub(super) fn diff(params: &Params, place: &Place, found: Option<&Found>) -> Diff {
    let directory = params.state == Wanted::Directory;
    let mut todo = match found {
        None => vec![make(params, place)],
        Some(found) if (found.kind == "d") != directory || !matches!(found.kind.as_str(), "d" | "f") => {
            let wanted = if directory { "a directory" } else { "a regular file" };
            return Diff::blocked(format!("{} is {}, not {wanted}", path(params), kind(&found.kind)));
        }
        Some(found) => adjust(params, place, found),
    };
    let locked = found.is_some_and(|found| found.immutable == Some(true));
    if locked && !todo.is_empty() {
        let unlock = Change::idempotent(
            format!("clear the immutable attribute of {}", path(params)),
            [chattr(place, path(params), false)],
        );
        todo.insert(0, unlock.undo([chattr(place, path(params), true)]));
    }
    let lock = |on| {
        let word = if on { "set" } else { "clear" };
        Change::idempotent(
            format!("{word} the immutable attribute of {}", path(params)),
            [chattr(place, path(params), on)],
        )
        .undo([chattr(place, path(params), !on)])
    };
    match params.immutable {
        Some(true) if !locked || !todo.is_empty() => todo.push(lock(true)),
        Some(false) if locked && todo.is_empty() => todo.push(lock(false)),
        _ => {}
    }
    changes(todo)
}

/// What makes it where nothing is.
fn make(params: &Params, place: &Place) -> Change {
    let path = path(params);
    let mode = params.mode.map(|mode| mode.to_string());
    let owner = wanted_owner(params);
    if params.state == Wanted::Directory {
        let mut actions = vec![run(place, ["mkdir", "-p", "--", path])];
        actions.extend(owner.map(|owner| run(place, ["chown", "--", &owner, path])));
        actions.extend(mode.map(|mode| run(place, ["chmod", "--", &mode, path])));
        return Change::idempotent(format!("make the directory {path}"), actions)
            // What others have put into it meanwhile stays, and keeps nobody from taking back what was before.
            .undo([run(place, ["rmdir", "--ignore-fail-on-non-empty", "--", path])]);
    }
    let content = params.content.as_deref().unwrap_or_default();
    let action =
        write_action(place, path, content, mode.as_deref().unwrap_or_default(), owner.as_deref().unwrap_or_default());
    let change = Change::idempotent(format!("create {path} ({} bytes)", content.len()), [action]);
    change.preview(preview("", content)).undo([run(place, ["rm", "-f", "--", path])])
}

/// What makes an existing one right.
fn adjust(params: &Params, place: &Place, found: &Found) -> Vec<Change> {
    let path = path(params);
    let mut todo = Vec::new();
    if let Some(content) = params.content.as_deref().filter(|content| found.content.as_deref() != Some(*content)) {
        let old = found.content.as_deref();
        let write = write_action(place, path, content, "", "");
        let change = Change::idempotent(format!("replace the content of {path} ({} bytes)", content.len()), [write]);
        let change = change
            .preview(old.map_or_else(|| "(the old content is no short text)".to_owned(), |old| preview(old, content)));
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
        let mode = params.mode.unwrap_or(found.mode).to_string();
        let chown = |owner: &str| run(place, ["chown", "--", owner, path]);
        let chmod = |mode: &str| run(place, ["chmod", "--", mode, path]);
        let change = Change::idempotent(
            format!("change the owner of {path} from {before} to {owner}"),
            [chown(&owner), chmod(&mode)],
        );
        todo.push(change.undo([chown(&before), chmod(&found.mode.to_string())]));
    } else if let Some(mode) = params.mode.filter(|mode| *mode != found.mode) {
        let chmod = |mode: String| -> Action { run(place, ["chmod", "--", &mode, path]) };
        let change = Change::idempotent(
            format!("change the mode of {path} from {} to {mode}", found.mode),
            [chmod(mode.to_string())],
        );
        todo.push(change.undo([chmod(found.mode.to_string())]));
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

fn kind(letter: &str) -> &'static str {
    match letter {
        "d" => "a directory",
        "f" => "a regular file",
        "l" => "a symbolic link",
        "b" | "c" => "a device",
        _ => "no regular file",
    }
}
