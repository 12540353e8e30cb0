//! A run's directory: its journal, what it was started with, and copies of the files it was started from.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use cutover_engine::run::Run;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::args::Common;
use crate::files::Job;

/// What a run was started with: enough to take it up again, and nothing secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The playbook's path.
    pub(crate) playbook: PathBuf,
    /// The digest of the playbook and all it includes.
    pub(crate) playbook_digest: String,
    /// The inventory's path.
    pub(crate) inventory: PathBuf,
    /// The inventory's digest.
    pub(crate) inventory_digest: String,
    /// The parameters that were given; without secret ones.
    pub(crate) given: Map<String, Value>,
    /// Only steps with one of these tags.
    pub(crate) tags: Vec<String>,
    /// No steps with one of these.
    pub(crate) skip_tags: Vec<String>,
    /// When it was started.
    pub(crate) started: Timestamp,
}

impl Manifest {
    /// The manifest of a run that begins.
    pub(crate) fn of(job: &Job, run: &Run, common: &Common) -> Self {
        let mut given = job.given.clone();
        given.retain(|name, _| run.playbook.params.get(name).is_some_and(|param| !param.secret));
        let whole = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        Self {
            playbook: whole(&run.playbook.source.path),
            playbook_digest: run.playbook.digest.clone(),
            inventory: whole(&run.inventory.source.path),
            inventory_digest: run.inventory.digest.clone(),
            given,
            tags: common.tags.clone(),
            skip_tags: common.skip_tags.clone(),
            started: run.started,
        }
    }
}

/// The directory of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunDirectory(pub(crate) PathBuf);

/// An id that no run of a directory has: when, and of what.
pub(crate) fn run_id(root: &Path, now: Timestamp, playbook: &Path) -> String {
    let id = format!("{}-{}", now.strftime("%Y%m%d-%H%M%S"), stem(playbook));
    let numbered = (2..).map(|number| format!("{id}-{number}"));
    let mut free = std::iter::once(id.clone()).chain(numbered).filter(|id| !root.join(id).exists());
    free.next().unwrap_or(id)
}

/// A playbook's file name without its ending.
pub(crate) fn stem(playbook: &Path) -> String {
    playbook.file_stem().map_or_else(|| "playbook".to_owned(), |stem| stem.to_string_lossy().into_owned())
}

impl RunDirectory {
    /// The directory of a run that exists.
    ///
    /// # Errors
    /// There is none of this name.
    pub(crate) fn find(root: &Path, run: &str) -> anyhow::Result<Self> {
        let path = root.join(run);
        let known = path.join(cutover_engine::journal::EVENTS).is_file();
        anyhow::ensure!(known, "no run `{run}` in {}; `cutover runs` lists them", root.display());
        Ok(Self(path))
    }

    /// Begins a directory: the manifest, and copies of all files that were read.
    ///
    /// # Errors
    /// It cannot be made.
    pub(crate) fn begin(root: &Path, id: &str, job: &Job, manifest: &Manifest) -> anyhow::Result<Self> {
        let path = root.join(id);
        let failed = || format!("cannot record the run in {}", path.display());
        fs::create_dir_all(path.join("files")).with_context(failed)?;
        let text = serde_json::to_string_pretty(manifest)?;
        fs::write(path.join("run.json"), text + "\n").with_context(failed)?;
        for (file, text) in &job.files {
            // One flat directory: `playbooks/tasks/x.yml` becomes `playbooks,tasks,x.yml`.
            let name = file.display().to_string().replace(['/', '\\'], ",");
            fs::write(path.join("files").join(name), text).with_context(failed)?;
        }
        Ok(Self(path))
    }

    /// What the run was started with.
    ///
    /// # Errors
    /// The file is missing or damaged.
    pub(crate) fn manifest(&self) -> anyhow::Result<Manifest> {
        let path = self.0.join("run.json");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is damaged", path.display()))
    }

    /// The journal's path.
    pub(crate) fn journal(&self) -> PathBuf {
        self.0.join(cutover_engine::journal::EVENTS)
    }

    /// Removes what an earlier rehearsal of the same name has left.
    ///
    /// # Errors
    /// It cannot be removed.
    pub(crate) fn clear(root: &Path, id: &str) -> io::Result<()> {
        match fs::remove_dir_all(root.join(id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}
