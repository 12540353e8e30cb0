//! Wall-clock stamps. Durations come from tokio's clock, so that a rehearsal on the paused clock measures simulated time.

/// A source of wall-clock time.
pub trait Clock: Send + Sync {
    /// The current instant, in UTC.
    fn now(&self) -> jiff::Timestamp;
}
