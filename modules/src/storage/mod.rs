//! What the modules for disks, file systems and mounts share: looking at devices, mounts, users and units.

pub(crate) mod block;
pub(crate) mod mounts;
pub(crate) mod unit;
pub(crate) mod users;

use cutover_engine::failure::Failure;
use cutover_engine::world::{Command, Exit, Output};

/// Gives a command's standard output, or says that it failed and how.
pub(crate) fn stdout(command: &Command, output: Output) -> Result<String, Failure> {
    if output.success() { Ok(output.stdout) } else { Err(failed(command, &output)) }
}

/// A failure of a command that had to succeed.
pub(crate) fn failed(command: &Command, output: &Output) -> Failure {
    let words = output.stderr.lines().chain(output.stdout.lines()).map(str::to_owned);
    let hint = match output.exit {
        Exit::Code(127) => Some("install the program on the node"),
        _ => None,
    };
    let failure = Failure::failed(format!("`{command}` ended with {}", output.exit)).details(words.take(20));
    match hint {
        Some(hint) => failure.help(hint),
        None => failure,
    }
}
