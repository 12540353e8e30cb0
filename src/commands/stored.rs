//! Finds the journals of runs: `<run-dir>/<id>/events.jsonl`. Reads them; never writes there.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// The name of a run's journal.
const JOURNAL: &str = "events.jsonl";

/// A run that left a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StoredRun {
    /// Its id: the name of its directory.
    pub(super) id: String,
    /// Its journal.
    pub(super) journal: PathBuf,
}

/// All runs below a directory, oldest first; none if the directory does not exist.
pub(super) fn all(root: &Path) -> anyhow::Result<Vec<StoredRun>> {
    let reading = || format!("cannot list the runs in {}", root.display());
    let entries = match std::fs::read_dir(root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(reading),
    };
    let mut runs = Vec::new();
    for entry in entries {
        let directory = entry.with_context(reading)?.path();
        let journal = directory.join(JOURNAL);
        if let (true, Some(name)) = (journal.is_file(), directory.file_name()) {
            runs.push(StoredRun { id: name.to_string_lossy().into_owned(), journal });
        }
    }
    runs.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(runs)
}

/// The run that is meant: by its id, by the beginning of it if that is unique, by a path, or `latest`.
pub(super) fn find(root: &Path, wanted: &str) -> anyhow::Result<StoredRun> {
    let path = Path::new(wanted);
    let here = |journal: PathBuf| StoredRun { id: wanted.to_owned(), journal };
    if wanted.contains('/') {
        let journal = if path.is_dir() { path.join(JOURNAL) } else { path.to_owned() };
        if !journal.is_file() {
            bail!("there is no journal at {}; see `cutover runs`", journal.display());
        }
        return Ok(here(journal));
    }
    let runs = all(root)?;
    if wanted == "latest" {
        // By the file, not by its events: a rehearsal has a clock of its own.
        let written = |run: &StoredRun| run.journal.metadata().and_then(|metadata| metadata.modified()).ok();
        let latest = runs.into_iter().max_by_key(written);
        return latest.with_context(|| format!("there are no runs in {}", root.display()));
    }
    if let Some(run) = runs.iter().find(|run| run.id == wanted) {
        return Ok(run.clone());
    }
    let mut matching = runs.into_iter().filter(|run| !wanted.is_empty() && run.id.starts_with(wanted));
    match (matching.next(), matching.next()) {
        (Some(run), None) => Ok(run),
        (None, _) => bail!("there is no run `{wanted}` in {}; see `cutover runs`", root.display()),
        (Some(one), Some(other)) => {
            bail!("`{wanted}` could be {} or {}, among others; type more of it", one.id, other.id)
        }
    }
}

/// The text of a journal; bytes that are no UTF-8 (a write that was cut off) are replaced.
pub(super) fn text(run: &StoredRun) -> anyhow::Result<String> {
    let bytes = std::fs::read(&run.journal).with_context(|| format!("cannot read {}", run.journal.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
