//! `cutover report`: shows a recorded run, in the requested form.

use std::io::Write;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use anyhow::{Context, bail};
use cutover_report::Style;
use cutover_report::render::{ReportKind, render};
use cutover_runs::{RunStore, StoredRun, Wanted};

/// Writes the report of a run to a file, or to `out`. `run` is an id, its beginning, a path, or `latest`.
pub(crate) fn run(
    store: &RunStore,
    run: &str,
    kind: ReportKind,
    file: Option<&Path>,
    style: &Style,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let stored = store.find(run, Wanted::ToShow)?;
    let record = stored.read()?;
    let fault = record.fault();
    let events = record.shown();
    if events.is_empty() {
        let journal = stored.journal.display();
        bail!(fault.map_or_else(|| format!("{journal} holds no events"), |fault| format!("{journal}: {fault}")));
    }
    let report = render(kind, &events, style)?;
    match file {
        Some(file) if belongs(file, store, &stored) => {
            bail!("{} belongs to a run, whose journal and files are not overwritten: name another file", file.display())
        }
        Some(file) => std::fs::write(file, report).with_context(|| format!("cannot write {}", file.display())),
        None => out.write_all(report.as_bytes()).context("cannot write the report"),
    }
}

/// Whether a file is there and one of those of a run: of the one that is shown, by whatever name, or of any in the same directory.
fn belongs(file: &Path, store: &RunStore, stored: &StoredRun) -> bool {
    let Ok(path) = file.canonicalize() else { return false };
    let is_below = |directory: &Path| directory.canonicalize().is_ok_and(|directory| path.starts_with(directory));
    is_below(&stored.directory) || is_below(store.root()) || has(&stored.directory, file)
}

/// Whether a directory, or one in it, has a file by another name.
fn has(directory: &Path, file: &Path) -> bool {
    let identity = |path: &Path| std::fs::metadata(path).map(|found| (found.dev(), found.ino())).ok();
    let Ok(entries) = std::fs::read_dir(directory) else { return false };
    entries.flatten().any(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => has(&entry.path(), file),
        _ => identity(&entry.path()).is_some_and(|found| identity(file) == Some(found)),
    })
}
