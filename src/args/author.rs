//! Arguments of the commands that touch no cluster: writing and checking playbooks.

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Args, ValueEnum};
use clap_complete::Shell;
use cutover_modules::REGISTRY;

use super::common::{InventoryArg, RunDir};

/// `check`.
#[derive(Debug, Clone, Args)]
pub(crate) struct CheckArgs {
    /// The playbooks
    #[arg(value_name = "PLAYBOOK", required_unless_present = "inventory")]
    pub(crate) playbooks: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) on: InventoryArg,
    /// Also read files in this directory (repeatable); otherwise nothing outside of the repository is read
    ///
    /// A playbook may include any file, and a fault shows a line of the file that it is in. So `check` reads what is named, and what is in
    /// the repository or the directories of that; no kubeconfig elsewhere either.
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) also_read: Vec<PathBuf>,
    /// How faults are shown
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub(crate) output: CheckOutput,
}

/// How `check` shows faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum CheckOutput {
    /// For people
    #[default]
    Plain,
    /// One JSON object
    Json,
}

/// `explain`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ExplainArgs {
    /// The module, or `sandbox`; without one, all modules are listed
    #[arg(value_name = "MODULE", value_parser = modules(), hide_possible_values = true)]
    pub(crate) module: Option<String>,
}

/// The name that explains the limits of the sandbox, besides the modules' names.
pub(crate) const SANDBOX: &str = "sandbox";

/// The modules' names, for completion and for "did you mean".
fn modules() -> PossibleValuesParser {
    let modules = REGISTRY.0.iter().map(|module| PossibleValue::new(module.name()).help(module.summary()));
    PossibleValuesParser::new(modules.chain([PossibleValue::new(SANDBOX).help("What a rehearsal does not simulate")]))
}

/// `schema`.
#[derive(Debug, Clone, Args)]
pub(crate) struct SchemaArgs {
    /// The kind of file; with --write, all of them by default
    #[arg(value_enum, value_name = "KIND", required_unless_present = "write")]
    pub(crate) kind: Option<SchemaKind>,
    /// Write a file into this directory instead of printing
    #[arg(long, value_name = "DIR")]
    pub(crate) write: Option<PathBuf>,
}

/// The kinds of file that have a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaKind {
    /// A playbook, with the parameters of every module
    Playbook,
    /// An inventory
    Inventory,
    /// A world file: the argument of `rehearse --world`
    World,
    /// One line of the event stream
    Event,
    /// The output of `plan --output json`
    Plan,
    /// The reference of the modules, as Markdown; the source of docs/modules.md
    #[value(hide = true)]
    Reference,
}

/// `init`.
#[derive(Debug, Clone, Args)]
pub(crate) struct InitArgs {
    /// The service's name: lower-case letters, digits and `-`
    #[arg(value_name = "NAME", value_parser = service_name)]
    pub(crate) name: String,
    /// The directory that gets `playbooks` and `inventories`; the current one by default
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}

/// The name goes into file names and Kubernetes objects, so it is a DNS label (RFC 1123).
fn service_name(text: &str) -> Result<String, String> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let fits = text.len() <= 40 && text.chars().all(good) && !text.starts_with('-') && !text.ends_with('-');
    if fits && !text.is_empty() {
        return Ok(text.to_owned());
    }
    Err("use up to 40 lower-case letters, digits and `-`, as in `redis` or `order-db`".to_owned())
}

/// `doctor`.
#[derive(Debug, Clone, Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) on: InventoryArg,
    /// Also ask every node and API server that the inventory names whether it answers, and whether the user has the rights that the shipped
    /// playbooks need; nothing is changed
    #[arg(long, requires = "inventory")]
    pub(crate) online: bool,
    #[command(flatten)]
    pub(crate) records: RunDir,
}

/// `completions`.
#[derive(Debug, Clone, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    pub(crate) shell: Shell,
}
