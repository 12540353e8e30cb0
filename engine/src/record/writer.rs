//! Writes events: takes secrets out, hands them to every journal, then shows them to readers. In the background each journal
//! but the first has a thread of its own, so that a slow one (a mirror elsewhere) does not hold up the others.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use tokio::sync::oneshot;

use super::{Broken, Journal, Reader};
use crate::event::Event;
use crate::redact::Redactor;

/// How long the program's exit waits for events that are still to be written.
const LAST_WRITES: Duration = Duration::from_secs(10);
/// The error if a writer's thread ended too early.
pub(super) const GONE: &str = "its writer has ended";

/// A journal and its first error.
struct Vital {
    journal: Option<Box<dyn Journal>>,
    broken: Broken,
}

impl Vital {
    /// Appends an event; returns whether it was stored.
    fn append(&mut self, event: &Event, durable: bool) -> bool {
        let Some(journal) = &mut self.journal else { return false };
        match journal.append(event, durable) {
            Ok(()) => true,
            Err(error) => {
                let _ = self.broken.set(error.to_string());
                // Lines after a gap, or after half a line, could not be read back.
                self.journal = None;
                false
            }
        }
    }
}

/// Writes events.
pub(super) struct Writer {
    pub(super) redactor: Arc<Redactor>,
    pub(super) broken: Broken,
    vital: Vec<Vital>,
    readers: Vec<Box<dyn Reader>>,
}

impl Writer {
    pub(super) fn new(redactor: Arc<Redactor>, journals: Vec<Box<dyn Journal>>, readers: Vec<Box<dyn Reader>>) -> Self {
        let broken = Broken::default();
        let vital = |journal| Vital { journal: Some(journal), broken: Broken::clone(&broken) };
        Self { redactor, vital: journals.into_iter().map(vital).collect(), readers, broken }
    }

    /// Writes an event, to one journal after the other.
    pub(super) fn write(&mut self, mut event: Event, durable: bool) {
        self.hide(&mut event);
        let stored: Vec<bool> = self.vital.iter_mut().map(|vital| vital.append(&event, durable)).collect();
        self.show(&event, stored.first().copied().unwrap_or(true));
    }

    fn hide(&self, event: &mut Event) {
        event.hidden = self.redactor.hide(&mut event.kind);
    }

    fn show(&mut self, event: &Event, written: bool) {
        for reader in &mut self.readers {
            if written { reader.event(event) } else { reader.unwritten(event) }
        }
    }
}

/// An event to be written, or none: then everything before it has been written once the receipts come.
struct Entry {
    event: Option<Event>,
    durable: bool,
    receipts: Vec<oneshot::Sender<()>>,
}

/// An event to be written by a journal's own thread.
type Copied = (Option<Arc<Event>>, bool, Option<oneshot::Sender<()>>);

/// A writer on a thread of its own. Dropped, it waits until everything has been written.
pub(super) struct Background {
    /// `None` at the end.
    entries: Option<Sender<Entry>>,
    /// How many journals there are.
    journals: usize,
    /// Disconnected once all threads have ended.
    ended: Receiver<()>,
}

impl Background {
    /// Begins.
    ///
    /// # Errors
    /// The system cannot start a thread.
    pub(super) fn new(mut writer: Writer) -> io::Result<Self> {
        let (running, ended) = channel();
        let journals = writer.vital.len();
        let mut beside = Vec::new();
        for vital in writer.vital.split_off(journals.min(1)) {
            beside.push(copies(vital, running.clone())?);
        }
        let (entries, received) = channel();
        spawn("journal", move || {
            write_all(&mut writer, &beside, &received);
            // In this order: readers are dropped with the writer, before `running` signals that everything is over.
            drop((writer, beside, running));
        })?;
        Ok(Self { entries: Some(entries), journals, ended })
    }

    /// Hands an event over; returns a receipt of every journal if it is durable.
    pub(super) fn send(&self, event: Option<Event>, durable: bool) -> Vec<oneshot::Receiver<()>> {
        let journals = if durable { self.journals } else { 0 };
        let (receipts, receivers) = (0..journals).map(|_| oneshot::channel()).unzip();
        if let Some(entries) = &self.entries {
            // If the thread is gone, the receipts are dropped, which the caller sees as an error.
            let _ = entries.send(Entry { event, durable, receipts });
        }
        receivers
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.entries = None;
        // Each thread drops its sender once it has written everything, so the disconnect marks the end.
        let _ = self.ended.recv_timeout(LAST_WRITES);
    }
}

/// Writes until no more entries can come.
fn write_all(writer: &mut Writer, beside: &[Sender<Copied>], entries: &Receiver<Entry>) {
    for Entry { mut event, durable, receipts } in entries {
        event.iter_mut().for_each(|event| writer.hide(event));
        let (event, mut receipts) = (event.map(Arc::new), receipts.into_iter());
        let first = receipts.next();
        for journal in beside {
            if journal.send((event.clone(), durable, receipts.next())).is_err() {
                let _ = writer.broken.set(GONE.to_owned());
            }
        }
        if let Some(event) = event {
            let written = writer.vital.first_mut().is_none_or(|vital| vital.append(&event, durable));
            writer.show(&event, written);
        }
        first.map(|receipt| receipt.send(()));
    }
}

/// Starts a thread that writes to one journal.
fn copies(mut vital: Vital, running: Sender<()>) -> io::Result<Sender<Copied>> {
    let (sender, events) = channel::<Copied>();
    spawn("journal-copy", move || {
        for (event, durable, receipt) in events {
            event.map(|event| vital.append(&event, durable));
            receipt.map(|receipt| receipt.send(()));
        }
        drop(running);
    })?;
    Ok(sender)
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work).map(drop)
}
