//! The window, T+ and budgets of a run that goes on: counted from its first start, unless somebody says that it is another night.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::place::{Place, assert_output};
use cutover_testkit::console::seen;

const PHASES: &str = "\
name: Window
window: 6s
phases:
  - name: Stop
    budget: 2s
    steps:
      - {name: first, command: {argv: [\"true\"]}}
      - {name: second, budget: 1s, command: {argv: [test, -e, HERE/go], read_only: true}}
  - name: Start
    budget: 4s
    point_of_no_return: true
    steps:
      - {name: third, command: {argv: [\"true\"]}}
";

/// The first events of a run's executions.
fn starts(place: &Place, run: &str) -> Vec<Value> {
    let events = place.journal(run).into_iter().map(|line| serde_json::from_str::<Value>(&line).expect("an event"));
    events.filter(|event| event["kind"] == "run_started").collect()
}

/// A run that fails at its second step, and goes on when more than its phase's budget has passed.
fn resumed(more: &[&str]) -> (Place, String, String) {
    let place = Place::new();
    place.write("window.yml", &PHASES.replace("HERE", &place.path().display().to_string()));
    let began = Instant::now();
    assert_output(&place.cutover(&["run", "window.yml", "-i", "inventory.yml"]), 3, &[]);
    place.mend();
    let run = place.runs().remove(0);
    std::thread::sleep(Duration::from_millis(3_200).saturating_sub(began.elapsed()));
    let output = place.cutover(&[&["resume", run.as_str()], more].concat());
    assert_eq!(output.status.code(), Some(0), "{}", seen(&output));
    let printed = seen(&output);
    (place, run, printed)
}

#[test]
fn they_count_from_the_first_start() {
    let (place, run, printed) = resumed(&[]);
    let [first, second] = starts(&place, &run).try_into().expect("two executions");
    assert!(first["window_from"].is_null(), "{first}");
    assert_eq!(second["window_from"], first["at"]);
    // What is left of the window does not hold the phase that is still to come, before the point of no return.
    assert!(printed.contains("do not hold the 4s that are still budgeted"), "{printed}");
    assert!(printed.contains("phase 1/2 OVER its budget of 2s by "), "{printed}");
    assert!(printed.contains("second OVER its budget of 1s by "), "{printed}");
    for early in ["T+00:00:00", "T+00:00:01", "T+00:00:02", "window 5s left", "window 4s left", "window 3s left"] {
        assert!(!printed.contains(early), "{early}: {printed}");
    }
    // A phase that was done before is not over its budget, however late it is passed.
    assert!(!printed.contains("phase 2/2 OVER"), "{printed}");
    let report = seen(&place.cutover(&["report", &run]));
    assert!(report.contains("window 6s: "), "{report}");
}

#[test]
fn another_night_has_a_window_of_its_own_and_that_is_recorded() {
    let (place, run, printed) = resumed(&["--window-from", "now"]);
    let [_, second] = starts(&place, &run).try_into().expect("two executions");
    let at = |value: &Value| value.as_str().expect("a time").parse::<jiff::Timestamp>().expect("a time");
    let apart = at(&second["at"]).duration_since(at(&second["window_from"]));
    assert!(apart.as_millis() >= 0 && apart.as_secs() < 2, "{second}");
    assert!(!printed.contains("do not hold") && !printed.contains("phase 1/2 OVER"), "{printed}");
    assert!(printed.contains("window 5s left") || printed.contains("window 4s left"), "{printed}");
    let report = seen(&place.cutover(&["report", &run, "--format", "markdown"]));
    assert!(report.contains("6s, counted from"), "{report}");
}
