//! A person at a gate: only the phrase approves, only a `no` refuses, and Ctrl-C stops the run whatever is typed after it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use cutover_testkit::console::{run, seen};
use cutover_testkit::terminal::{CTRL_C, CTRL_D, Terminal};
use serde_json::Value;

use super::place;

pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// So long may the answer to a key take that a person presses.
pub(super) const AT_ONCE: Duration = Duration::from_secs(2);

const GATE: &str = "\
name: Gate
phases:
  - name: One
    steps:
      - {name: approve, gate: \"Begin the outage?\", confirm: \"common-etcd\"}
      - {name: touch, target: \"active.nodes\", command: {argv: [touch, HERE/touched]}}
";

/// The only run in a directory, and its events.
pub(super) fn journal(here: &Path) -> (String, Vec<Value>) {
    let mut runs = fs::read_dir(here.join(".cutover/runs")).expect("runs");
    let run = runs.next().expect("a run").expect("a run").path();
    let text = fs::read_to_string(run.join("events.jsonl")).expect("a journal");
    let events = text.lines().map(|line| serde_json::from_str(line).expect("an event")).collect();
    (run.file_name().expect("a name").to_string_lossy().into_owned(), events)
}

pub(super) fn of_kind<'a>(events: &'a [Value], kind: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["kind"] == kind).collect()
}

/// A run that waits at its gate.
fn at_the_gate(here: &Path, more: &[&str]) -> Terminal {
    let terminal = Terminal::run(here, &[&["run", "play.yml", "-i", "inventory.yml"], more].concat());
    terminal.shows("> ", PATIENCE);
    // The prompt is there a moment before it is read.
    std::thread::sleep(Duration::from_millis(100));
    terminal
}

/// Asserts that a run was stopped at its gate, that nobody has answered it, and that it asks again when it is resumed.
fn is_stopped(here: &Path, terminal: &mut Terminal) {
    assert_eq!(terminal.code(AT_ONCE), 5, "{}", terminal.screen());
    assert!(terminal.is_sane());
    let (id, events) = journal(here);
    assert_eq!(of_kind(&events, "gate_answered"), Vec::<&Value>::new());
    let end = of_kind(&events, "run_finished");
    assert_eq!((end[0]["outcome"].as_str(), end[0]["exit_code"].as_u64()), (Some("stopped"), Some(5)));
    let resumed = run(here, &["resume", &id]);
    assert_eq!(resumed.status.code(), Some(3), "nobody has approved it: {}", seen(&resumed));
    assert!(!here.join("touched").exists(), "{}", seen(&resumed));
}

#[test]
fn ctrl_c_ends_the_question_at_once() {
    // The last one is typed faster than any signal could be handled.
    for typed in [CTRL_C, "common-et\x03", "\x03common-etcd\n", "\x03\x03", "\x04\x03"] {
        let directory = place(GATE);
        let mut terminal = at_the_gate(directory.path(), &[]);
        terminal.types(typed);
        is_stopped(directory.path(), &mut terminal);
        assert!(terminal.screen().contains("STOPPED"), "{}", terminal.screen());
        assert!(!terminal.screen().contains("REFUSED"), "{}", terminal.screen());
    }
}

#[test]
fn an_answer_after_a_stop_does_not_count() {
    for signal in ["-INT", "-TERM"] {
        let directory = place(GATE);
        let mut terminal = at_the_gate(directory.path(), &[]);
        terminal.types("common");
        terminal.signal(signal);
        std::thread::sleep(Duration::from_millis(200));
        terminal.types("-etcd\n");
        is_stopped(directory.path(), &mut terminal);
    }
}

#[test]
fn a_window_that_is_closed_at_a_gate_refuses_nothing() {
    let directory = place(GATE);
    let mut terminal = at_the_gate(directory.path(), &[]);
    terminal.types("common-etcd");
    terminal.closes();
    assert_eq!(terminal.code(Duration::from_secs(10)), 5);
    let (_, events) = journal(directory.path());
    assert_eq!(of_kind(&events, "gate_answered"), Vec::<&Value>::new());
}

#[test]
fn what_is_neither_the_phrase_nor_a_no_is_asked_again() {
    let directory = place(GATE);
    let mut terminal = at_the_gate(directory.path(), &[]);
    for (number, typed) in ["y\n", "Yes\n", "\n", "Common-etcd\n", "common", "no way\n"].into_iter().enumerate() {
        // Half an answer and Ctrl-D, or Ctrl-D alone, is not an answer either.
        let end = if typed.ends_with('\n') { "" } else { CTRL_D };
        terminal.types(&format!("{typed}{end}"));
        let again = || terminal.screen().matches("to approve").count() > number;
        let began = std::time::Instant::now();
        while !again() {
            assert!(began.elapsed() < AT_ONCE, "{typed:?} is not asked again:\n{}", terminal.screen());
            std::thread::sleep(Duration::from_millis(10));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(terminal.screen().contains("`common-etcd`"), "{}", terminal.screen());
    terminal.types("common-etcd\n");
    assert_eq!(terminal.code(PATIENCE), 0, "{}", terminal.screen());
    let (_, events) = journal(directory.path());
    let answered = of_kind(&events, "gate_answered");
    assert_eq!((answered.len(), answered[0]["approved"].as_bool()), (1, Some(true)));
    assert!(directory.path().join("touched").exists());
}

#[test]
fn a_no_refuses() {
    for typed in ["no\n", "NO\n", "  No \n"] {
        let directory = place(GATE);
        let mut terminal = at_the_gate(directory.path(), &[]);
        terminal.types(typed);
        assert_eq!(terminal.code(PATIENCE), 3, "{}", terminal.screen());
        let (_, events) = journal(directory.path());
        let answered = of_kind(&events, "gate_answered");
        assert_eq!((answered.len(), answered[0]["approved"].as_bool()), (1, Some(false)));
        assert!(terminal.is_sane());
    }
}

#[test]
fn a_gate_is_asked_beside_the_event_stream_too() {
    let directory = place(GATE);
    let mut terminal = at_the_gate(directory.path(), &["--output", "json"]);
    terminal.types("y\n");
    terminal.shows("to approve", AT_ONCE);
    terminal.types(CTRL_C);
    is_stopped(directory.path(), &mut terminal);
}

#[test]
fn a_program_that_was_put_aside_asks_again_when_it_comes_back() {
    let directory = place(GATE);
    let mut terminal = at_the_gate(directory.path(), &[]);
    terminal.types("common");
    // As Ctrl-Z does, which reaches only what a shell has begun.
    terminal.signal("-STOP");
    std::thread::sleep(Duration::from_millis(200));
    let before = terminal.screen().matches("> ").count();
    terminal.signal("-CONT");
    let began = std::time::Instant::now();
    while terminal.screen().matches("> ").count() <= before {
        assert!(began.elapsed() < AT_ONCE, "{}", terminal.screen());
        std::thread::sleep(Duration::from_millis(10));
    }
    terminal.types(CTRL_C);
    is_stopped(directory.path(), &mut terminal);
}

#[test]
fn an_undo_is_asked_for_in_the_same_way() {
    let playbook = GATE.replace("argv: [touch, HERE/touched]}", "argv: [touch, HERE/touched]}, undo: []");
    for (typed, code) in [([CTRL_C].as_slice(), 5), (&["no\n"], 3), (&["y\n", "no\n"], 3)] {
        let directory = place(&playbook);
        let here = directory.path();
        let made = run(here, &["run", "play.yml", "-i", "inventory.yml", "--approve", "approve=common-etcd"]);
        assert_eq!(made.status.code(), Some(0), "{}", seen(&made));
        let (id, before) = journal(here);
        let mut terminal = Terminal::run(here, &["undo", &id]);
        terminal.shows("> ", PATIENCE);
        for keys in typed {
            // The question is there a moment before it is listened.
            std::thread::sleep(Duration::from_millis(300));
            terminal.types(keys);
        }
        assert_eq!(terminal.code(AT_ONCE), code, "{}", terminal.screen());
        assert!(terminal.screen().contains("nothing was undone"), "{}", terminal.screen());
        assert!(terminal.is_sane());
        assert_eq!(journal(here).1.len(), before.len());
    }
}
