//! A journal in memory that can lose its tail, break, and stop its controller.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cutover_engine::event::Event;
use cutover_engine::record::Journal;

use crate::trip::Controller;

/// The events that were written.
#[derive(Default)]
pub(super) struct Tape {
    pub(super) events: Vec<Event>,
    /// How many of them would survive a crash for certain.
    pub(super) durable: usize,
    /// The journal breaks after this many events.
    pub(super) full_after: Option<usize>,
}

impl Tape {
    /// Loses this many of the last events, as far as they were not flushed.
    pub(super) fn lose(&mut self, lost: usize) {
        let remaining = self.events.len().saturating_sub(lost).max(self.durable);
        self.events.truncate(remaining);
        self.durable = remaining;
    }
}

/// Writes to a tape for one controller.
pub(super) struct Writer {
    pub(super) tape: Arc<Mutex<Tape>>,
    pub(super) controller: Arc<Controller>,
}

impl Writer {
    fn tape(&self) -> MutexGuard<'_, Tape> {
        self.tape.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Journal for Writer {
    fn append(&mut self, event: &Event, durable: bool) -> std::io::Result<()> {
        // A dead process writes nothing.
        if self.controller.is_dead() {
            return Ok(());
        }
        {
            let mut tape = self.tape();
            if tape.full_after.is_some_and(|most| tape.events.len() >= most) {
                return Err(std::io::Error::other("no space left on device"));
            }
            tape.events.push(event.clone());
            if durable {
                tape.durable = tape.events.len();
            }
        }
        self.controller.event(|| serde_json::to_string(event).unwrap_or_default());
        Ok(())
    }
}
