//! `undo --dry-run` lists what would be undone and how, and touches nothing.

use crate::support::place::{Place, assert_output};

/// One step whose module records how it is undone, one that stays, one with `undo` of its own, one that nothing undoes, and a failure.
const FOUR: &str = "\
name: Four
phases:
  - name: p
    steps:
      - {name: dir, file: {path: HERE/made, state: directory}}
      - {name: stays, command: {argv: [touch, HERE/stays]}, undo: []}
      - {name: own, command: {argv: [touch, HERE/own]}, undo: [{name: remove it, file: {path: HERE/own, state: absent}}]}
      - {name: hard, command: {argv: [touch, HERE/hard]}}
      - {name: fails, command: {argv: [test, -e, HERE/go], read_only: true}}
";

#[test]
fn it_lists_the_actions_and_undoes_nothing() {
    let place = Place::new();
    place.write("four.yml", &FOUR.replace("HERE", &place.path().display().to_string()));
    assert_output(&place.cutover(&["run", "four.yml", "-i", "inventory.yml"]), 3, &["fails"]);
    let id = place.runs().pop().expect("a run");
    let before = place.journal(&id);
    let words = [
        "newest first",
        "nothing undoes it by itself: the undo would stop here",
        "by its step's `undo`: remove it",
        "its step declares that there is nothing to undo",
        "rmdir",
        "nothing was undone",
    ];
    assert_output(&place.cutover(&["undo", &id, "--dry-run"]), 0, &words);
    assert_eq!(place.journal(&id), before, "nothing is recorded");
    assert!(["made", "stays", "own", "hard"].iter().all(|name| place.path().join(name).exists()));
}
