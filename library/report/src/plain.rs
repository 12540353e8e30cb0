//! Lines only, in the order of events, with no cursor moves: for CI logs and files.

use std::io::Write;

use cutover_protocol::event::Event;

use super::narration::Narration;
use super::timeline::Timeline;
use super::{Reporter, Style};

/// Writes a run as lines.
pub(crate) struct Plain {
    out: Box<dyn Write + Send>,
    timeline: Timeline,
    narration: Narration,
}

impl Plain {
    /// Writes to `out`.
    pub(crate) fn new(out: Box<dyn Write + Send>, style: Style) -> Self {
        Self { out, timeline: Timeline::default(), narration: Narration::new(style, true) }
    }

    fn write(&mut self, lines: &[String]) {
        // A closed pipe must not fail a run.
        let _ = lines.iter().try_for_each(|line| writeln!(self.out, "{line}")).and_then(|()| self.out.flush());
    }
}

impl Reporter for Plain {
    fn event(&mut self, event: &Event) {
        self.timeline.event(event);
        let lines = self.narration.event(&self.timeline, event);
        self.write(&lines);
    }

    fn recall(&mut self, events: &[Event]) {
        self.timeline.recall(events);
    }

    fn finish(&mut self) {
        let lines = self.narration.finish(&self.timeline);
        self.write(&lines);
    }
}
