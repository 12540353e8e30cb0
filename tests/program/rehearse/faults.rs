//! `cutover rehearse --faults`: what a campaign of a small playbook prints, that a planted fault is found and can be seen again by the
//! command that the report names, and that the shipped playbooks stand a sample of it.

use std::fs;
use std::path::Path;
use std::process::Output;

use cutover_testkit::console::{root, run, seen};
use insta::assert_snapshot;

/// Takes the data of the first replica elsewhere. `FAILS` is what happens if the copy fails, and `LOOKS` stands before the removal or
/// after it.
const MOVE: &str = "\
name: Move the data of a replica
phases:
  - name: Move
    steps:
      - name: Where it is
        target: active
        k8s_volumes: {namespace: common, statefulset: common-etcd-etcd, claim: data}
        register: old
      - name: Stop
        target: active
        k8s_scale: {kind: StatefulSet, namespace: common, name: common-etcd-etcd, replicas: 0}
      - name: Copy
        target: active.pairs
        when: pair.ordinal == 0
        delegate_to: \"{{ old.volumes[0].node }}\"
        copy_preserve: {source: {path: \"{{ old.volumes[0].path }}\"}, destination: {path: /root/copy}}
        FAILS
      - name: Compare
        target: active.pairs
        when: COMPARES
        delegate_to: \"{{ old.volumes[0].node }}\"
        verify_hash: {source: {path: \"{{ old.volumes[0].path }}\"}, destination: {path: /root/copy}}
      - name: Remove the original
        target: active.pairs
        when: pair.ordinal == 0
        delegate_to: \"{{ old.volumes[0].node }}\"
        command: {argv: [rm, -r, \"{{ old.volumes[0].path }}\"]}
";

fn playbook(directory: &Path, fails: &str, compares: &str) {
    let text = MOVE.replace("FAILS", fails).replace("COMPARES", compares);
    fs::write(directory.join("move.yml"), text).expect("written");
    let inventory = fs::read(root().join("inventories/example.yml")).expect("the example");
    fs::write(directory.join("inventory.yml"), inventory).expect("written");
}

fn faults(directory: &Path, more: &[&str]) -> Output {
    run(directory, &[&["rehearse", "move.yml", "-i", "inventory.yml"], more].concat())
}

/// Output without how long it took.
fn lasting(text: &str) -> String {
    let line = |line: &str| match line.rsplit_once("; ") {
        Some((before, time)) if time.ends_with(" s") => format!("{before}; N s\n"),
        _ => format!("{}\n", line.trim_end()),
    };
    text.lines().map(line).collect()
}

#[test]
fn a_sound_playbook_has_a_table_without_an_unsafe_case() {
    let directory = tempfile::tempdir().expect("a directory");
    playbook(directory.path(), "timeout: 5m", "pair.ordinal == 0");
    let output = faults(directory.path(), &["--faults", "--page", "page.html"]);
    assert_eq!(output.status.code(), Some(0), "{}", seen(&output));
    assert_snapshot!("faults_of_a_sound_playbook", lasting(&String::from_utf8_lossy(&output.stdout)));
    let page = fs::read_to_string(directory.path().join("page.html")).expect("a page");
    assert!(page.contains("<td>move/copy</td>") && !page.contains("class=\"unsafe\""), "{page}");
}

#[test]
fn an_original_that_is_removed_before_its_copy_was_compared_is_found() {
    let directory = tempfile::tempdir().expect("a directory");
    // A copy that failed is not looked at any more.
    playbook(directory.path(), "allow_failure: true", "false");
    let output = faults(directory.path(), &["--faults", "--page", "page.html"]);
    let printed = seen(&output);
    assert_eq!(output.status.code(), Some(1), "{printed}");
    assert!(printed.contains("law:   data that was there has a whole copy at any moment"), "{printed}");
    assert!(printed.contains("where: run, in move/remove-the-original"), "{printed}");
    assert!(fs::read_to_string(directory.path().join("page.html")).expect("a page").contains("class=\"unsafe\""));
    let again = printed.lines().find_map(|line| line.strip_prefix("  again: cutover ")).expect("a command");
    let words = shell_words(again);
    let again = run(directory.path(), &words.iter().map(String::as_str).collect::<Vec<_>>());
    let printed = seen(&again);
    assert_eq!(again.status.code(), Some(1), "{words:?}: {printed}");
    assert!(printed.contains("law:   data that was there has a whole copy at any moment"), "{printed}");
}

/// The words of a command line as a shell reads them, with single quotes.
fn shell_words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            c => words.last_mut().expect("a word").push(c),
        }
    }
    words
}

#[test]
fn a_case_that_does_not_exist_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    playbook(directory.path(), "timeout: 5m", "pair.ordinal == 0");
    let output = faults(directory.path(), &["--fault", "move/copy@nowhere:copy.1=fails"]);
    assert!(seen(&output).contains("makes no call `move/copy@nowhere:copy.1`"), "{}", seen(&output));
    for wrong in ["move/copy", "move/copy=explodes"] {
        let output = faults(directory.path(), &["--fault", wrong]);
        assert_eq!(output.status.code(), Some(2), "{wrong}: {}", seen(&output));
    }
}

/// Every so many-th case; `tests/run --full` tries all of them.
fn sample(playbook: &str, every: &str) {
    let words = ["rehearse", playbook, "-i", "inventories/example.yml", "--faults", "--every", every];
    let output = run(&root(), &words);
    assert_eq!(output.status.code(), Some(0), "{}", seen(&output));
}

#[test]
fn a_sample_of_the_faults_of_the_preparation_is_safe() {
    sample("playbooks/etcd-prepare.yml", "61");
}

#[test]
fn a_sample_of_the_faults_of_the_cutover_is_safe() {
    sample("playbooks/etcd-cutover.yml", "61");
}
