//! How long a machine is waited for until it answers at all. One that was silent when it was asked before is waited for less, until it
//! answers again: a takeover asks the machines of a dead site again and again, and what it waits for them is time without a service.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// For how long a machine is waited for that was silent before: the first packet and one repetition, after 1 s (RFC 6298, section 2).
pub(crate) const AGAIN: Duration = Duration::from_secs(2);

/// Whether a machine answered when it was last asked.
#[derive(Default)]
pub(crate) struct Hearing {
    silent: AtomicBool,
}

impl Hearing {
    /// Whether nothing came back the last time.
    pub(crate) fn was_silent(&self) -> bool {
        self.silent.load(Ordering::Relaxed)
    }

    /// Records whether anything came back.
    pub(crate) fn answered(&self, anything: bool) {
        self.silent.store(!anything, Ordering::Relaxed);
    }
}
