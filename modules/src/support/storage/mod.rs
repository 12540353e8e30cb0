//! What the modules for disks, file systems and mounts share: looking at devices, mounts, users and units.

pub(crate) mod block;
pub(crate) mod mounts;
pub(crate) mod unit;
pub(crate) mod users;

use cutover_engine::failure::Failure;
use cutover_engine::text;
use cutover_engine::text::Text;
use cutover_engine::world::{Command, Exit, Output};

/// Returns a command's standard output, or says that it failed and how.
pub(crate) fn stdout(command: &Command, output: Output) -> Result<String, Failure> {
    if output.success() { Ok(output.stdout) } else { Err(failed(command, &output)) }
}

/// A failure of a command that had to succeed.
pub(crate) fn failed(command: &Command, output: &Output) -> Failure {
    let ended = text!("storage.command-failed", "`{command}` ended with {exit}", command, exit = &output.exit);
    let failure = Failure::failed(ended).details(last_words(output));
    match output.exit {
        Exit::Code(127) => failure.help(text!("storage.command-failed.help", "install the program on the node")),
        _ => failure,
    }
}

/// What a command printed, its complaints first, for a person who has to find out why it failed.
pub(crate) fn last_words(output: &Output) -> impl Iterator<Item = Text> {
    output.stderr.lines().chain(output.stdout.lines()).map(Text::verbatim).take(20)
}

/// Refuses what is not an absolute path.
pub(crate) fn check_absolute(path: &str, pointer: &str) -> Result<(), Failure> {
    if path.starts_with('/') {
        return Ok(());
    }
    Err(Failure::invalid(text!("storage.not-absolute", "`{path}` is not an absolute path", path)).pointer(pointer))
}
