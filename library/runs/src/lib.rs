//! The recorded runs: their directories, how one is named and begun, and the content of its journal and manifest.

mod begin;
mod find;
mod journal;
mod manifest;
mod sealed;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use cutover_engine::journal::EVENTS;
use cutover_engine::world::quote;

pub use begin::{Begun, Naming};
pub use find::{LATEST, Wanted};
pub use journal::Record;
pub use manifest::Manifest;

/// Where runs are recorded by default.
pub const DEFAULT_RUN_DIR: &str = ".cutover/runs";

/// A directory of runs. Each run has a directory in it, with its id for a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunStore {
    root: PathBuf,
}

/// A run that was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRun {
    /// The name of its directory, which is the run's id unless the directory was renamed.
    pub id: String,
    /// Its directory.
    pub directory: PathBuf,
    /// Its journal.
    pub journal: PathBuf,
}

impl RunStore {
    /// The runs in a directory, which need not exist yet.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// All runs, in the order of their ids.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn all(&self) -> anyhow::Result<Vec<StoredRun>> {
        let reading = || format!("cannot list the runs in {}", self.root.display());
        let entries = match std::fs::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error).with_context(reading),
        };
        let mut runs = Vec::new();
        for entry in entries {
            let run = StoredRun::at(&entry.with_context(reading)?.path());
            // A run that is being created has a hidden name, and a directory without a journal is not a run.
            runs.extend(run.filter(|run| !run.id.starts_with('.') && run.journal.is_file()));
        }
        runs.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(runs)
    }
}

impl StoredRun {
    /// The run of a directory; `None` for a path without a last component.
    fn at(directory: &Path) -> Option<Self> {
        let id = directory.file_name()?.to_string_lossy().into_owned();
        Some(Self { id, directory: directory.to_owned(), journal: directory.join(EVENTS) })
    }

    /// How the run is named in a command that is suggested: its id, and `--run-dir` if that is not the usual one.
    pub fn named(&self) -> String {
        format!("{}{}", quote(&self.id), self.option())
    }

    /// The option that names the directory it is in, if that is not the usual one.
    pub fn option(&self) -> String {
        run_dir_option(self.directory.parent().unwrap_or(Path::new("")))
    }
}

/// The option that names a directory of runs, if it is not the usual one: for commands that are suggested.
fn run_dir_option(root: &Path) -> String {
    match root.to_str() {
        Some(DEFAULT_RUN_DIR) => String::new(),
        Some("") => " --run-dir .".to_owned(),
        _ => format!(" --run-dir {}", quote(&root.display().to_string())),
    }
}
