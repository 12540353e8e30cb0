//! Output that nobody reads: it does not hold up a run, and a late reader loses nothing of it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};
use std::time::Duration;

use cutover_testkit::console::cutover;
use cutover_testkit::terminal::ends;

use crate::support::place::Place;
use crate::support::terminal::{code, journal, signal, until};

/// More steps than a pipe, a terminal and the queue of a reader hold together.
const STEPS: usize = 300;

/// A place with a playbook of many steps with long names, whose last one may take its time.
fn place(last: &str) -> Place {
    let place = Place::new();
    let name = "x".repeat(400);
    let steps: String = (0..STEPS)
        .map(|n| format!("      - {{name: step {n} {name}, command: {{argv: [\"true\"], read_only: true}}}}\n"))
        .collect();
    let text = format!("name: Long\nphases:\n  - name: p\n    steps:\n{steps}{last}");
    place.write("long.yml", &text);
    place
}

fn long(place: &Place, more: &[&str]) -> Command {
    cutover(place.path(), &[&["run", "long.yml", "-i", "inventory.yml"], more].concat())
}

#[test]
fn a_run_goes_to_its_end_while_nobody_reads_its_output() {
    for output in ["plain", "json"] {
        let place = place("");
        let mut child =
            long(&place, &["--output", output]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        until("the run has ended", Duration::from_secs(60), || {
            journal(&place).contains("\"run_finished\"").then_some(())
        });
        assert_eq!(code(&mut child, Duration::from_secs(20)), Some(0), "{output}");
        let mut words = String::new();
        child.stderr.take().unwrap().read_to_string(&mut words).unwrap();
        assert!(words.contains("nobody reads the output") && words.contains("events.jsonl"), "{words}");
        assert!(journal(&place).lines().count() > STEPS * 4);
    }
}

#[test]
fn whoever_reads_late_misses_nothing() {
    for output in ["plain", "json"] {
        let place = place("");
        let mut child = long(&place, &["--output", output]).stdout(Stdio::piped()).spawn().unwrap();
        until("the run has ended", Duration::from_secs(60), || {
            journal(&place).contains("\"run_finished\"").then_some(())
        });
        // Slower than it was written, but reading.
        std::thread::sleep(Duration::from_secs(1));
        let mut lines = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            lines.push(line.unwrap());
            if lines.len() % 100 == 0 {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        assert_eq!(code(&mut child, Duration::from_secs(10)), Some(0));
        if output == "json" {
            // The journal's lines are chained; a stream is nothing to be relied on later.
            let journal = journal(&place);
            let events = journal.lines().map(|line| line.split_once("\"v\":").expect("an event").1);
            let printed = lines.iter().map(|line| line.strip_prefix("{\"v\":").expect("an event"));
            assert!(printed.eq(events), "what was printed is what was recorded");
        } else {
            let steps = (0..STEPS).filter(|n| lines.iter().any(|line| line.contains(&format!("step {n} x"))));
            assert_eq!(steps.count(), STEPS);
            assert!(lines.iter().any(|line| line.contains("DONE")) && lines.last().unwrap().starts_with("journal: "));
        }
    }
}

#[test]
fn a_frozen_terminal_can_be_left_by_signals() {
    let last = "      - {name: Last, command: {argv: [sleep, \"100\"], read_only: true}}\n";
    for (output, second) in [("live", "-INT"), ("live", "-TERM"), ("plain", "-INT")] {
        let place = place(last);
        // Somebody has the terminal, but does not read it.
        let (_master, slave) = ends();
        let (out, err) = (slave.try_clone().unwrap(), slave);
        let mut child = long(&place, &["--output", output]).stdout(out).stderr(err).spawn().unwrap();
        until("the last step runs", Duration::from_secs(60), || journal(&place).contains("p/last").then_some(()));
        signal(&child, "-INT");
        signal(&child, second);
        assert_eq!(code(&mut child, Duration::from_secs(25)), Some(5), "{output} {second}");
        assert!(journal(&place).contains("\"run_finished\""));
    }
}
