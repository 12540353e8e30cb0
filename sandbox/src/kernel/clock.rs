//! The clock of a world: when it began, and how old it is. It goes with tokio's, which is paused in a rehearsal.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

/// A clock that goes, or one that stands still in a world that is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    /// When the world began.
    pub(crate) starts: Timestamp,
    /// How old the world was when its clock was started.
    age: Duration,
    /// When that was; none while the clock stands still.
    started: Option<Instant>,
}

impl Clock {
    /// The clock of a world that begins now. Must be called inside a tokio runtime.
    pub(crate) fn new(starts: Timestamp) -> Self {
        Self { starts, age: Duration::ZERO, started: Some(Instant::now()) }
    }

    /// This clock, standing still at the present.
    pub(crate) fn stopped(self) -> Self {
        Self { age: self.elapsed(), started: None, ..self }
    }

    /// This clock, going on from where it is. Must be called inside a tokio runtime.
    pub(crate) fn started(self) -> Self {
        Self { age: self.elapsed(), started: Some(Instant::now()), ..self }
    }

    /// Simulated time since the world began.
    pub(crate) fn elapsed(&self) -> Duration {
        self.age + self.started.map_or(Duration::ZERO, |started| started.elapsed())
    }

    /// The simulated time of day.
    pub(crate) fn now(&self) -> Timestamp {
        self.starts + self.elapsed()
    }
}
