//! A program at a terminal: what a test waits for, and the signals that it sends.

use std::fs;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use super::place::Place;

/// Looks again and again until there is something; panics when it takes longer.
pub(crate) fn until<T>(what: &str, within: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + within;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "not within {within:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The journal of the only run of a place; empty before there is one.
pub(crate) fn journal(place: &Place) -> String {
    let runs = place.runs();
    let run = runs.iter().find(|run| !run.starts_with('.'));
    run.and_then(|run| fs::read_to_string(place.directory(run).join("events.jsonl")).ok()).unwrap_or_default()
}

/// The exit code of a program that ends in time.
pub(crate) fn code(child: &mut Child, within: Duration) -> Option<i32> {
    until("cutover has ended", within, || child.try_wait().expect("its state")).code()
}

/// Sends a signal, and leaves time for it to be taken note of.
pub(crate) fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status().expect("kill");
    assert!(sent.success());
    // Two signals that come together count as one.
    std::thread::sleep(Duration::from_millis(300));
}
