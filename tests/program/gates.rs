//! A person at the keyboard: their input answers the question that they have seen, and a closed window stops the run.

mod approved;

use std::io::Write as _;
use std::process::Stdio;
use std::time::Duration;

use cutover_testkit::console::cutover;
use cutover_testkit::terminal::ends;

use crate::support::place::Place;
use crate::support::terminal::{code, journal, signal, until};

const TWO_GATES: &str = "\
name: Two gates
phases:
  - name: p
    steps:
      - {name: first, gate: \"First?\"}
      - {name: some time, command: {argv: [sleep, \"1\"], read_only: true}}
      - {name: second, gate: \"Second?\"}
";

#[test]
fn what_was_typed_before_a_gate_was_shown_does_not_answer_it() {
    let place = Place::new();
    place.write("gates.yml", TWO_GATES);
    let (mut keyboard, stdin) = ends();
    let mut child = cutover(place.path(), &["run", "gates.yml", "-i", "inventory.yml"])
        .stdin(stdin)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("cutover");
    let count = |kind: &str| journal(&place).matches(&format!("\"kind\":\"{kind}\"")).count();
    let patience = Duration::from_secs(30);
    until("the first gate is shown", patience, || (count("gate_opened") == 1).then_some(()));
    std::thread::sleep(Duration::from_millis(300));
    keyboard.write_all(b"yes\nyes\n").expect("typed");
    until("the second gate is shown", patience, || (count("gate_opened") == 2).then_some(()));
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(count("gate_answered"), 1, "nobody has seen the second question yet");
    keyboard.write_all(b"yes\n").expect("typed");
    assert_eq!(code(&mut child, patience), Some(0));
}

#[test]
fn a_window_that_is_closed_stops_the_run() {
    let place = Place::new();
    let steps =
        "      - {name: long, command: {argv: [sleep, \"2\"]}}\n      - {name: never, command: {argv: [\"true\"]}}\n";
    place.write("long.yml", &format!("name: Long\nphases:\n  - name: p\n    steps:\n{steps}"));
    let mut child = cutover(place.path(), &["run", "long.yml", "-i", "inventory.yml"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("cutover");
    let patience = Duration::from_secs(30);
    until("the command was sent", patience, || journal(&place).contains("\"applying\"").then_some(()));
    signal(&child, "-HUP");
    assert_eq!(code(&mut child, patience), Some(5));
    assert!(journal(&place).contains("\"applied\"") && !journal(&place).contains("p/never"), "{}", journal(&place));
}
