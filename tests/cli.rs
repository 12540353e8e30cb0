//! The command line as a whole: its output, on which stream, and with which exit code.

mod interrupts;

use std::fs;
use std::io::Read as _;
use std::process::{Command, Stdio};

use cutover_testkit::console::{cutover, root, run, seen};
use insta::{assert_snapshot, glob, with_settings};
use serde_json::Value;

#[test]
fn every_fault_of_a_playbook_is_reported_with_its_place() {
    let directory = root().join("tests/cases");
    glob!("cases/faults/*.yml", |path| {
        let file = format!("faults/{}", path.file_name().expect("a name").to_string_lossy());
        let output = run(&directory, &["check", &file]);
        assert_eq!(output.status.code(), Some(2), "{file}");
        with_settings!({ snapshot_path => "snapshots/faults", prepend_module_to_snapshot => false }, {
            assert_snapshot!("playbook", seen(&output));
        });
    });
}

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
fn what_a_target_or_the_inventory_rules_out_is_reported_before_a_run() {
    let directory = tempfile::tempdir().expect("a directory");
    let inventory = fs::read_to_string(root().join("tests/cases/good/inventory.yml")).expect("an inventory");
    fs::write(directory.path().join("i.yml"), inventory).expect("written");
    let steps = [
        ("target: active.nodes, command: {argv: [id], on: worker99}", "site `primary` has no node `worker99`"),
        ("target: active, helm: {release: a, namespace: b, chart: c, values_of: nowhere}", "no site `nowhere`"),
        ("target: active.pairs, drbd_split_brain: {victim: passive, backup: /data}", "`victim: passive` is standby"),
        ("target: active.nodes, delegate_to: worker99, command: {argv: [id]}", "has a node `worker99`"),
        (
            "target: active, register: pairs, k8s_wait: {kind: Pod, namespace: a, name: b, for: Ready}",
            "`register: pairs`",
        ),
    ];
    for (step, words) in steps {
        let playbook = format!("name: Never\nphases:\n  - name: One\n    steps:\n      - {{name: x, {step}}}\n");
        fs::write(directory.path().join("p.yml"), playbook).expect("written");
        let printed = seen(&run(directory.path(), &["check", "p.yml", "-i", "i.yml"]));
        assert!(
            printed.contains(words) && printed.contains("p.yml:5:") && printed.contains("exit code 2"),
            "{step}\n{printed}"
        );
    }
}

#[test]
fn a_tag_that_no_step_has_and_a_secret_of_the_wrong_type_are_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let inventory = fs::read_to_string(root().join("tests/cases/good/inventory.yml")).expect("an inventory");
    fs::write(directory.path().join("i.yml"), inventory).expect("written");
    let playbook = "name: Tags\nparams: {pin: {secret: true, type: integer, default: 1}}\nphases:\n  - name: One\n    steps:\n      - {name: x, tags: [danger], command: {argv: [id]}}\n";
    fs::write(directory.path().join("p.yml"), playbook).expect("written");
    let printed = seen(&run(directory.path(), &["run", "p.yml", "-i", "i.yml", "--skip-tags", "dangr"]));
    assert!(printed.contains("no step has the tag `dangr`") && printed.contains("did you mean `danger`?"), "{printed}");
    assert!(printed.contains("exit code 2"), "{printed}");
    let printed = seen(&run(directory.path(), &["run", "p.yml", "-i", "i.yml", "-e", "pin=12ab"]));
    assert!(printed.contains("is not a whole number") && !printed.contains("12ab"), "{printed}");
}

#[test]
fn every_fault_of_an_inventory_is_reported_with_its_place() {
    let directory = root().join("tests/cases");
    glob!("cases/inventories/*.yml", |path| {
        let file = format!("inventories/{}", path.file_name().expect("a name").to_string_lossy());
        let output = run(&directory, &["check", "-i", &file]);
        assert_eq!(output.status.code(), Some(2), "{file}");
        with_settings!({ snapshot_path => "snapshots/faults", prepend_module_to_snapshot => false }, {
            assert_snapshot!("inventory", seen(&output));
        });
    });
}

#[test]
fn ten_faults_in_one_playbook_are_ten_with_ten_places() {
    let output = run(&root().join("tests/cases"), &["check", "faults/ten.yml", "--output", "json"]);
    let printed: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let faults = printed["faults"].as_array().expect("a list");
    let lines: Vec<u64> = faults.iter().filter_map(|fault| fault["line"].as_u64()).collect();
    assert_eq!(lines, [2, 7, 10, 12, 15, 17, 19, 21, 24, 26, 30]);
    let first = r#"{"message":"unknown key `windo` in a playbook","help":"did you mean `window`?","file":"faults/ten.yml","line":2,"column":1,"end_line":2,"end_column":6}"#;
    assert_eq!(faults[0].to_string(), first);
    assert_eq!((printed["ok"].as_bool(), output.status.code()), (Some(false), Some(2)));
}

#[test]
fn on_a_terminal_faults_are_drawn() {
    let output = run(&root().join("tests/cases"), &["check", "faults/two_modules.yml", "--color", "always"]);
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(printed.contains("\u{1b}["), "{printed}");
    assert_snapshot!("drawn", ::console::strip_ansi_codes(&printed));
}

#[test]
fn what_is_right_is_one_line_for_each_file() {
    let files = ["check", "good/one.yml", "good/two.yml", "-i", "good/inventory.yml"];
    assert_snapshot!("good", seen(&run(&root().join("tests/cases"), &files)));
    let mut command = cutover(&root().join("tests/cases"), &["check", "good/two.yml"]);
    command.env("CUTOVER_INVENTORY", "good/inventory.yml");
    assert_snapshot!("good_by_environment", seen(&command.output().expect("cutover")));
}

#[test]
fn a_playbook_is_not_blamed_for_a_broken_inventory() {
    let files = ["check", "good/two.yml", "-i", "inventories/unknown_role.yml"];
    assert_snapshot!("broken_inventory", seen(&run(&root().join("tests/cases"), &files)));
}

#[test]
fn a_file_that_two_playbooks_include_is_blamed_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let playbook = "name: x\nphases: [{name: a, steps: [{include: tasks.yml}]}]\n";
    fs::write(directory.path().join("a.yml"), playbook).expect("a file");
    fs::write(directory.path().join("b.yml"), playbook).expect("a file");
    fs::write(directory.path().join("tasks.yml"), "- pause: {fro: 1s}\n").expect("a file");
    assert_snapshot!("included_twice", seen(&run(directory.path(), &["check", "a.yml", "b.yml"])));
}

#[test]
fn check_reads_no_secret() {
    let directory = tempfile::tempdir().expect("a directory");
    let inventory = fs::read_to_string(root().join("inventories/example.yml")).expect("the example");
    let secrets = "secrets:\n  a: {env: NO_SUCH}\n  b: {file: /no/such}\n  c: {command: [touch, ran]}\n";
    fs::write(directory.path().join("i.yml"), inventory + secrets).expect("a file");
    let output = run(directory.path(), &["check", "-i", "i.yml"]);
    assert_eq!(output.status.code(), Some(0), "{}", seen(&output));
    assert!(!directory.path().join("ran").exists());
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
fn a_run_without_an_inventory_reports_how_to_name_one() {
    assert_snapshot!("run_without_inventory", seen(&run(&root().join("tests/cases"), &["run", "good/one.yml"])));
}

#[test]
fn parameters_are_checked_before_anything_runs() {
    let arguments = ["plan", "good/one.yml", "-i", "good/inventory.yml", "-e", "replicas=many", "-e", "relase=x"];
    assert_snapshot!("wrong_parameters", seen(&run(&root().join("tests/cases"), &arguments)));
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
        // The other shells do not complete the values of positional arguments.
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
