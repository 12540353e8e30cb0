//! Options that several commands share.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use cutover_engine::execute::Tags;
use cutover_files::Extra;
use cutover_report::OutputKind;
use cutover_runs::DEFAULT_RUN_DIR;
use cutover_session::Approval;

/// Which inventory.
#[derive(Debug, Clone, Args)]
pub(crate) struct InventoryArg {
    /// The inventory: sites, nodes, pairs
    #[arg(
        short = 'i',
        long = "inventory",
        value_name = "INVENTORY",
        env = "CUTOVER_INVENTORY",
        hide_env_values = true
    )]
    pub(crate) inventory: Option<PathBuf>,
}

/// The input of a playbook.
#[derive(Debug, Clone, Args)]
pub(crate) struct Common {
    #[command(flatten)]
    pub(crate) on: InventoryArg,
    /// Set a parameter of the playbook, or all those in a YAML file; may be repeated, the later one counts
    #[arg(short = 'e', long = "extra", value_name = "KEY=VALUE | @FILE")]
    pub(crate) extra: Vec<Extra>,
    /// Only steps with one of these tags
    #[arg(long, value_name = "TAG", value_delimiter = ',')]
    pub(crate) tags: Vec<String>,
    /// No steps with one of these tags
    #[arg(long, value_name = "TAG", value_delimiter = ',')]
    pub(crate) skip_tags: Vec<String>,
    #[command(flatten)]
    pub(crate) session: Session,
}

impl Common {
    /// The tags that the options select.
    pub(crate) fn tags(&self) -> Tags {
        Tags { only: self.tags.clone(), skip: self.skip_tags.clone() }
    }
}

/// How a run is watched, approved and recorded.
#[derive(Debug, Clone, Args)]
pub(crate) struct Session {
    /// How progress is shown; by default `live` on a terminal and `plain` elsewhere
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) output: Option<Output>,
    /// Approve a gate beforehand by its path or the end of it, with the phrase if it asks for one; may be repeated
    #[arg(long, value_name = "GATE[=PHRASE]")]
    pub(crate) approve: Vec<Approval>,
    /// Record the queries of probes as well: commands and requests with their answers
    #[arg(long)]
    pub(crate) record_reads: bool,
    #[command(flatten)]
    pub(crate) records: RunDir,
}

/// Where runs are recorded.
#[derive(Debug, Clone, Args)]
pub(crate) struct RunDir {
    /// Where runs are recorded
    #[arg(long, value_name = "DIR", default_value = DEFAULT_RUN_DIR, env = "CUTOVER_RUN_DIR", hide_env_values = true)]
    pub(crate) run_dir: PathBuf,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal
    #[default]
    Auto,
    /// Even into a file or pipe
    Always,
    /// Nowhere
    Never,
}

/// How a run is shown in progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// Lines with a moving footer, for a terminal
    Live,
    /// Lines only, for a log
    Plain,
    /// The event stream, one JSON object for each line
    Json,
}

impl From<Output> for OutputKind {
    fn from(output: Output) -> Self {
        match output {
            Output::Live => Self::Live,
            Output::Plain => Self::Plain,
            Output::Json => Self::Json,
        }
    }
}
