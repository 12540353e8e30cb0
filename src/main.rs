//! The command line of `cutover`: arguments, output, exit codes. Everything in between is done by the library and the engine.

mod args;
mod bug;
mod colors;
mod commands;
mod ending;
mod exit;
mod faults;
mod plan_text;
mod real;
mod reference;

use std::ffi::OsString;
use std::process::ExitCode;

use cutover_engine::source::{Fault, Faults};
use cutover_rehearsal::NotSimulated;
use cutover_report::clean;
use cutover_session::terminal;

use args::Command;
use exit::Exit;

fn main() -> ExitCode {
    bug::guard(run)
}

fn run() -> ExitCode {
    let cli = match args::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => {
            // `--help` and `--version` are errors for clap as well. A failure to print them does not matter.
            let hidden = |argument: OsString| argument.to_string_lossy().contains(char::is_control);
            let _ = match std::env::args_os().any(hidden) {
                true => terminal::complain(&lines(&error.render().to_string())),
                false => error.print(),
            };
            return if error.use_stderr() { Exit::Wrong } else { Exit::Done }.into();
        }
    };
    colors::set(cli.color);
    dispatch(cli.command).unwrap_or_else(|error| refused(error).into())
}

/// Words of others, with nothing in them that a terminal would obey.
fn lines(text: &str) -> String {
    text.lines().map(clean).collect::<Vec<_>>().join("\n")
}

fn dispatch(command: Command) -> anyhow::Result<ExitCode> {
    let exit = match command {
        Command::Check(args) => commands::check::run(&args),
        Command::Plan(args) => commands::plan::run(args),
        Command::Run(args) => commands::run::run(args),
        Command::Rehearse(args) => commands::rehearse::run(args),
        Command::Resume(args) => commands::resume::run(args),
        Command::Undo(args) => commands::undo::run(args),
        Command::Report(args) => commands::show::report(&args),
        Command::Runs(args) => commands::show::runs(&args),
        Command::Explain(args) => commands::explain::run(&args),
        Command::Schema(args) => commands::schema::run(&args),
        Command::Init(args) => commands::init::run(&args),
        Command::Doctor(args) => commands::doctor::run(&args),
        Command::Completions(args) => commands::completions::run(&args),
    }?;
    Ok(exit.into())
}

/// Reports on standard error why a command failed. Faults of files and arguments have their own exit code.
fn refused(error: anyhow::Error) -> Exit {
    let found = error.downcast::<Faults>().or_else(|error| error.downcast::<Fault>().map(Faults::from));
    let (text, exit) = match found {
        Ok(faults) => (faults::shown(&faults, console::colors_enabled_stderr()), Exit::Wrong),
        Err(error) => {
            let exit = if error.is::<NotSimulated>() { Exit::Unsimulated } else { Exit::Failed };
            (format!("error: {}\n", lines(&format!("{error:#}"))), exit)
        }
    };
    // If standard error is closed, the exit code still reports the failure.
    let _ = terminal::complain(&text);
    exit
}
