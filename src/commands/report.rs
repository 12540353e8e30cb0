//! `cutover report`: shows a run that was recorded, in the form that is wanted.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, bail};
use cutover_engine::event::{Event, EventKind};

use super::stored;
use crate::reporters::render::{ReportKind, render};
use crate::reporters::{Style, read_events};

/// Writes the report of a run to a file, or to `out`. `run` is an id, its beginning, a path, or `latest`.
pub(crate) fn run(
    root: &Path,
    run: &str,
    kind: ReportKind,
    file: Option<&Path>,
    style: &Style,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let stored = stored::find(root, run)?;
    let events = events(&stored::text(&stored)?);
    if events.is_empty() {
        bail!("{} holds no events", stored.journal.display());
    }
    let report = render(kind, &events, style)?;
    match file {
        Some(file) => std::fs::write(file, report).with_context(|| format!("cannot write {}", file.display())),
        None => out.write_all(report.as_bytes()).context("cannot write the report"),
    }
}

/// The events of a journal; a last line that was cut off is told as a notice.
fn events(text: &str) -> Vec<Event> {
    let (mut events, torn) = read_events(text);
    if let (Some(torn), Some(last)) = (torn, events.last()) {
        let message = format!("the journal's last line was cut off after {} bytes and is left out", torn.len());
        events.push(Event { kind: EventKind::Notice { message: message.into() }, ..last.clone() });
    }
    events
}
