//! A reader on a thread of its own. It may be as slow as it likes: events wait for it in a queue, and those that the queue had
//! to drop it reads from the journal.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::Reader;
use crate::event::Event;

/// How many events wait in the queue.
const QUEUE: usize = 1024;
/// How often a waiting caller is asked whether to give up.
const TICK: Duration = Duration::from_millis(50);

/// Feeds a reader on another thread. When it is dropped, no event follows.
pub struct Feed(Arc<Shared>);

/// A handle of a reader on a thread of its own, to wait for it. Cheap to clone.
#[derive(Clone)]
pub struct Follower(Arc<Shared>);

struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
    journal: Option<PathBuf>,
}

#[derive(Default)]
struct Queue {
    /// The latest events.
    events: VecDeque<Event>,
    /// The number of the event that was shown to the reader last; `None` before the first one.
    read: Option<u64>,
    /// The number of the latest event.
    last: u64,
    /// Some events are in no journal, so none may be dropped any more.
    unwritten: bool,
    /// No event follows.
    closed: bool,
    /// The reader has ended.
    ended: bool,
}

impl Follower {
    /// Starts a reader on a thread of its own. Without a journal to read from, no event is dropped, however many there are.
    ///
    /// # Errors
    /// The system cannot start a thread.
    pub fn new(reader: Box<dyn Reader>, journal: Option<PathBuf>) -> io::Result<(Feed, Self)> {
        let shared = Arc::new(Shared { queue: Mutex::default(), changed: Condvar::new(), journal });
        let ended = Ended(Arc::clone(&shared));
        std::thread::Builder::new().name("reader".to_owned()).spawn(move || {
            ended.0.follow(reader);
            drop(ended);
        })?;
        Ok((Feed(Arc::clone(&shared)), Self(shared)))
    }

    /// Waits until the reader has read everything and has ended. `give_up` is called repeatedly with the time since the reader last
    /// took an event. Returns whether the reader has ended.
    pub fn end(&self, give_up: impl FnMut(Duration) -> bool) -> bool {
        self.wait(give_up, |queue| queue.ended)
    }

    /// Waits in the same way until the reader has caught up with all events so far.
    pub fn catch_up(&self, give_up: impl FnMut(Duration) -> bool) -> bool {
        self.wait(give_up, |queue| queue.ended || queue.read.unwrap_or_default() >= queue.last)
    }

    /// How many events are in the queue.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.0.queue().events.len()
    }

    fn wait(&self, mut give_up: impl FnMut(Duration) -> bool, done: impl Fn(&Queue) -> bool) -> bool {
        let mut queue = self.0.queue();
        let (mut since, mut read) = (Instant::now(), queue.read);
        while !done(&queue) {
            if queue.read != read {
                (since, read) = (Instant::now(), queue.read);
            }
            if give_up(since.elapsed()) {
                return false;
            }
            queue = self.0.changed.wait_timeout(queue, TICK).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

impl Feed {
    fn push(&self, event: &Event, written: bool) {
        let mut queue = self.0.queue();
        if queue.ended {
            return;
        }
        queue.read.get_or_insert(event.seq - 1);
        queue.last = event.seq;
        queue.unwritten |= !written;
        queue.events.push_back(event.clone());
        if queue.events.len() > QUEUE && !queue.unwritten && self.0.journal.is_some() {
            queue.events.pop_front();
        }
        self.0.changed.notify_all();
    }
}

impl Reader for Feed {
    fn event(&mut self, event: &Event) {
        self.push(event, true);
    }

    fn unwritten(&mut self, event: &Event) {
        self.push(event, false);
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.0.queue().closed = true;
        self.0.changed.notify_all();
    }
}

/// Marks a reader as ended when dropped, also if it has panicked.
struct Ended(Arc<Shared>);

impl Drop for Ended {
    fn drop(&mut self) {
        let mut queue = self.0.queue();
        queue.ended = true;
        queue.events.clear();
        self.0.changed.notify_all();
    }
}

/// What comes next for a reader.
enum Next {
    /// An event out of the queue.
    Event(Box<Event>),
    /// Everything in the journal after one number and before another.
    Journal(u64, u64),
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows a reader all events, in order; drops it after the last one.
    fn follow(&self, mut reader: Box<dyn Reader>) {
        let mut journal = None;
        while let Some(next) = self.next() {
            match next {
                Next::Event(event) => {
                    reader.event(&event);
                    self.has_read(event.seq);
                }
                Next::Journal(after, before) => {
                    if journal.is_none() {
                        journal = self.journal.as_ref().and_then(|path| File::open(path).ok()).map(BufReader::new);
                    }
                    if let Some(journal) = &mut journal {
                        self.read(journal, after, before, reader.as_mut());
                    }
                    self.has_read(before - 1);
                }
            }
        }
    }

    /// Waits for what comes next; `None` if nothing does.
    fn next(&self) -> Option<Next> {
        let waits = |queue: &mut Queue| queue.events.is_empty() && !queue.closed;
        let queue = self.queue();
        let mut queue = self.changed.wait_while(queue, waits).unwrap_or_else(PoisonError::into_inner);
        let first = queue.events.front()?.seq;
        let read = queue.read.unwrap_or_default();
        if first > read + 1 {
            return Some(Next::Journal(read, first));
        }
        queue.events.pop_front().map(|event| Next::Event(Box::new(event)))
    }

    fn has_read(&self, seq: u64) {
        self.queue().read = Some(seq);
        self.changed.notify_all();
    }

    /// Reads on in the journal, which has everything that the queue has dropped.
    fn read(&self, journal: &mut BufReader<File>, after: u64, before: u64, reader: &mut dyn Reader) {
        /// The part of an event that tells whether it is wanted.
        #[derive(Deserialize)]
        struct Number {
            seq: u64,
        }
        let (mut line, mut read) = (Vec::new(), after);
        while read + 1 < before {
            line.clear();
            if journal.read_until(b'\n', &mut line).is_ok_and(|length| length == 0) || !line.ends_with(b"\n") {
                return;
            }
            let wanted = serde_json::from_slice(&line).is_ok_and(|Number { seq }| seq > read);
            if let Some(event) = serde_json::from_slice::<Event>(&line).ok().filter(|_| wanted) {
                reader.event(&event);
                read = event.seq;
                self.has_read(read);
            }
        }
    }
}
