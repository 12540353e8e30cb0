//! A person who presses Ctrl-C while a step runs: it is seen at once, it says what is waited for, and the run does not end as done.

use std::fs;
use std::path::Path;
use std::time::Duration;

use cutover_testkit::console::{run, seen};
use cutover_testkit::terminal::{CTRL_C, Terminal};

use super::gates::{AT_ONCE, PATIENCE, journal, of_kind};
use super::place;
use crate::support::terminal::until;

/// One step, which is the last one, and takes its time.
const LAST: &str = "\
name: Last
phases:
  - name: One
    budget: 1m
    steps:
      - name: Sleep
        target: active.nodes
        command: {argv: [sh, -c, \"echo made >> HERE/made; sleep 3\"]}
        undo:
          - {name: unmake, command: {argv: [sh, -c, \"echo begun > HERE/undoing; sleep 3; rm HERE/made\"]}}
";

/// Waits until the command that is sent runs and writes its file. Until then a process belongs to the group that Ctrl-C is sent to.
fn is_under_way(terminal: &Terminal, writes: &Path) {
    terminal.shows("applying", PATIENCE);
    until("the command runs", PATIENCE, || writes.exists().then_some(()));
}

#[test]
fn one_is_acknowledged_and_the_last_step_is_completed() {
    let directory = place(LAST);
    let here = directory.path();
    let mut terminal = Terminal::run(here, &["run", "play.yml", "-i", "inventory.yml"]);
    is_under_way(&terminal, &directory.path().join("made"));
    terminal.types(CTRL_C);
    // The footer: since when, and what is waited for.
    terminal.shows("STOPPING since T+00:00:0", AT_ONCE);
    terminal.shows("waits for: run", AT_ONCE);
    // And a line above it, which stays.
    terminal.shows("Ctrl-C once more stops at once", AT_ONCE);
    assert_eq!(terminal.code(PATIENCE), 5, "{}", terminal.screen());
    let screen = terminal.screen();
    assert!(screen.contains("Ctrl-C once more stops at once") && screen.contains("STOPPED"), "{screen}");
    assert!(!screen.contains("DONE") && !screen.contains("STOPPING since"), "{screen}");
    let (id, events) = journal(here);
    let kinds: Vec<&str> = events.iter().filter_map(|event| event["kind"].as_str()).collect();
    let at = |kind: &str| kinds.iter().position(|known| *known == kind);
    assert!(at("applying") < at("stopping") && at("stopping") < at("applied"), "{kinds:?}");
    let report = run(here, &["report", &id, "--format", "markdown"]);
    assert!(seen(&report).contains("stopping at the next safe point"), "{}", seen(&report));
    let resumed = run(here, &["resume", &id]);
    assert_eq!(resumed.status.code(), Some(0), "{}", seen(&resumed));
    assert_eq!(fs::read_to_string(here.join("made")).expect("a file"), "made\n", "it was not made again");
}

#[test]
fn two_are_both_acknowledged() {
    let directory = place(&LAST.replace("sleep 3", "sleep 30"));
    let mut terminal = Terminal::run(directory.path(), &["run", "play.yml", "-i", "inventory.yml"]);
    is_under_way(&terminal, &directory.path().join("made"));
    terminal.types(CTRL_C);
    terminal.shows("STOPPING since", AT_ONCE);
    terminal.types(CTRL_C);
    terminal.shows("at once: what was sent may still be carried out", AT_ONCE);
    assert_eq!(terminal.code(Duration::from_secs(10)), 5, "{}", terminal.screen());
    let (_, events) = journal(directory.path());
    let at_once: Vec<_> = of_kind(&events, "stopping").iter().map(|event| event["at_once"].as_bool()).collect();
    assert_eq!(at_once, [Some(false), Some(true)]);
}

#[test]
fn one_during_the_last_change_that_is_undone_is_acknowledged_too() {
    let directory = place(&LAST.replace("made >> HERE/made; sleep 3", "made >> HERE/made"));
    let here = directory.path();
    let made = run(here, &["run", "play.yml", "-i", "inventory.yml"]);
    assert_eq!(made.status.code(), Some(0), "{}", seen(&made));
    let (id, _) = journal(here);
    let mut terminal = Terminal::run(here, &["undo", &id]);
    terminal.shows("> ", PATIENCE);
    std::thread::sleep(Duration::from_millis(100));
    terminal.types(&format!("{id}\n"));
    is_under_way(&terminal, &here.join("undoing"));
    terminal.types(CTRL_C);
    terminal.shows("STOPPING since", AT_ONCE);
    assert_eq!(terminal.code(PATIENCE), 5, "{}", terminal.screen());
    assert!(!here.join("made").exists(), "what was sent was completed");
    let again = run(here, &["undo", &id]);
    assert!(seen(&again).contains("has changed nothing that still stands"), "{}", seen(&again));
}

#[test]
fn who_does_not_see_the_reporter_is_informed_on_standard_error() {
    let directory = place(LAST);
    let mut terminal = Terminal::run(directory.path(), &["run", "play.yml", "-i", "inventory.yml", "--output", "json"]);
    is_under_way(&terminal, &directory.path().join("made"));
    terminal.types(CTRL_C);
    terminal.shows("stopping at the next safe point", AT_ONCE);
    assert_eq!(terminal.code(PATIENCE), 5, "{}", terminal.screen());
}
