//! How and where a test stops the controller.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio_util::sync::CancellationToken;

/// How a controller is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// As by the first Ctrl-C: an action that was sent is completed.
    Soft,
    /// As by the second Ctrl-C: nothing is awaited.
    Hard,
    /// As by `kill -9`. This many of the events that were not yet flushed to the disk are lost with it.
    Kill {
        /// How many of the last events are lost, as far as they were not durable.
        lost: usize,
    },
}

/// Where a controller is stopped. Everything is counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// Right after the n-th event of this execution was written.
    Event(usize),
    /// Right after an event was written that has this text in its line.
    Words(&'static str),
    /// When the n-th command of this execution was sent, and did nothing yet.
    Before(usize),
    /// When the n-th command of this execution took effect, and its answer is still on its way.
    After(usize),
}

/// A stop that is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trip {
    /// Where.
    pub at: At,
    /// How.
    pub mode: Mode,
}

/// One execution of a controller: counts commands and events, and stops the controller where the test wants it.
#[derive(Debug, Default)]
pub(crate) struct Controller {
    pub(crate) soft: CancellationToken,
    pub(crate) hard: CancellationToken,
    pub(crate) dead: CancellationToken,
    trip: Option<Trip>,
    events: AtomicUsize,
    commands: AtomicUsize,
}

impl Controller {
    pub(crate) fn new(trip: Option<Trip>) -> Self {
        Self { trip, ..Self::default() }
    }

    /// Whether it was killed: it writes and sends nothing any more.
    pub(crate) fn is_dead(&self) -> bool {
        self.dead.is_cancelled()
    }

    /// The number of a command that is sent.
    pub(crate) fn command(&self) -> usize {
        self.commands.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Counts an event that was written, with its line.
    pub(crate) fn event(&self, line: impl FnOnce() -> String) {
        let number = self.events.fetch_add(1, Ordering::SeqCst) + 1;
        self.pass(At::Event(number));
        if let Some(Trip { at: At::Words(words), .. }) = self.trip
            && line().contains(words)
        {
            self.pass(At::Words(words));
        }
    }

    /// Stops the controller if this is where it is to be stopped.
    pub(crate) fn pass(&self, at: At) {
        let Some(trip) = self.trip.filter(|trip| trip.at == at) else { return };
        match trip.mode {
            Mode::Soft => self.soft.cancel(),
            Mode::Hard => {
                self.soft.cancel();
                self.hard.cancel();
            }
            Mode::Kill { .. } => self.dead.cancel(),
        }
    }

    /// How many events are lost with it.
    pub(crate) fn lost(&self) -> usize {
        match self.trip {
            Some(Trip { mode: Mode::Kill { lost }, .. }) if self.is_dead() => lost,
            _ => 0,
        }
    }
}
