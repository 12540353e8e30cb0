//! What is kept of a revision on the controller before it goes: values, manifest, notes. Streamed from helm into files, so
//! that Secrets in a manifest pass through no journal.

use cutover_engine::action::Action;
use cutover_engine::world::{Command, Place};

use super::Params;
use super::command::Cli;

/// Where the parts of a revision are kept: the part and its file.
pub(super) fn files(params: &Params, revision: u64) -> Vec<(&'static str, String)> {
    let Some(directory) = &params.save else { return Vec::new() };
    let Params { namespace, release, .. } = params;
    let base = format!("{}/{namespace}-{release}-revision-{revision}", directory.trim_end_matches('/'));
    [("values", "yaml"), ("manifest", "yaml"), ("notes", "txt")]
        .map(|(part, end)| (part, format!("{base}-{part}.{end}")))
        .to_vec()
}

/// The actions that keep a revision.
pub(super) fn actions(cli: &Cli, params: &Params, revision: u64) -> Vec<Action> {
    let Some(directory) = &params.save else { return Vec::new() };
    let here = |mut command: Command| {
        command.cwd.clone_from(&params.chdir);
        command
    };
    let mkdir = here(Command::new(["mkdir", "-p", "--", directory]));
    let mut actions = vec![Action::Exec { place: Place::Controller, command: mkdir }];
    let number = revision.to_string();
    for (part, path) in files(params, revision) {
        let mut words = vec!["get", part, &cli.release, "--revision", &number];
        if part == "values" {
            words.extend(["--output", "yaml"]);
        }
        let script = include_str!("../scripts/cutover-write-file.sh");
        actions.push(Action::Pipe {
            source: Place::Controller,
            read: cli.command(words),
            destination: Place::Controller,
            write: here(Command::script("cutover-write-file", script, [path.as_str(), "0600", ""])),
        });
    }
    actions
}
