//! Options that several commands share.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use cutover_engine::selector::Selector;

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

/// What a playbook is run with.
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

/// How a run is watched, approved and recorded.
#[derive(Debug, Clone, Args)]
pub(crate) struct Session {
    /// How progress is shown; `live` on a terminal and `plain` elsewhere, if not given
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) output: Option<Output>,
    /// Approve a gate beforehand by its path or the end of it, with the phrase if it asks for one; may be repeated
    #[arg(long, value_name = "GATE[=PHRASE]")]
    pub(crate) approve: Vec<Approval>,
    /// Record also what is read to look at the world: commands and requests with their answers
    #[arg(long)]
    pub(crate) record_reads: bool,
    #[command(flatten)]
    pub(crate) records: RunDir,
}

/// Where runs are recorded if nothing else is said.
pub(crate) const DEFAULT_RUN_DIR: &str = ".cutover/runs";

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

/// How a run is shown while it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// Lines with a moving footer, for a terminal
    Live,
    /// Lines only, for a log
    Plain,
    /// The event stream, one JSON object for each line
    Json,
}

/// A parameter given on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Extra {
    /// `key=value`: always text; the playbook says what type it becomes.
    Value(String, String),
    /// `@file.yml`: a YAML mapping.
    File(PathBuf),
}

impl FromStr for Extra {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match (text.strip_prefix('@'), text.split_once('=')) {
            (Some(""), _) => Err("a file's name has to follow the `@`".to_owned()),
            (Some(path), _) => Ok(Self::File(path.into())),
            (None, Some((key, value))) if !key.is_empty() => Ok(Self::Value(key.to_owned(), value.to_owned())),
            _ => Err("write `key=value`, or `@file.yml`".to_owned()),
        }
    }
}

/// A gate that is approved beforehand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Approval {
    /// The gate.
    pub(crate) gate: Selector,
    /// The phrase, for a gate that asks for one.
    pub(crate) phrase: Option<String>,
}

impl FromStr for Approval {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (gate, phrase) =
            text.split_once('=').map_or((text, None), |(gate, phrase)| (gate, Some(phrase.to_owned())));
        if gate.is_empty() {
            return Err("write the gate's path, as `cutover plan` shows it".to_owned());
        }
        let gate: Selector = gate.parse()?;
        if gate.target().is_some() {
            return Err(format!("`{gate}` names a target, and a gate has none"));
        }
        Ok(Self { gate, phrase })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_may_hold_equals_signs_and_a_file_begins_with_an_at() {
        let value = |key: &str, value: &str| Ok(Extra::Value(key.to_owned(), value.to_owned()));
        assert_eq!("a=b=c".parse(), value("a", "b=c"));
        assert_eq!("a=".parse(), value("a", ""));
        assert_eq!("@x=y.yml".parse(), Ok(Extra::File("x=y.yml".into())));
        for wrong in ["a", "=b", "@", ""] {
            assert!(wrong.parse::<Extra>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_gate_is_approved_with_or_without_a_phrase() {
        let parsed: Approval = "rebuild/uninstall=common-etcd".parse().expect("an approval");
        let (gate, phrase) = (parsed.gate.to_string(), parsed.phrase.as_deref());
        assert_eq!((gate.as_str(), phrase), ("rebuild/uninstall", Some("common-etcd")));
        assert_eq!("stop".parse::<Approval>().expect("an approval").phrase, None);
        for wrong in ["=x", "", "a//b", "each[0]", "stop@here/a"] {
            assert!(wrong.parse::<Approval>().is_err(), "{wrong}");
        }
    }
}
