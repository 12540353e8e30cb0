use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::*;
use crate::clock::Clock;
use crate::journal::{self, FileJournal};
use crate::secrets::SecretValues;
use crate::text::Text;

/// A clock that stands still.
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }
}

/// Stores the numbers of events; may wait for a signal before it does, and fail from some event on.
#[derive(Clone, Default)]
struct Memory {
    stored: Arc<Mutex<Vec<(u64, bool)>>>,
    gate: Arc<Mutex<Option<mpsc::Receiver<()>>>>,
    full_from: Option<u64>,
}

impl Journal for Memory {
    fn append(&mut self, event: &Event, durable: bool) -> io::Result<()> {
        if let Some(gate) = &*self.gate.lock().unwrap() {
            gate.recv_timeout(Duration::from_secs(10)).unwrap();
        }
        if self.full_from.is_some_and(|first| event.seq >= first) {
            return Err(io::Error::other(format!("full at {}", event.seq)));
        }
        self.stored.lock().unwrap().push((event.seq, durable));
        Ok(())
    }
}

impl Memory {
    fn gated() -> (Self, mpsc::Sender<()>) {
        let (open, gate) = mpsc::channel();
        (Self { gate: Arc::new(Mutex::new(Some(gate))), ..Self::default() }, open)
    }

    fn stored(&self) -> Vec<(u64, bool)> {
        self.stored.lock().unwrap().clone()
    }
}

/// Stores events; blocked until it may go on.
#[derive(Clone, Default)]
struct Slow {
    seen: Arc<Mutex<Vec<Event>>>,
    blocked: Arc<AtomicBool>,
    alive: Arc<()>,
}

impl Reader for Slow {
    fn event(&mut self, event: &Event) {
        while self.blocked.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(2));
        }
        self.seen.lock().unwrap().push(event.clone());
    }
}

impl Slow {
    fn numbers(&self) -> Vec<u64> {
        self.seen.lock().unwrap().iter().map(|event| event.seq).collect()
    }
}

fn notice(words: &str) -> EventKind {
    EventKind::Notice { message: Text::verbatim(words) }
}

fn background(journals: Vec<Box<dyn Journal>>, readers: Vec<Box<dyn Reader>>) -> Recorder {
    Recorder::in_background("r", Arc::new(Still), Redactor::default(), journals, readers).unwrap()
}

fn patient(idle: Duration) -> bool {
    idle > Duration::from_secs(20)
}

#[tokio::test]
async fn a_durable_event_is_stored_by_every_journal_before_anything_else_happens() {
    for first in ["slow", "quick"] {
        let (slow, open) = Memory::gated();
        let quick = Memory::default();
        let mut journals: Vec<Box<dyn Journal>> = vec![Box::new(slow.clone()), Box::new(quick.clone())];
        if first == "quick" {
            journals.reverse();
        }
        let recorder = background(journals, Vec::new());
        let waiting = recorder.durably(notice("a"));
        tokio::pin!(waiting);
        let early = tokio::time::timeout(Duration::from_millis(200), &mut waiting).await;
        assert!(early.is_err(), "one of the journals has not stored it yet; the {first} one is the first");
        assert_eq!(
            (quick.stored(), slow.stored()),
            (vec![(1, true)], vec![]),
            "journals are written beside each other"
        );
        open.send(()).unwrap();
        waiting.await.unwrap();
        assert_eq!(slow.stored(), [(1, true)]);
    }
}

#[tokio::test]
async fn after_the_first_failure_nothing_is_durable_and_the_words_stay_the_same() {
    let full = Memory { full_from: Some(2), ..Memory::default() };
    let good = Memory::default();
    for order in [[&full, &good], [&good, &full]] {
        let journals = order.map(|journal| Box::new(journal.clone()) as Box<dyn Journal>);
        let recorder = background(journals.into(), Vec::new());
        recorder.durably(notice("a")).await.unwrap();
        recorder.emit(notice("b"));
        for _ in 0..2 {
            let failure = recorder.durably(notice("c")).await.unwrap_err();
            assert_eq!(failure.message, "the journal cannot be written: full at 2");
        }
    }
    assert_eq!(full.stored(), [(1, true), (1, true)], "no line after a gap");
    assert_eq!(good.stored().len(), 8, "a journal that can be written is a whole one");
}

#[tokio::test]
async fn the_order_of_lines_is_the_order_of_events_and_dropping_the_recorder_writes_them() {
    let directory = tempfile::tempdir().unwrap();
    let file = FileJournal::create(directory.path(), true).unwrap();
    let recorder = background(vec![Box::new(file)], Vec::new());
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let recorder = recorder.clone();
            std::thread::spawn(move || (0..500).for_each(|n| recorder.emit(notice(&format!("{thread} {n}")))))
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    drop(recorder);
    // `read` refuses gaps.
    assert_eq!(journal::read(directory.path()).unwrap().len(), 2000);
}

#[tokio::test(start_paused = true)]
async fn a_simulated_clock_stands_still_while_events_are_written() {
    struct Sleepy;
    impl Journal for Sleepy {
        fn append(&mut self, _: &Event, _: bool) -> io::Result<()> {
            std::thread::sleep(Duration::from_millis(30));
            Ok(())
        }
    }
    let recorder = Recorder::new("r", Arc::new(Still), Redactor::default(), Box::new(Sleepy), Vec::new());
    let other = async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        recorder.elapsed_ms()
    };
    let write = async {
        for _ in 0..5 {
            recorder.durably(notice("a")).await.unwrap();
        }
        recorder.elapsed_ms()
    };
    assert_eq!(tokio::join!(other, write), (60_000, 0));
}

#[tokio::test]
async fn a_reader_that_does_not_read_holds_nobody_up_and_reads_on_from_the_journal() {
    let directory = tempfile::tempdir().unwrap();
    let file = FileJournal::create(directory.path(), false).unwrap();
    let slow = Slow::default();
    slow.blocked.store(true, Ordering::SeqCst);
    let path = directory.path().join(journal::EVENTS);
    let (feed, follower) = Follower::new(Box::new(slow.clone()), Some(path)).unwrap();
    let recorder = background(vec![Box::new(file)], vec![Box::new(feed)]);
    for n in 0..5000 {
        recorder.emit(notice(&format!("event {n}")));
    }
    recorder.durably(notice("last")).await.unwrap();
    assert!(!follower.catch_up(|idle| idle > Duration::from_millis(100)));
    assert!(follower.waiting() <= 1024, "the queue has an end");
    slow.blocked.store(false, Ordering::SeqCst);
    assert!(follower.catch_up(patient));
    recorder.emit(notice("one more"));
    drop(recorder);
    assert!(follower.end(patient));
    assert_eq!(*slow.seen.lock().unwrap(), journal::read(directory.path()).unwrap());
    assert_eq!(slow.numbers().len(), 5002);
    assert_eq!(Arc::strong_count(&slow.alive), 1, "the reader is informed of the end");
}

#[tokio::test]
async fn a_reader_of_a_run_that_goes_on_does_not_see_what_was_before() {
    let directory = tempfile::tempdir().unwrap();
    let file = FileJournal::create(directory.path(), false).unwrap();
    let before = background(vec![Box::new(file)], Vec::new());
    (0..10).for_each(|_| before.emit(notice("before")));
    drop(before);
    let file = FileJournal::resume(directory.path()).unwrap();
    let slow = Slow::default();
    slow.blocked.store(true, Ordering::SeqCst);
    let path = directory.path().join(journal::EVENTS);
    let (feed, follower) = Follower::new(Box::new(slow.clone()), Some(path)).unwrap();
    let recorder = background(vec![Box::new(file)], vec![Box::new(feed)]).after(10);
    (0..2000).for_each(|_| recorder.emit(notice("after")));
    drop(recorder);
    slow.blocked.store(false, Ordering::SeqCst);
    assert!(follower.end(patient));
    assert_eq!(slow.numbers(), (11..=2010).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_event_that_no_journal_has_stored_is_not_dropped() {
    let directory = tempfile::tempdir().unwrap();
    let slow = Slow::default();
    slow.blocked.store(true, Ordering::SeqCst);
    let path = directory.path().join(journal::EVENTS);
    let (feed, follower) = Follower::new(Box::new(slow.clone()), Some(path)).unwrap();
    let full = Memory { full_from: Some(1), ..Memory::default() };
    let recorder = background(vec![Box::new(full)], vec![Box::new(feed)]);
    (0..3000).for_each(|_| recorder.emit(notice("a")));
    drop(recorder);
    slow.blocked.store(false, Ordering::SeqCst);
    assert!(follower.end(patient));
    assert_eq!(slow.numbers().len(), 3000);
}

#[tokio::test]
async fn a_reader_that_panics_ends_and_nothing_else_does() {
    struct Broken;
    impl Reader for Broken {
        fn event(&mut self, _: &Event) {
            panic!("on purpose");
        }
    }
    let (feed, follower) = Follower::new(Box::new(Broken), None).unwrap();
    let memory = Memory::default();
    let recorder = background(vec![Box::new(memory.clone())], vec![Box::new(feed)]);
    recorder.durably(notice("a")).await.unwrap();
    assert!(follower.end(patient));
    recorder.durably(notice("b")).await.unwrap();
    assert_eq!(memory.stored().len(), 2);
}

#[tokio::test]
async fn secrets_are_taken_out_before_anything_is_written_or_read() {
    let mut secrets = SecretValues::default();
    secrets.add("pw", &json!("hunter2"));
    let directory = tempfile::tempdir().unwrap();
    let file = FileJournal::create(directory.path(), false).unwrap();
    let slow = Slow::default();
    let (clock, redactor) = (Arc::new(Still), Redactor::new(&secrets));
    let readers: Vec<Box<dyn Reader>> = vec![Box::new(slow.clone())];
    let recorder = Recorder::in_background("r", clock, redactor, vec![Box::new(file)], readers).unwrap();
    recorder.emit(notice("the password is hunter2"));
    let failure = recorder.shown(
        Failure::failed(Text::verbatim("no hunter2"))
            .details([Text::verbatim("hunter2")])
            .help(Text::verbatim("type hunter2")),
    );
    assert_eq!(
        (failure.message, failure.details, failure.help),
        (Text::verbatim("no ***"), vec![Text::verbatim("***")], Some(Text::verbatim("type ***")))
    );
    drop(recorder);
    let events = journal::read(directory.path()).unwrap();
    assert_eq!(*slow.seen.lock().unwrap(), events);
    assert_eq!(events[0].kind, notice("the password is ***"));
    assert_eq!((events[0].hidden[0].secret.as_str(), events[0].hidden[0].offset), ("pw", 16));
}
