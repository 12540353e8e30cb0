//! The moves of `mount`: what each runs, and what undoes it.

use cutover_engine::action::Action;
use cutover_engine::failure::Failure;
use cutover_engine::module::{Change, Context, Facts};
use cutover_engine::reads;
use cutover_engine::text;
use cutover_engine::world::Command;

use super::{Beneath, Params, Unit};
use crate::support::storage::mounts::Mounted;
use crate::support::storage::unit::DIRECTORY;

/// Where the content of a sealed directory goes.
pub(super) fn aside(path: &str) -> String {
    format!("{path}.underlay")
}

/// Whether something is there.
pub(super) async fn is_aside(cx: &Context, path: &str) -> Result<bool, Failure> {
    let test = reads::TEST_EXISTS.of([&aside(path)]).accept([1]);
    Ok(cx.read(&test).await?.success())
}

fn run<const N: usize>(facts: &Facts, argv: [&str; N]) -> Action {
    Action::Exec { place: facts.place(), command: Command::new(argv) }
}

fn mount_command(facts: &Facts, params: &Params, options: &[String]) -> Action {
    let mut argv = vec!["mount".to_owned(), "-t".to_owned(), params.kind.name().to_owned()];
    if !options.is_empty() {
        argv.extend(["-o".to_owned(), options.join(",")]);
    }
    argv.extend([params.device.clone(), params.path.clone()]);
    Action::Exec { place: facts.place(), command: Command::new(argv) }
}

/// Mounts.
pub(super) fn mount(facts: &Facts, params: &Params) -> Change {
    let Params { device, path, options, .. } = params;
    let summary = text!("mount.mount", "mount {device} at {path}", device, path);
    Change::idempotent("mount", summary, [mount_command(facts, params, options)]).undo([run(facts, ["umount", path])])
}

/// Unmounts.
pub(super) fn unmount(facts: &Facts, params: &Params, there: &Mounted) -> Change {
    let Params { device, path, .. } = params;
    let options: Vec<String> = there.options.split(',').map(str::to_owned).collect();
    let summary = text!("mount.unmount", "unmount {device} from {path}", device, path);
    Change::idempotent("unmount", summary, [run(facts, ["umount", path])])
        .undo([mount_command(facts, params, &options)])
}

/// Changes the options of what is mounted.
pub(super) fn remount(facts: &Facts, params: &Params, there: &Mounted, missing: &[String]) -> Change {
    let path = &params.path;
    let options = format!("remount,{}", params.options.join(","));
    let before = format!("remount,{}", there.options);
    let summary = text!("mount.remount", "remount {path} with {missing}", path, missing = missing.join(","));
    Change::idempotent("set-mount-options", summary, [run(facts, ["mount", "-o", &options, path])])
        .undo([run(facts, ["mount", "-o", &before, path])])
}

/// Empties the directory beneath, by moving it aside as a whole, and makes it immutable.
pub(super) fn seal(facts: &Facts, params: &Params, beneath: &Beneath, missing: bool) -> Change {
    let path = &params.path;
    let aside = aside(path);
    let mut actions = Vec::new();
    let mut undo = vec![run(facts, ["chattr", "-i", path])];
    if missing {
        actions.push(run(facts, ["mkdir", "-m", "0755", path]));
        undo.push(run(facts, ["rmdir", path]));
        undo.push(run(facts, ["mv", "-T", &aside, path]));
    } else if !beneath.entries.is_empty() {
        actions.extend(beneath.immutable.then(|| run(facts, ["chattr", "-i", path])));
        actions.push(run(facts, ["mv", "-T", path, &aside]));
        actions.push(run(facts, ["mkdir", "-m", "0755", path]));
        undo.push(run(facts, ["rmdir", path]));
        undo.push(run(facts, ["mv", "-T", &aside, path]));
    }
    actions.push(run(facts, ["chattr", "+i", path]));
    let summary = match beneath.entries.len() {
        0 if missing => text!(
            "mount.seal-again",
            "make {path} again, empty and immutable; its content is at {aside} already",
            path,
            aside
        ),
        0 => text!(
            "mount.seal-empty",
            "make the empty directory {path} immutable, so that nothing can live beneath the mount",
            path
        ),
        1 => text!(
            "mount.seal-one",
            "move the content of {path} (1 entry) to {aside} and make {path} immutable, so that nothing can live beneath the mount",
            path,
            aside
        ),
        entries => text!(
            "mount.seal",
            "move the content of {path} ({entries} entries) to {aside} and make {path} immutable, so that nothing can live beneath the mount",
            path,
            entries,
            aside
        ),
    };
    Change::idempotent("seal-underlay", summary, actions).undo(undo)
}

/// Takes the seal off and brings back what was moved aside.
pub(super) fn open(facts: &Facts, params: &Params, beneath: &Beneath) -> Change {
    let path = &params.path;
    let aside = aside(path);
    let mut actions = Vec::new();
    actions.extend(beneath.immutable.then(|| run(facts, ["chattr", "-i", path])));
    if beneath.aside && beneath.entries.is_empty() {
        actions.push(run(facts, ["rmdir", path]));
        actions.push(run(facts, ["mv", "-T", &aside, path]));
    }
    Change::idempotent("open-underlay", text!("mount.open", "take the seal off {path}", path), actions)
}

/// Writes and enables the units for boot, where they differ.
pub(super) fn persist(facts: &Facts, path: &str, wanted: &[(String, String)], there: &[Unit]) -> Option<Change> {
    let mut actions = Vec::new();
    let mut undo = Vec::new();
    let mut preview = String::new();
    let mut enable = Vec::new();
    for ((name, text), unit) in wanted.iter().zip(there) {
        let file = format!("{DIRECTORY}/{name}");
        if unit.text.as_ref() != Some(text) {
            actions.extend(write(facts, &file, text));
            match &unit.text {
                Some(old) => undo.extend(write(facts, &file, old)),
                // What was written by half is removed as well.
                None => {
                    undo.extend([run(facts, ["rm", "-f", &format!("{file}.new")]), run(facts, ["rm", "-f", &file])])
                }
            }
            preview += &format!("{file}:\n");
            text.lines().for_each(|line| preview += &format!("+{line}\n"));
        }
        if !unit.enabled {
            enable.push(name.as_str());
        }
    }
    if actions.is_empty() && enable.is_empty() {
        return None;
    }
    if !actions.is_empty() {
        actions.push(run(facts, ["systemctl", "daemon-reload"]));
        undo.push(run(facts, ["systemctl", "daemon-reload"]));
    }
    if !enable.is_empty() {
        let systemctl = |verb, codes: &[i32]| {
            let argv = ["systemctl", verb].into_iter().chain(enable.iter().copied());
            Action::Exec { place: facts.place(), command: Command::new(argv).accept(codes.iter().copied()) }
        };
        actions.push(systemctl("enable", &[]));
        // It fails where a unit was never written, and then none was enabled.
        undo.insert(0, systemctl("disable", &[0, 1]));
    }
    let summary = text!("mount.at-boot", "mount {path} at boot where this node is Primary", path);
    let change = Change::idempotent("set-boot-units", summary, actions).undo(undo);
    Some(if preview.is_empty() { change } else { change.preview(preview) })
}

/// Replaces a file as a whole, so that a lost connection leaves the old one or the new one.
fn write(facts: &Facts, file: &str, text: &str) -> [Action; 2] {
    let new = format!("{file}.new");
    let tee = Command::new(["tee", &new]).stdin(text);
    [Action::Exec { place: facts.place(), command: tee }, run(facts, ["mv", "-f", "-T", &new, file])]
}
