//! The arguments of `cutover`. Every command itself has a file in `commands`.

mod author;
mod common;
mod examples;
mod execute;
mod failing;

pub(crate) use author::{
    CheckArgs, CheckOutput, CompletionsArgs, DoctorArgs, ExplainArgs, InitArgs, SANDBOX, SchemaArgs, SchemaKind,
};
pub(crate) use common::{Color, Output};
pub(crate) use execute::{
    PlanArgs, RehearseArgs, ReportArgs, ResumeArgs, RunArgs, RunsArgs, Then, UndoArgs, WindowFrom,
};

use std::ffi::OsString;

use clap::{ColorChoice, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::exit::Exit;

/// Moves live stateful services between disks and clusters in a change window, by playbook.
///
/// A playbook describes the wanted state, step by step; an inventory describes clusters, nodes and disks. `check` reads both
/// and reports every mistake, `rehearse` runs them in a simulated world, `plan` probes the real one and shows every command
/// that would be sent, `run` does it, `resume` and `undo` are for when something got in the way.
#[derive(Debug, Parser)]
#[command(
    name = "cutover",
    bin_name = "cutover",
    version,
    max_term_width = 100,
    disable_help_subcommand = true,
    propagate_version = false
)]
#[command(after_help = examples::SHORT, after_long_help = format!("{}\n\n{}", examples::ROOT, Exit::help()))]
pub(crate) struct Cli {
    /// When to use colours: auto (on a terminal, and NO_COLOR is not set), always, never
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN", hide_possible_values = true)]
    pub(crate) color: Color,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands, in the order in which a newcomer meets them.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check playbooks and an inventory without touching anything
    ///
    /// Reads playbooks, their includes and the inventory, and reports every mistake with its place: unknown keys, modules,
    /// variables and targets, wrong types, broken templates, devices and ports used twice. Needs no network, reads no secret
    /// and changes nothing. Ends with 0 if nothing is wrong, with 2 otherwise.
    #[command(after_long_help = examples::CHECK)]
    Check(CheckArgs),
    /// Rehearse a playbook in a simulated world made from the inventory
    ///
    /// Builds the inventory's clusters, nodes and disks in memory and runs the playbook there with the very engine and the
    /// very commands of a real run. Time is simulated: two hours pass in a second. Nothing real is touched.
    #[command(after_long_help = examples::REHEARSE)]
    Rehearse(RehearseArgs),
    /// Probe the real world and show what a run would change
    ///
    /// Probes every target with commands that only read, compares with the playbook, and shows each change with
    /// the exact commands and requests that would be sent. Changes nothing.
    #[command(after_long_help = examples::PLAN)]
    Plan(PlanArgs),
    /// Run a playbook
    ///
    /// Probes, changes what differs, and probes again until it matches. A step that already matches changes nothing, so a
    /// run may be repeated. Everything is recorded in the run directory before it is sent. Ctrl-C stops cleanly.
    #[command(after_long_help = examples::RUN)]
    Run(RunArgs),
    /// Resume a run that was stopped or failed
    ///
    /// Probes the world again before anything is changed: the journal is used, but not trusted.
    #[command(after_long_help = examples::RESUME)]
    Resume(ResumeArgs),
    /// Undo what a run has changed, newest first
    ///
    /// Carries out the undo actions of every recorded change. A change that cannot be undone is named, and the undo stops there.
    #[command(after_long_help = examples::UNDO)]
    Undo(UndoArgs),
    /// Show a run from its journal
    ///
    /// Reads only the recorded events: the world is not probed.
    #[command(after_long_help = examples::REPORT)]
    Report(ReportArgs),
    /// List the recorded runs
    #[command(after_long_help = examples::RUNS)]
    Runs(RunsArgs),
    /// Explain the modules that a playbook can use
    ///
    /// Without a name: a list of all modules. With one: what it does, its parameters and an example. `cutover explain sandbox`
    /// lists what a rehearsal does not simulate.
    #[command(after_long_help = examples::EXPLAIN)]
    Explain(ExplainArgs),
    /// Write a playbook and an inventory to begin with
    ///
    /// Creates playbooks/NAME.yml and inventories/NAME.yml, with comments on what to fill in. Both pass `check` as they
    /// are. Files that exist are not touched.
    #[command(after_long_help = examples::INIT)]
    Init(InitArgs),
    /// Check this machine: programs, keys, kubeconfigs, run directory
    ///
    /// Looks only at this machine and sends nothing over the network, unless `--online` is passed. What it cannot check is listed
    /// at the end. Ends with 3 if something is missing that a run needs, with 4 if only something does not answer.
    #[command(after_long_help = examples::DOCTOR)]
    Doctor(DoctorArgs),
    /// Print the JSON Schema of playbooks, inventories or events
    ///
    /// Editors use them to complete and check while you type: put `# yaml-language-server: $schema=PATH` on the first line.
    #[command(after_long_help = examples::SCHEMA)]
    Schema(SchemaArgs),
    /// Print completions for a shell
    #[command(after_long_help = examples::COMPLETIONS)]
    Completions(CompletionsArgs),
}

/// Parses the command line.
pub(crate) fn parse(words: impl Iterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let words: Vec<OsString> = words.collect();
    let matches = Cli::command().color(color_of_help(&words)).try_get_matches_from(words)?;
    Cli::from_arg_matches(&matches)
}

/// Help and usage errors are printed before `--color` is parsed, so it is read from the raw arguments.
fn color_of_help(words: &[OsString]) -> ColorChoice {
    let texts: Vec<&str> = words.iter().filter_map(|word| word.to_str()).collect();
    let apart = texts.windows(2).filter(|pair| pair[0] == "--color").map(|pair| pair[1]);
    let joined = texts.iter().filter_map(|word| word.strip_prefix("--color="));
    match apart.chain(joined).last() {
        Some("always") => ColorChoice::Always,
        Some("never") => ColorChoice::Never,
        _ => ColorChoice::Auto,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_contradict_nothing() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_examples_that_parse() {
        for command in Cli::command().get_subcommands() {
            let name = command.get_name();
            let help = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
            let examples: Vec<&str> = help.lines().filter_map(|line| line.trim().strip_prefix("$ ")).collect();
            assert!(!examples.is_empty(), "`cutover {name}` has no examples");
            for example in examples {
                let typed = example.split(['|', '>']).next().unwrap_or_default();
                let words = typed.split_whitespace().map(OsString::from);
                assert!(typed.starts_with(&format!("cutover {name}")), "{example}");
                assert!(parse(words).is_ok(), "{example}");
            }
        }
    }
}
