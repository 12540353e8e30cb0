//! Arguments of the commands that execute playbooks and show runs.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use cutover_engine::duration::HumanDuration;
use cutover_engine::selector::Selector;
use cutover_files::Extra;
use cutover_rehearsal::Failing;
use cutover_rehearsal::faults::Blow;
use cutover_report::render::ReportKind;

use super::common::{Common, RunDir, Session};
use super::failing;

/// `plan`.
#[derive(Debug, Clone, Args)]
pub(crate) struct PlanArgs {
    /// The playbook
    #[arg(value_name = "PLAYBOOK")]
    pub(crate) playbook: PathBuf,
    #[command(flatten)]
    pub(crate) common: Common,
    /// Probe the simulated world of a rehearsal instead of the real one
    #[arg(long)]
    pub(crate) sandbox: bool,
    /// A world file: the simulated world in which later steps are rehearsed, to show their commands
    #[arg(long, value_name = "FILE")]
    pub(crate) world: Option<PathBuf>,
    /// Show the commands and requests that only read as well
    #[arg(long)]
    pub(crate) reads: bool,
    #[command(flatten)]
    pub(crate) look: FirstLook,
}

/// Whether it is looked first who answers.
#[derive(Debug, Clone, Args)]
pub(crate) struct FirstLook {
    /// Begin although a target may not answer: a step before it makes it reachable
    #[arg(long)]
    pub(crate) skip_first_look: bool,
}

/// `run`.
#[derive(Debug, Clone, Args)]
pub(crate) struct RunArgs {
    /// The playbook
    #[arg(value_name = "PLAYBOOK")]
    pub(crate) playbook: PathBuf,
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(flatten)]
    pub(crate) look: FirstLook,
}

/// `rehearse`.
#[derive(Debug, Clone, Args)]
pub(crate) struct RehearseArgs {
    /// The playbook; the shipped etcd cutover by default
    #[arg(value_name = "PLAYBOOK")]
    pub(crate) playbook: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) common: Common,
    /// The seed of all random numbers: the same seed makes the same rehearsal
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) seed: u64,
    /// A world file: sizes of disks and data, speed of the link and so on
    #[arg(long, value_name = "FILE")]
    pub(crate) world: Option<PathBuf>,
    /// Let a step fail, in one of many ways
    #[arg(long, value_name = "STEP[@TARGET][=KIND]", long_help = failing::help())]
    pub(crate) fail: Vec<Failing>,
    /// Count the rehearsal as proof although this is not simulated, by the name that an earlier rehearsal gave it (repeatable)
    ///
    /// The report says that it was accepted. A step that needs the answer of what is not simulated fails all the same.
    #[arg(long, value_name = "NAME")]
    pub(crate) accept_unsimulated: Vec<String>,
    /// When the rehearsal has ended, rehearse this in the same world; it determines the exit code
    #[arg(long, value_enum, value_name = "VERB")]
    pub(crate) then: Option<Then>,
    /// Rehearse faults: once for every call of the playbook and every way in which it can be struck, and resume and undo each
    ///
    /// Every case is held to laws: no write is lost, data always has a whole copy, nothing is done twice, undo leaves the world as it
    /// was, and the playbook's own `invariants`. With a number above 1 cases have so many strikes each and are drawn by the seed.
    /// Nothing is recorded. Ends with 1 if a law was broken.
    #[arg(long, value_name = "STRIKES", num_args = 0..=1, default_missing_value = "1", conflicts_with_all = ["fail", "then"])]
    pub(crate) faults: Option<usize>,
    /// Try this case of a campaign alone, as its report names it; once for each strike of it
    #[arg(long, value_name = "CALL=KIND", conflicts_with_all = ["fail", "then", "faults"])]
    pub(crate) fault: Vec<Blow>,
    /// Begin no further case of `--faults` after this time
    #[arg(long, value_name = "DURATION", requires = "faults")]
    pub(crate) budget: Option<HumanDuration>,
    /// Try every so many-th case of `--faults` alone: a sample that is the same each time
    #[arg(long, value_name = "NUMBER", default_value_t = 1, requires = "faults")]
    pub(crate) every: usize,
    /// How many cases of several strikes are drawn
    #[arg(long, value_name = "NUMBER", default_value_t = 2000)]
    pub(crate) samples: usize,
    /// Write the table of `--faults` as a page, too
    #[arg(long, value_name = "FILE")]
    pub(crate) page: Option<PathBuf>,
}

/// The commands that can be rehearsed after a rehearsal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Then {
    /// Resuming where it ended, as `cutover resume` does
    Resume,
    /// Undoing what it has changed, as `cutover undo` does
    Undo,
}

/// `resume`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ResumeArgs {
    /// The run: its id as `cutover runs` lists it, the beginning of it, its directory, or `latest`
    ///
    /// A directory is written with a `/` in it. `latest` is the run that was worked on last and is not a rehearsal. If that
    /// one has ended well, there is nothing to do: an earlier one is named, but only resumed when asked for by name.
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// Pass a secret parameter again: the run directory does not store it. All parameters stay what they were
    ///
    /// A value that is not the one the run began with is refused, also for parameters that are not secret.
    #[arg(short = 'e', long = "extra", value_name = "KEY=VALUE | @FILE")]
    pub(crate) extra: Vec<Extra>,
    /// Go on although the playbook or the inventory was changed since
    #[arg(long)]
    pub(crate) accept_changed: bool,
    /// Make the change of this step although it was begun before and may have been made: you have looked, and it was not made. The end of its path is enough; `each[2]` names one pass of a loop
    #[arg(long, value_name = "STEP[@TARGET]")]
    pub(crate) repeat: Vec<Selector>,
    /// Take the change of this step as made, which was begun before and may have been made: you have looked, and it was made. Its result stays unknown
    #[arg(long, value_name = "STEP[@TARGET]")]
    pub(crate) done: Vec<Selector>,
    /// Count the window and the budgets from now on: it is another night. They count from the beginning of the run otherwise
    #[arg(long, value_enum, value_name = "TIME")]
    pub(crate) window_from: Option<WindowFrom>,
    #[command(flatten)]
    pub(crate) session: Session,
}

/// Since when a window counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum WindowFrom {
    /// Since this command was typed
    Now,
}

/// `undo`.
#[derive(Debug, Clone, Args)]
pub(crate) struct UndoArgs {
    /// The run: its id as `cutover runs` lists it, the beginning of it, its directory, or `latest`
    ///
    /// A directory is written with a `/` in it. `latest` is the run that was worked on last and is not a rehearsal, whether it
    /// has ended well or not. Its id has to be typed before anything is undone.
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// Pass a secret parameter again: the run directory does not store it. All parameters stay what they were
    ///
    /// A value that is not the one the run began with is refused, also for parameters that are not secret.
    #[arg(short = 'e', long = "extra", value_name = "KEY=VALUE | @FILE")]
    pub(crate) extra: Vec<Extra>,
    /// Go on although the playbook or the inventory was changed since
    #[arg(long)]
    pub(crate) accept_changed: bool,
    /// Run this one of the `undo:` steps again although it was begun before and may have been done: you have looked, and it was not done
    #[arg(long, value_name = "STEP[@TARGET]")]
    pub(crate) repeat: Vec<Selector>,
    /// Take this one of the `undo:` steps as done, which was begun before and may have been done: you have looked, and it was done
    #[arg(long, value_name = "STEP[@TARGET]")]
    pub(crate) done: Vec<Selector>,
    /// List what would be undone, newest first and with the actions that do it, and undo nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) session: Session,
}

/// `report`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ReportArgs {
    /// The run: its id as `cutover runs` lists it, the beginning of it, its directory, or `latest`
    ///
    /// A directory is written with a `/` in it. `latest` is the run or rehearsal that was worked on last.
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// The form of the report
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: ReportKind,
    /// Write it to a file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) records: RunDir,
}

/// `runs`.
#[derive(Debug, Clone, Args)]
pub(crate) struct RunsArgs {
    #[command(flatten)]
    pub(crate) records: RunDir,
}
