//! The pauses between two looks at the same thing: short at first, and half as long again each time.

use std::time::Duration;

const SHORTEST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(5);

/// The pause that comes next.
#[derive(Debug, Clone, Copy)]
pub(super) struct Backoff(Duration);

impl Backoff {
    /// Begins with the shortest pause.
    pub(super) fn new() -> Self {
        Self(SHORTEST)
    }

    /// The pause that comes next.
    pub(super) fn pause(self) -> Duration {
        self.0
    }

    /// Makes the next pause longer.
    pub(super) fn grow(&mut self) {
        self.0 = (self.0 * 3 / 2).min(LONGEST);
    }
}
