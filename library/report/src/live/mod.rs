//! The live terminal: what is over scrolls by as lines, what runs is pinned below. Events only change what is to be
//! drawn; a thread draws it, at most every 50 ms, so that neither a burst of events (a rehearsal) nor a slow terminal
//! holds a run up.

mod canvas;
mod footer;
mod painter;

#[cfg(test)]
mod tests;

use std::io::Write;
use std::sync::Arc;
use std::thread::JoinHandle;

use cutover_protocol::event::Event;

use super::{Reporter, Screen, Style};
use painter::Painter;

/// Draws a run on a terminal.
pub(crate) struct Live {
    painter: Arc<Painter>,
    thread: Option<JoinHandle<()>>,
}

impl Live {
    /// Draws on `out`, which is a terminal.
    pub(crate) fn new(out: Box<dyn Write + Send>, style: Style) -> Self {
        let painter = Arc::new(Painter::new(out, style));
        let theirs = Arc::clone(&painter);
        let thread = std::thread::Builder::new().name("painter".to_owned()).spawn(move || theirs.run()).ok();
        Self { painter, thread }
    }

    fn stop(&mut self) {
        self.painter.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        self.painter.clear();
    }
}

impl Reporter for Live {
    fn event(&mut self, event: &Event) {
        self.painter.event(event);
        if self.thread.is_none() {
            // No thread could be started (or all is over): draw here, as often as the thread would have.
            self.painter.paint_if_due();
        }
    }

    fn recall(&mut self, events: &[Event]) {
        self.painter.recall(events);
    }

    fn finish(&mut self) {
        self.painter.close();
        self.stop();
    }

    fn screen(&self) -> Screen {
        Screen::of(Arc::clone(&self.painter) as _)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.stop();
    }
}
