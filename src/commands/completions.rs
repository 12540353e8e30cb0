//! `cutover completions`: a shell's completions, generated from the arguments themselves.

use clap::CommandFactory as _;
use cutover_session::terminal;

use crate::args::{Cli, CompletionsArgs};
use crate::exit::Exit;

/// Prints them.
pub(crate) fn run(args: &CompletionsArgs) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "cutover", &mut script);
    terminal::print(&String::from_utf8(script)?)?;
    Ok(Exit::Done)
}
