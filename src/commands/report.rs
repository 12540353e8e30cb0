//! `cutover report`: shows a recorded run, in the requested form.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, bail};
use cutover_report::Style;
use cutover_report::render::{ReportKind, render};
use cutover_runs::{RunStore, Wanted};

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
        Some(file) => std::fs::write(file, report).with_context(|| format!("cannot write {}", file.display())),
        None => out.write_all(report.as_bytes()).context("cannot write the report"),
    }
}
