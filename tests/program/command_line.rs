//! The command line itself: help, exit codes, completions, `explain`, and what is used where nothing is named.

use std::fs;
use std::io::Read as _;
use std::process::{Command, Stdio};

use cutover_testkit::console::{cutover, root, run, seen};
use insta::assert_snapshot;

#[test]
fn it_never_answers_as_a_program_of_drbd_whatever_it_is_called() {
    let directory = tempfile::tempdir().expect("a directory");
    let program = cutover(directory.path(), &[]).get_program().to_owned();
    let state = directory.path().join("state");
    let ask = |name: &str, words: &[&str]| {
        let link = directory.path().join(name);
        let _ = std::os::unix::fs::symlink(&program, &link);
        let mut command = Command::new(link);
        command.args(words).env("CUTOVER_STAND_IN_DIR", &state).env("CUTOVER_STAND_IN_MACHINE", "primary/worker01");
        command.stdin(Stdio::null()).output().expect("it starts")
    };
    for name in ["drbdadm", "drbdsetup", "drbdmeta", "journalctl", "cutover-drbd-stand-in"] {
        for words in [&["role", "etcd0"][..], &["status"], &["create-md", "etcd0"], &["_TRANSPORT=kernel"]] {
            let output = ask(name, words);
            assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{name} {words:?}: {output:?}");
            assert!(String::from_utf8_lossy(&output.stderr).contains("Usage: cutover"), "{name}: {output:?}");
        }
        let version = String::from_utf8(ask(name, &["--version"]).stdout).expect("text");
        assert_eq!(version, concat!("cutover ", env!("CARGO_PKG_VERSION"), "\n"), "{name}");
    }
    assert_eq!(ask("cutover", &["stand-in", "drbdadm", "role", "etcd0"]).status.code(), Some(2));
    assert!(!state.exists(), "it has stood in for DRBD");
}

#[test]
fn wrong_usage_ends_with_two_and_help_with_zero() {
    let cases: [(&[&str], i32); 9] = [
        (&["--help"], 0),
        (&["run", "--help"], 0),
        (&["--version"], 0),
        (&[], 2),
        (&["frobnicate"], 2),
        (&["check"], 2),
        (&["run", "x.yml", "-e", "nothing"], 2),
        (&["check", "no-such-file.yml"], 2),
        (&["explain", "mout"], 2),
    ];
    for (arguments, expected) in cases {
        let output = run(&root(), arguments);
        assert_eq!(output.status.code(), Some(expected), "{arguments:?}: {}", seen(&output));
    }
}

#[test]
fn a_run_without_an_inventory_says_how_to_name_one() {
    assert_snapshot!("run_without_inventory", seen(&run(&root().join("tests/cases"), &["run", "good/one.yml"])));
}

#[test]
fn the_shipped_playbook_is_used_where_there_is_none_on_the_disk() {
    let directory = tempfile::tempdir().expect("a directory");
    let first = |output: &std::process::Output| {
        String::from_utf8_lossy(&output.stderr).lines().next().unwrap_or_default().to_owned()
    };
    let shipped = "rehearsing playbooks/etcd-cutover.yml (part of cutover) on inventories/example.yml (part of cutover), seed 1: \
         everything is simulated";
    assert_eq!(first(&run(directory.path(), &["rehearse"])), shipped);
    fs::create_dir(directory.path().join("inventories")).expect("a directory");
    fs::copy(root().join("inventories/example.yml"), directory.path().join("inventories/example.yml")).expect("a copy");
    let mixed = "rehearsing playbooks/etcd-cutover.yml (part of cutover) on inventories/example.yml, seed 1: everything is \
                 simulated";
    assert_eq!(first(&run(directory.path(), &["rehearse"])), mixed);
}

#[test]
fn a_reader_that_goes_away_is_not_an_error() {
    for arguments in [&["explain"][..], &["schema", "playbook"], &["completions", "bash"], &["--help"]] {
        let mut command = cutover(&root(), arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("cutover");
        drop(child.stdout.take());
        let mut err = String::new();
        child.stderr.take().expect("a pipe").read_to_string(&mut err).expect("text");
        assert_eq!((child.wait().expect("an end").code(), err.as_str()), (Some(0), ""), "{arguments:?}");
    }
}

#[test]
fn completions_know_commands_options_and_modules() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = run(&root(), &["completions", shell]);
        let script = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && script.contains("rehearse") && script.contains("skip-tags"), "{shell}");
        // The others know no values of arguments without a name.
        assert!(script.contains("copy_preserve") || !matches!(shell, "bash" | "zsh"), "{shell}");
    }
}

#[test]
fn a_module_is_explained_from_its_schema() {
    assert_snapshot!("explain_mount", seen(&run(&root(), &["explain", "mount"])));
    assert_snapshot!("explain_net_check", seen(&run(&root(), &["explain", "net_check"])));
    let table = String::from_utf8(run(&root(), &["explain"]).stdout).expect("text");
    assert!(table.contains("\npause             Lets time pass\n"), "{table}");
}

#[test]
fn a_misspelt_module_is_guessed() {
    let printed = seen(&run(&root(), &["explain", "mout"]));
    assert!(printed.contains("a similar value exists: 'mount'"), "{printed}");
}

#[test]
fn the_help_is_what_it_was() {
    assert_snapshot!("help", seen(&run(&root(), &["--help"])));
    assert_snapshot!("help_run", seen(&run(&root(), &["run", "--help"])));
    assert_snapshot!("help_resume", seen(&run(&root(), &["resume", "--help"])));
}
