//! `cutover report`: shows a run that was recorded, in the form that is wanted.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, bail};

use crate::reporters::Style;
use crate::reporters::render::{ReportKind, render};
use crate::runs::{RunStore, Wanted};

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
    let events = stored.read()?.shown();
    if events.is_empty() {
        bail!("{} holds no events", stored.journal.display());
    }
    let report = render(kind, &events, style)?;
    match file {
        Some(file) => std::fs::write(file, report).with_context(|| format!("cannot write {}", file.display())),
        None => out.write_all(report.as_bytes()).context("cannot write the report"),
    }
}
