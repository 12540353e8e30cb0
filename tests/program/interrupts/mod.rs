//! An operator who presses Ctrl-C twice: the run ends at once, and so does what it had begun on the hosts.

mod gates;
mod steps;

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use cutover_testkit::console::{cutover, run, seen};

use crate::support::terminal::until;

const INVENTORY: &str = "\
sites:
  one:
    connection: local
    kubernetes: {kubeconfig: none.conf, context: one}
    nodes: {worker01: {address: 127.0.0.1}}
  two:
    connection: local
    kubernetes: {kubeconfig: none.conf, context: two}
    nodes: {worker01: {address: 127.0.0.1}}
roles: {active: one, passive: two}
";
const PLAYBOOK: &str = "\
name: Long
phases:
  - name: One
    steps:
      - name: Wait
        target: active.nodes
        command: {argv: [sh, -c, \"SCRIPT\"], chdir: HERE}
";

/// A directory with an inventory and a playbook, in which `HERE` is the directory.
fn place(playbook: &str) -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    let here = directory.path();
    fs::write(here.join("inventory.yml"), INVENTORY).expect("written");
    fs::write(here.join("play.yml"), playbook.replace("HERE", &here.display().to_string())).expect("written");
    directory
}

/// A directory with an inventory and a playbook of one script, which runs there.
fn directory(script: &str) -> TempDir {
    place(&PLAYBOOK.replace("SCRIPT", script))
}

#[test]
fn the_second_one_ends_what_runs_on_the_hosts() {
    // It does not listen to TERM, so that it ends only by what comes after.
    let directory = directory("trap '' TERM; echo $$ > pid; sleep 100 & wait");
    let here = directory.path();
    let mut running = cutover(here, &["run", "play.yml", "-i", "inventory.yml"]);
    let mut running = running.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("cutover");
    let pid: u32 = until("the command runs", Duration::from_secs(20), || {
        let text = fs::read_to_string(here.join("pid")).ok()?;
        text.strip_suffix('\n')?.parse().ok()
    });
    for _ in 0..2 {
        let sent = Command::new("kill").args(["-INT", &running.id().to_string()]).status().expect("kill");
        assert!(sent.success());
        // Two signals that come together count as one.
        std::thread::sleep(Duration::from_millis(300));
    }
    until("cutover has ended", Duration::from_secs(10), || running.try_wait().expect("its end"));
    let output = running.wait_with_output().expect("its end");
    let words = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(5), "{words}");
    assert!(words.contains("how far it came is not known"), "{words}");
    // By itself it would end after a hundred seconds. A process that has ended and that nobody has taken note of has no words.
    let gone = || fs::read(format!("/proc/{pid}/cmdline")).map_or(true, |words| words.is_empty());
    until("the command has ended", Duration::from_secs(5), || gone().then_some(()));
}

#[test]
fn who_has_looked_declares_an_interrupted_command_done() {
    let directory = directory("echo once >>made; exec sleep 100");
    let here = directory.path();
    let mut running = cutover(here, &["run", "play.yml", "-i", "inventory.yml"]);
    let mut running = running.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("cutover");
    until("the command runs", Duration::from_secs(60), || here.join("made").exists().then_some(()));
    running.kill().expect("kill -9");
    running.wait().expect("its end");
    let ended = seen(&run(here, &["resume", "latest", "--output", "plain"]));
    assert!(ended.contains("that it was done, with --done one/wait@one/worker01"), "{ended}");
    let other = seen(&run(here, &["resume", "latest", "--done", "wiat"]));
    assert!(other.contains("no change of `wiat` is in doubt") && other.contains("one/wait@one/worker01"), "{other}");
    let done = run(here, &["resume", "latest", "--output", "plain", "--done", "wait"]);
    let words = seen(&done);
    assert!(words.contains("declared done by who has looked: one/wait@one/worker01"), "{words}");
    assert_eq!(done.status.code(), Some(0), "{words}");
    assert_eq!(fs::read_to_string(here.join("made")).expect("a file"), "once\n", "not made again");
}

#[test]
fn only_a_step_that_exists_is_repeated() {
    let directory = directory("exit 3");
    let here = directory.path();
    assert_eq!(run(here, &["run", "play.yml", "-i", "inventory.yml"]).status.code(), Some(1));
    let runs = fs::read_dir(here.join(".cutover/runs")).expect("runs").map(|entry| entry.expect("a run").file_name());
    let id = runs.map(|name| name.to_string_lossy().into_owned()).find(|name| name.ends_with("play")).expect("a run");
    for (option, name, wanted) in [
        ("--repeat", "wiat", ["no step is called `wiat`", "did you mean `wait`?"]),
        ("--repeat", "two/wait", ["no step is called `two/wait`", "did you mean `one/wait`?"]),
        ("--repeat", "wait@one/worker1", ["has not run on the target `one/worker1`", "did you mean `one/worker01`?"]),
        ("--repeat", "wait[0]", ["`wait[0]` is not part of a path", "write `name`, or `name[2]`"]),
        ("--done", "wait", ["no change of `wait` is in doubt", "the outcome of every change of the run is known"]),
        ("--approve", "wait", ["no gate is called `wait`", "the playbook has no gate"]),
    ] {
        let output = seen(&run(here, &["resume", &id, option, name]));
        assert!(wanted.iter().all(|words| output.contains(words)) && output.contains("exit code 2"), "{output}");
    }
    for name in ["wait", "one/wait", "wait@one/worker01"] {
        assert_eq!(run(here, &["resume", &id, "--repeat", name]).status.code(), Some(1), "{name}");
    }
}
