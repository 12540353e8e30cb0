//! `tests/run` itself: its lanes are listed and say beforehand how long they take, output comes line by line, and the last
//! line counts. Cargo is a script here; the labs are not brought up.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use cutover_testkit::console::root;
use tempfile::TempDir;

use crate::support::executable::executable;

/// Longer than any machine takes to start a few programs.
const PATIENCE: Duration = Duration::from_secs(60);

/// `tests/run` where the programs that it calls are these: scripts by their names.
fn tests_run(programs: &[(&str, &str)], words: &[&str]) -> (TempDir, Command) {
    let here = tempfile::tempdir().expect("a directory");
    for (name, script) in programs {
        executable(&here.path().join(name), &format!("#!/bin/sh\n{script}\n"));
    }
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new(root().join("tests/run"));
    command.args(words).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
        .env("PATH", format!("{}:{path}", here.path().display()))
        .env("CARGO_TARGET_DIR", here.path().join("target"));
    command.env("HERE", here.path());
    (here, command)
}

fn ended(programs: &[(&str, &str)], words: &[&str]) -> Output {
    let (_here, mut command) = tests_run(programs, words);
    command.output().expect("tests/run")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// For a message of a test that fails. Each line begins anew, so that whoever sums up does not count the totals in it.
fn quoted(text: &str) -> String {
    text.lines().map(|line| format!("\n| {line}")).collect()
}

/// The lines that a program writes, as they come.
fn lines(child: &mut Child) -> Receiver<String> {
    let (send, receive) = mpsc::channel();
    let output = BufReader::new(child.stdout.take().expect("a pipe"));
    std::thread::spawn(move || output.lines().map_while(Result::ok).all(|line| send.send(line).is_ok()));
    receive
}

#[test]
fn the_first_line_can_be_read_from_a_pipe_before_the_program_ends() {
    let cargo = "echo 'running 1 test'; until [ -e \"$HERE/go\" ]; do sleep 0.05; done\n\
                 echo 'test result: ok. 1 passed; 0 failed; 0 ignored'";
    let (here, mut command) = tests_run(&[("cargo", cargo)], &["some_filter"]);
    let mut child = command.spawn().expect("tests/run");
    let lines = lines(&mut child);
    let log = here.path().join("target/tests.log");
    let mut seen = Vec::new();
    while !seen.iter().any(|line| line == "running 1 test") {
        match lines.recv_timeout(PATIENCE) {
            Ok(line) => seen.push(line),
            Err(_) => {
                fs::write(here.path().join("go"), "").expect("written");
                let _ = child.wait();
                panic!("the line did not come while the program ran; before it: {seen:?}");
            }
        }
    }
    assert!(child.try_wait().expect("its state").is_none(), "it has ended by itself");
    assert!(fs::read_to_string(log).expect("a log").contains("running 1 test\n"), "the file has the line too");
    fs::write(here.path().join("go"), "").expect("written");
    seen.extend(lines.iter());
    assert!(child.wait().expect("its end").success(), "{seen:?}");
    assert_eq!(seen.last().map(String::as_str), Some("1 passed, 0 failed, 0 skipped"), "{seen:?}");
}

/// The names that `--list` prints, each with what it says of it.
fn listed() -> Vec<(String, String)> {
    let output = ended(&[], &["--list"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let mut lanes: Vec<(String, String)> = Vec::new();
    for line in text(&output.stdout).lines() {
        match (line.strip_prefix("    "), lanes.last_mut()) {
            (Some(more), Some((_, about))) => *about += &format!("{more}\n"),
            _ => lanes.push((line.to_owned(), String::new())),
        }
    }
    lanes
}

#[test]
fn the_list_names_every_lane_with_its_time_its_needs_and_its_moment() {
    let lanes = listed();
    let names: Vec<&str> = lanes.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["lint", "tests", "tools", "faults", "lab/scenarios", "lab/drbd", "lab/full", "lab/kind"]);
    for (name, about) in &lanes {
        let starts: Vec<&str> = about.lines().filter_map(|line| line.split_whitespace().next()).collect();
        assert_eq!(starts, ["takes", "needs", "runs"], "{name}: {about}");
        assert!(about.lines().next().is_some_and(|takes| takes.contains(" minutes")), "{name}: {about}");
    }
}

/// What `tests/run WORDS` does where every test passes and nothing has to be installed.
fn with_passing_tests(words: &[&str]) -> String {
    let cargo = "case $1 in test) echo 'test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured' ;; *) echo \"cargo $*\" ;; esac";
    let output = ended(&[("cargo", cargo), ("dpkg-query", "echo installed")], words);
    let printed = text(&output.stdout);
    assert!(output.status.success(), "{}{}", quoted(&printed), text(&output.stderr));
    printed
}

#[test]
fn a_lane_says_beforehand_how_long_it_takes() {
    let printed = with_passing_tests(&["--quick"]);
    for (name, about) in listed().iter().filter(|(name, _)| ["lint", "tests"].contains(&name.as_str())) {
        let takes = about.lines().next().expect("how long");
        let begins =
            printed.find(&format!("== {name}: {takes}\n")).unwrap_or_else(|| panic!("{name}: {}", quoted(&printed)));
        let does = printed.find(if name == "lint" { "cargo fmt" } else { "test result" }).expect("what it does");
        assert!(begins < does, "{name}: {}", quoted(&printed));
    }
    // The labs are not brought up here; each is begun where the script runs it.
    let script = fs::read_to_string(root().join("tests/run")).expect("the script");
    for lane in ["lane lab/drbd ", "lane \"lab/$1\" "] {
        let (before, _) = script.split_once(lane).unwrap_or_else(|| panic!("`{lane}`"));
        let begins = format!("begins {}", lane.trim_start_matches("lane ").trim_end());
        let between = before.rsplit_once(&begins).map(|(_, between)| between.lines().count());
        assert!(between.is_some_and(|lines| lines <= 3), "`{begins}` does not stand before `{lane}`");
    }
}

#[test]
fn what_is_left_out_is_counted_as_skipped_and_the_last_line_counts() {
    let printed = with_passing_tests(&["--quick"]);
    assert_eq!(printed.lines().last(), Some("3 passed, 0 failed, 6 skipped"), "{}", quoted(&printed));
    for lane in ["tools", "lab/scenarios", "lab/drbd"] {
        assert!(
            printed.contains(&format!("  skipped: {lane}: tests/run --quick leaves it out\n")),
            "{}",
            quoted(&printed)
        );
    }
    assert!(printed.contains("  skipped: faults: only tests/run --full runs it\n"), "{}", quoted(&printed));
    let printed = with_passing_tests(&["some_filter"]);
    assert_eq!(printed.lines().last(), Some("3 passed, 0 failed, 1 skipped"), "{}", quoted(&printed));
    assert!(!printed.contains("== lint"), "{}", quoted(&printed));
}

#[test]
fn a_test_that_fails_and_a_run_of_none_end_with_one() {
    for (cargo, last) in [
        ("echo 'test result: FAILED. 1 passed; 1 failed; 0 ignored'; exit 101", "1 passed, 1 failed, 0 skipped"),
        ("echo 'test result: ok. 0 passed; 0 failed; 0 ignored'", "0 passed, 0 failed, 0 skipped"),
    ] {
        let output = ended(&[("cargo", cargo)], &["some_filter"]);
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
        assert_eq!(text(&output.stdout).lines().last(), Some(last));
    }
}

#[test]
fn an_unknown_option_is_answered_with_the_usage() {
    let output = ended(&[], &["--fast"]);
    let printed = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{}", quoted(&printed));
    for option in ["--quick", "--full", "--list", "FILTER"] {
        assert!(printed.contains(&format!("tests/run {option}")), "{}", quoted(&printed));
    }
}

/// Every verb of the labs' front, by its own help.
fn verbs() -> Vec<String> {
    let output = Command::new(root().join("tests/lab/run")).arg("--help").output().expect("python3");
    let help = text(&output.stdout);
    let list = help.rsplit("\n\n").next().unwrap_or_default();
    list.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn the_labs_have_one_front_whose_help_lists_its_verbs() {
    if Command::new("python3").arg("--version").output().is_err() {
        println!("SKIPPED: no python3 on this machine, which the labs are written in");
        return;
    }
    let verbs = verbs();
    for verb in ["up", "down", "status", "enter", "scenarios", "full", "drbd", "kind"] {
        assert!(verbs.iter().any(|known| known == verb), "{verb}: {verbs:?}");
    }
    for verb in verbs.iter().filter(|verb| !["enter"].contains(&verb.as_str())) {
        let output = Command::new(root().join("tests/lab/run")).args([verb, "--help"]).output().expect("python3");
        assert!(output.status.success() && output.stdout.len() > 60, "{verb}: {}", text(&output.stderr));
    }
    let output = Command::new(root().join("tests/lab/run")).arg("upp").output().expect("python3");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).starts_with("there is no verb `upp`"), "{}", text(&output.stderr));
    // Everything else is private to it, and its suffix says what it is written in.
    for script in scripts() {
        let suffix = script.extension().and_then(|suffix| suffix.to_str());
        let front = ["tests/run", "tests/lab/run"].iter().any(|front| script == root().join(front));
        assert!(front || matches!(suffix, Some("sh" | "py")), "{} is a script without a suffix", script.display());
    }
}

/// Every script below `tests`.
fn scripts() -> Vec<PathBuf> {
    let (mut open, mut found) = (vec![root().join("tests")], Vec::new());
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else if fs::read(&path).expect("a file").starts_with(b"#!") {
                found.push(path);
            }
        }
    }
    assert!(found.len() > 10, "{found:?}");
    found
}

#[test]
fn shellcheck_finds_nothing_in_any_script() {
    let is_shell = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap_or_default();
        text.lines().next().is_some_and(|first| first.ends_with("bash") || first.ends_with("/bin/sh"))
    };
    let scripts: Vec<PathBuf> = scripts().into_iter().filter(is_shell).collect();
    assert!(scripts.contains(&root().join("tests/run")) && scripts.len() > 8, "{scripts:?}");
    match Command::new("shellcheck").arg("-x").args(&scripts).output() {
        Err(_) => println!("SKIPPED: no shellcheck on this machine; install shellcheck to run this test"),
        Ok(output) => assert!(output.status.success(), "{}", text(&output.stdout)),
    }
}
