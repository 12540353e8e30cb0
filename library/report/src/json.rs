//! The event stream as it is: one JSON object for each line, flushed, so that a reader of a pipe is never behind.

use std::io::Write;

use cutover_protocol::event::Event;

use super::Reporter;

/// Writes events as JSON lines.
pub(crate) struct Json {
    out: Box<dyn Write + Send>,
}

impl Json {
    /// Writes to `out`.
    pub(crate) fn new(out: Box<dyn Write + Send>) -> Self {
        Self { out }
    }
}

impl Reporter for Json {
    fn event(&mut self, event: &Event) {
        // A closed pipe must not fail a run.
        if let Ok(mut line) = serde_json::to_vec(event) {
            line.push(b'\n');
            let _ = self.out.write_all(&line).and_then(|()| self.out.flush());
        }
    }
}
