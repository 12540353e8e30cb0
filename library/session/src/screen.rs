//! The screen of a reporter that reads on a thread of its own, as seen by who has to ask a person something in between.

use cutover_engine::record::Follower;
use cutover_report::Paused;

/// The screen of a reporter. Cheap to clone.
#[derive(Clone, Default)]
pub struct Screen {
    shown: cutover_report::Screen,
    /// The reporter's reading.
    reading: Option<Follower>,
}

impl Screen {
    pub(crate) fn new(shown: cutover_report::Screen, reading: Follower) -> Self {
        Self { shown, reading: Some(reading) }
    }

    /// Waits until the reporter has shown what has happened, and takes the footer away until the guard is dropped; for prompts
    /// that are awaited. Lines written meanwhile are kept back. Takes as long as the terminal does.
    pub(crate) fn pause(&self) -> Paused {
        if let Some(reading) = &self.reading {
            reading.catch_up(|_| false);
        }
        self.shown.pause()
    }
}
