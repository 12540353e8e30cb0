//! `cutover rehearse` as it is typed.

use std::path::Path;
use std::process::{Command, Output};

fn rehearse(directory: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cutover"))
        .args(["rehearse", "--run-dir"])
        .arg(directory)
        .args(args)
        .current_dir(directory)
        .env("NO_COLOR", "1")
        .output()
        .expect("the binary starts")
}

#[test]
fn the_same_seed_prints_the_same_events() {
    let directory = tempfile::tempdir().unwrap();
    let first = rehearse(directory.path(), &["--output", "json", "--seed", "7"]);
    assert_eq!(first.status.code(), Some(0), "{}", String::from_utf8_lossy(&first.stderr));
    assert!(
        first.stdout == rehearse(directory.path(), &["--output", "json", "--seed", "7"]).stdout,
        "two rehearsals with one seed differ"
    );
    assert!(
        first.stdout != rehearse(directory.path(), &["--output", "json", "--seed", "8"]).stdout,
        "another seed changes nothing"
    );
}

#[test]
fn a_step_that_is_made_to_fail_fails_the_rehearsal() {
    let directory = tempfile::tempdir().unwrap();
    for (step, code, words) in [
        ("scale-to-zero", 1, "made to fail on purpose"),
        ("approve-the-outage", 1, "made to fail on purpose"),
        ("volumes-each-bound-to-its-replica", 1, "made to fail on purpose"),
        ("label-the-nodes", 2, "`label-the-nodes` was left out"),
        ("scale-to-zeroo", 2, "did you mean `scale-to-zero`?"),
    ] {
        let output = rehearse(directory.path(), &["--fail", step]);
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert_eq!(output.status.code(), Some(code), "{step}: {said}");
        assert!(said.contains(words), "{step}: {said}");
    }
}
