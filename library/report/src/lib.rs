//! Readers of the event stream: CI lines, the live terminal, JSON lines, and the renderers of finished runs. All are
//! folds over events. None reads the environment, and none can fail a run: what cannot be written is let go.

mod clock;
mod json;
mod line;
mod live;
mod narration;
mod outcome;
mod palette;
mod plain;
pub mod render;
mod screen;
mod table;
mod timeline;

#[cfg(test)]
mod tests;

use std::io::Write;

use cutover_protocol::event::Event;

pub use clock::exact;
pub use line::{clean, pad};
pub use outcome::{label, undo_label};
pub use screen::{Paused, Screen};

/// How long the service was out in a run, in milliseconds, and whether it still is; none if there was no outage.
pub fn outage<'a>(events: impl IntoIterator<Item = &'a Event>) -> Option<(u64, bool)> {
    let timeline = timeline::Timeline::of(events);
    Some((timeline.outage_ms(timeline.now_ms)?, timeline.is_out()))
}

/// A reader of the event stream. Never fails a run.
pub trait Reporter {
    /// Takes in one event.
    fn event(&mut self, event: &Event);

    /// Takes in what earlier executions of the run have recorded, without showing it: their clock goes on, and an undo tells of
    /// their changes.
    fn recall(&mut self, _events: &[Event]) {}

    /// Says that no event follows.
    fn finish(&mut self) {}

    /// The screen the reporter draws on, for who has to ask a person something in between.
    fn screen(&self) -> Screen {
        Screen::default()
    }
}

/// What a run shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum OutputKind {
    /// Finished steps scroll, and a footer shows what runs: for terminals.
    Live,
    /// Lines only: for CI logs and files.
    Plain,
    /// The event stream, one JSON object for each line.
    Json,
}

/// How text may look.
#[derive(Debug, Clone)]
pub struct Style {
    /// Whether colours are wanted.
    pub color: bool,
    /// How wide lines may be.
    pub width: Width,
    /// Whether GitHub's markers for groups and annotations are wanted: inside of its runners.
    pub github: bool,
}

/// How wide lines may be.
#[derive(Debug, Clone)]
pub enum Width {
    /// So many columns.
    Columns(usize),
    /// As wide as a terminal is at the moment.
    Terminal(console::Term),
}

impl Width {
    /// Rows and columns at the moment.
    pub(crate) fn size(&self) -> (usize, usize) {
        match self {
            Self::Columns(columns) => (24, *columns),
            Self::Terminal(term) => {
                let (rows, columns) = term.size();
                (rows.into(), columns.into())
            }
        }
    }

    /// Columns at the moment.
    pub fn columns(&self) -> usize {
        self.size().1
    }
}

/// Makes a reporter.
pub fn reporter(kind: OutputKind, out: Box<dyn Write + Send>, style: Style) -> Box<dyn Reporter + Send> {
    match kind {
        OutputKind::Live => Box::new(live::Live::new(out, style)),
        OutputKind::Plain => Box::new(plain::Plain::new(out, style)),
        OutputKind::Json => Box::new(json::Json::new(out)),
    }
}
