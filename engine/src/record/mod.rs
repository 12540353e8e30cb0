//! The event stream: numbers and stamps events, and hands them to the writer. Writing is in `writer`, readers that may fall
//! behind are in `follow`.

mod follow;
mod writer;

#[cfg(test)]
mod tests;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::oneshot;
use tokio::time::Instant;

pub use follow::{Feed, Follower};
use writer::{Background, GONE, Writer};

use crate::clock::Clock;
use crate::event::{Event, EventKind, VERSION};
use crate::failure::Failure;
use crate::redact::Redactor;
use crate::text;

/// Stores events. Vital: if a journal fails, nothing is changed any more.
pub trait Journal: Send {
    /// Appends an event. Where `durable` is set, it must survive a crash before this returns. Not called again after an error:
    /// a journal has no gaps.
    ///
    /// # Errors
    /// The event could not be stored.
    fn append(&mut self, event: &Event, durable: bool) -> io::Result<()>;
}

/// Reads events as they are written. Cannot fail a run, and must not block: a slow reader belongs behind a [`Follower`].
pub trait Reader: Send {
    /// Takes an event.
    fn event(&mut self, event: &Event);

    /// Takes an event that could not be written, and cannot be read from the journal later.
    fn unwritten(&mut self, event: &Event) {
        self.event(event);
    }
}

/// Why events are no longer stored: the first error.
type Broken = Arc<OnceLock<String>>;

/// Records the events of one run. Cheap to clone. When the last clone is dropped, everything has been written.
#[derive(Clone)]
pub struct Recorder(Arc<Shared>);

struct Shared {
    run: String,
    clock: Arc<dyn Clock>,
    began: Instant,
    redactor: Arc<Redactor>,
    broken: Broken,
    stream: Mutex<Stream>,
}

struct Stream {
    seq: u64,
    outlet: Outlet,
}

/// Where events are written.
enum Outlet {
    /// By the caller that emits them, before it goes on: the clock of a simulated world stands still meanwhile, and the order of
    /// everything is the same each time.
    Here(Writer),
    /// On a thread of its own.
    Background(Background),
}

impl Recorder {
    /// Starts a recorder in a simulated world: events are written before anything else happens. Must be called inside a tokio
    /// runtime.
    pub fn new(
        run: &str,
        clock: Arc<dyn Clock>,
        redactor: Redactor,
        journal: Box<dyn Journal>,
        readers: Vec<Box<dyn Reader>>,
    ) -> Self {
        let writer = Writer::new(Arc::new(redactor), vec![journal], readers);
        Self::with(run, clock, &writer.broken.clone(), &writer.redactor.clone(), Outlet::Here(writer))
    }

    /// Starts a recorder in the real world: events are written on a thread of its own, to all journals in parallel.
    /// Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// The system cannot start a thread.
    pub fn in_background(
        run: &str,
        clock: Arc<dyn Clock>,
        redactor: Redactor,
        journals: Vec<Box<dyn Journal>>,
        readers: Vec<Box<dyn Reader>>,
    ) -> io::Result<Self> {
        let writer = Writer::new(Arc::new(redactor), journals, readers);
        let (broken, redactor) = (writer.broken.clone(), writer.redactor.clone());
        Ok(Self::with(run, clock, &broken, &redactor, Outlet::Background(Background::new(writer)?)))
    }

    fn with(run: &str, clock: Arc<dyn Clock>, broken: &Broken, redactor: &Arc<Redactor>, outlet: Outlet) -> Self {
        Self(Arc::new(Shared {
            run: run.to_owned(),
            clock,
            began: Instant::now(),
            redactor: Arc::clone(redactor),
            broken: Arc::clone(broken),
            stream: Mutex::new(Stream { seq: 0, outlet }),
        }))
    }

    /// Continues the numbers of an earlier stream.
    #[must_use]
    pub fn after(self, seq: u64) -> Self {
        self.stream().seq = seq;
        self
    }

    /// Records an event. If it cannot be written, the next [`Recorder::durably`] fails.
    pub fn emit(&self, kind: EventKind) {
        drop(self.record(kind, false));
    }

    /// Records an event that every journal must have stored before anything else happens.
    ///
    /// # Errors
    /// One of them cannot be written: the change that the event announces must not be made.
    pub async fn durably(&self, kind: EventKind) -> Result<(), Failure> {
        self.received(self.record(kind, true)).await
    }

    /// Waits until everything that was recorded is stored.
    ///
    /// # Errors
    /// Not all of it is: a journal cannot be written.
    pub async fn settled(&self) -> Result<(), Failure> {
        let receipts = match &self.stream().outlet {
            Outlet::Here(_) => Vec::new(),
            Outlet::Background(background) => background.send(None, true),
        };
        self.received(receipts).await
    }

    async fn received(&self, receipts: Vec<oneshot::Receiver<()>>) -> Result<(), Failure> {
        for receipt in receipts {
            if receipt.await.is_err() {
                let _ = self.0.broken.set(GONE.to_owned());
            }
        }
        match self.0.broken.get() {
            Some(error) => Err(unwritable(error)),
            None => Ok(()),
        }
    }

    /// A failure without secrets.
    pub(crate) fn shown(&self, mut failure: Failure) -> Failure {
        let redactor = &self.0.redactor;
        redactor.hide(&mut failure.message);
        redactor.hide(&mut failure.details);
        redactor.hide(&mut failure.help);
        failure
    }

    /// A text without secrets.
    pub(crate) fn shown_text(&self, text: &str) -> String {
        self.0.redactor.text(text)
    }

    /// Milliseconds since the recording began.
    pub fn elapsed_ms(&self) -> u64 {
        millis(self.0.began.elapsed())
    }

    /// Numbers and stamps an event, and hands it over; returns a receipt for each journal that has yet to store it.
    fn record(&self, kind: EventKind, durable: bool) -> Vec<oneshot::Receiver<()>> {
        let shared = &self.0;
        // The lock is held until the event is handed over, so that the order of numbers is the order of lines.
        let mut stream = self.stream();
        stream.seq += 1;
        let event = Event {
            v: VERSION,
            seq: stream.seq,
            at: shared.clock.now(),
            elapsed_ms: self.elapsed_ms(),
            run: shared.run.clone(),
            epoch: None,
            hidden: Vec::new(),
            kind,
        };
        match &mut stream.outlet {
            Outlet::Here(writer) => {
                writer.write(event, durable);
                Vec::new()
            }
            Outlet::Background(background) => background.send(Some(event), durable),
        }
    }

    fn stream(&self) -> MutexGuard<'_, Stream> {
        self.0.stream.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unwritable(error: &str) -> Failure {
    let words = text!("engine.journal-broken", "the journal cannot be written: {error}", error);
    Failure::failed(words).help(text!(
        "engine.journal-broken.help",
        "nothing is changed without a journal; make room or choose another --run-dir, then resume"
    ))
}

/// A duration in whole milliseconds.
pub(crate) fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
