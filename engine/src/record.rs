//! The event stream: numbers and stamps events, takes secrets out, writes the journal ahead, tells the readers.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use crate::event::{Event, EventKind, VERSION};
use crate::failure::Failure;
use crate::redact::Redactor;
use crate::world::World;

/// Keeps events. Unlike readers it may fail the run.
pub trait Journal: Send {
    /// Appends an event. Where `durable` is set, it must survive a crash before this returns.
    ///
    /// # Errors
    /// The event could not be kept.
    fn append(&mut self, event: &Event, durable: bool) -> io::Result<()>;
}

/// Reads events as they happen. Cannot fail a run.
pub trait Reader: Send {
    /// Takes an event.
    fn event(&mut self, event: &Event);
}

/// Records the events of one run. Cheap to clone.
#[derive(Clone)]
pub struct Recorder(Arc<Mutex<Inner>>);

struct Inner {
    run: String,
    world: Arc<dyn World>,
    began: Instant,
    seq: u64,
    redactor: Redactor,
    journal: Box<dyn Journal>,
    readers: Vec<Box<dyn Reader>>,
    broken: Option<String>,
}

impl Recorder {
    /// Begins to record. Must be called inside a tokio runtime.
    pub fn new(
        run: &str,
        world: Arc<dyn World>,
        redactor: Redactor,
        journal: Box<dyn Journal>,
        readers: Vec<Box<dyn Reader>>,
    ) -> Self {
        let (run, began) = (run.to_owned(), Instant::now());
        Self(Arc::new(Mutex::new(Inner { run, world, began, seq: 0, redactor, journal, readers, broken: None })))
    }

    /// Goes on with the numbers of an earlier stream.
    #[must_use]
    pub fn after(self, seq: u64) -> Self {
        self.lock().seq = seq;
        self
    }

    /// Records an event. That the journal cannot be written is said by the next [`Recorder::durably`].
    pub fn emit(&self, kind: EventKind) {
        // The error is kept.
        let _ = self.lock().record(kind, false);
    }

    /// Records an event that must survive a crash before anything else happens.
    ///
    /// # Errors
    /// The journal cannot be written: whatever comes next must not be done.
    pub async fn durably(&self, kind: EventKind) -> Result<(), Failure> {
        self.lock().record(kind, true).map_err(|error| {
            Failure::failed(format!("the journal cannot be written: {error}"))
                .help("nothing is changed without a journal; make room or choose another --run-dir, then resume")
        })
    }

    /// A failure as it may be shown.
    pub(crate) fn shown(&self, failure: Failure) -> Failure {
        let redactor = &self.lock().redactor;
        Failure {
            message: redactor.text(&failure.message.to_string()).into(),
            details: failure.details.iter().map(|line| redactor.text(&line.to_string()).into()).collect(),
            help: failure.help.map(|help| redactor.text(&help.to_string()).into()),
            ..failure
        }
    }

    /// Milliseconds since the recording began.
    pub fn elapsed_ms(&self) -> u64 {
        millis(self.lock().began.elapsed())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn record(&mut self, kind: EventKind, durable: bool) -> Result<(), String> {
        self.seq += 1;
        let mut event = Event {
            v: VERSION,
            seq: self.seq,
            at: self.world.now(),
            elapsed_ms: millis(self.began.elapsed()),
            run: self.run.clone(),
            prev: None,
            epoch: None,
            hidden: Vec::new(),
            kind,
        };
        self.redactor.hide(&mut event.kind);
        if let Err(error) = self.journal.append(&event, durable) {
            self.broken.get_or_insert(error.to_string());
        }
        self.readers.iter_mut().for_each(|reader| reader.event(&event));
        match &self.broken {
            Some(why) => Err(why.clone()),
            None => Ok(()),
        }
    }
}

/// A duration in whole milliseconds.
pub(crate) fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
