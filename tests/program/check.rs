//! `cutover check`: every fault of a playbook and of an inventory is reported with its place, before anything is touched.

use std::fs;
use std::path::Path;

use cutover_testkit::console::{cutover, root, run, seen};
use insta::{assert_snapshot, with_settings};
use serde_json::Value;

/// Holds what `check` says of every file in a directory of cases to a snapshot of its own.
///
/// Not insta's `glob!`: the list of failures that it keeps belongs to the whole process, so a snapshot of another test that fails
/// at the same time would count as one of these, and that test would pass.
fn every_case(directory: &str, options: &[&str], kind: &str) {
    let cases = root().join("tests/cases");
    let entries = fs::read_dir(cases.join(directory)).expect("a directory of cases");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("a case").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    assert!(names.len() > 5, "{names:?}");
    for name in names {
        let file = format!("{directory}/{name}");
        let output = run(&cases, &[&["check"], options, &[&file]].concat());
        assert_eq!(output.status.code(), Some(2), "{file}");
        with_settings!({
            snapshot_path => "snapshots/faults",
            prepend_module_to_snapshot => false,
            snapshot_suffix => name,
            input_file => Path::new("tests/cases").join(&file),
        }, {
            assert_snapshot!(kind, seen(&output));
        });
    }
}

#[test]
fn every_fault_of_a_playbook_is_reported_with_its_place() {
    every_case("faults", &[], "playbook");
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
    every_case("inventories", &["-i"], "inventory");
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
fn parameters_are_checked_before_anything_runs() {
    let arguments = ["plan", "good/one.yml", "-i", "good/inventory.yml", "-e", "replicas=many", "-e", "relase=x"];
    assert_snapshot!("wrong_parameters", seen(&run(&root().join("tests/cases"), &arguments)));
}
