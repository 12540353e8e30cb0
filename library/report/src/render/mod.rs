//! Renders a finished run (or what there is of one) into a document: text, Markdown, one HTML page, JUnit XML.

mod change;
mod document;
mod gantt;
mod html;
mod junit;
mod markdown;
mod template;

#[cfg(test)]
mod tests;

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use cutover_protocol::event::Event;

use super::plain::Plain;
use super::timeline::Timeline;
use super::{Reporter, Style};

/// A form of report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ReportKind {
    /// The lines a run with plain output shows.
    Text,
    /// Markdown, for a ticket or a wiki.
    Markdown,
    /// One HTML page that needs nothing else, to be kept with the change record.
    Html,
    /// JUnit XML for CI: phases are suites, steps are cases.
    Junit,
}

/// Why a report could not be made. Only a fault of this program can be the cause, never the events.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The report's data cannot be serialised.
    #[error("the report's data are faulty: {0}")]
    Document(#[source] serde_json::Error),
    /// A template does not fit its data.
    #[error("the report's template is faulty: {0:#}")]
    Template(#[from] minijinja::Error),
}

/// Renders events; `style` is for text only.
///
/// # Errors
/// A fault of this crate, never of the events.
pub fn render(kind: ReportKind, events: &[Event], style: &Style) -> Result<String, RenderError> {
    let timeline = || Timeline::of(events);
    match kind {
        ReportKind::Text => Ok(text(events, style)),
        ReportKind::Markdown => Ok(markdown::markdown(&timeline())),
        ReportKind::Html => html::html(&timeline()),
        ReportKind::Junit => junit::junit(&timeline()),
    }
}

fn text(events: &[Event], style: &Style) -> String {
    let sheet = Sheet::default();
    let mut plain = Plain::new(Box::new(sheet.clone()), style.clone());
    events.iter().for_each(|event| plain.event(event));
    plain.finish();
    sheet.text()
}

/// Bytes written, to be read while the writer still lives.
#[derive(Clone, Default)]
pub(crate) struct Sheet {
    bytes: Arc<Mutex<Vec<u8>>>,
}

impl Sheet {
    /// What was written.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl Write for Sheet {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
