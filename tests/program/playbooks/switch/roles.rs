//! The roles file beside an inventory: read by every command, frozen in a run, rewritten by a commit, and simulated in a rehearsal.

use std::fs;

use cutover_testkit::console::{root, run, seen};

use crate::support::place::Place;

const TURN: &str = "\
name: Turn
phases:
  - name: p
    steps:
      - name: turn
        file: {path: \"{{ roles_file }}\", content: \"active: {{ passive.name }}\\npassive: {{ active.name }}\\n\"}
      - {name: wait, command: {argv: [test, -e, HERE/go], read_only: true}}
      - {name: tell, command: {argv: [sh, -c, \"echo {{ active.name }} >> HERE/done\"]}, undo: []}
";

#[test]
fn a_run_keeps_the_roles_that_it_began_with_and_the_next_one_has_the_new_ones() {
    let place = Place::new();
    place.write("turn.yml", &TURN.replace("HERE", &place.path().display().to_string()));
    let words = ["run", "turn.yml", "-i", "inventory.yml"];
    let output = place.cutover(&words);
    assert_eq!(output.status.code(), Some(3), "{}", seen(&output));
    let roles = fs::read_to_string(place.path().join("inventory.roles.yml")).expect("a roles file");
    assert_eq!(roles, "active: there\npassive: here\n");

    place.mend();
    let output = place.cutover(&["resume", "latest"]);
    assert_eq!(output.status.code(), Some(0), "{}", seen(&output));
    assert_eq!(place.done(), "here\n", "the run is the one that it was");
    assert_eq!(fs::read_to_string(place.path().join("inventory.roles.yml")).expect("a roles file"), roles);

    let output = place.cutover(&words);
    assert_eq!(output.status.code(), Some(0), "{}", seen(&output));
    assert_eq!(place.done(), "here\nthere\n");
    assert_eq!(
        fs::read_to_string(place.path().join("inventory.roles.yml")).expect("a roles file"),
        "active: here\npassive: there\n"
    );
}

#[test]
fn faults_of_a_roles_file_are_shown_where_they_are() {
    let place = Place::new();
    for (text, words) in [
        ("active: there\npassive: hre\n", "inventory.roles.yml:2:10: no site is named `hre`"),
        ("active: there\npassive: there\n", "inventory.roles.yml:2:10: one site cannot be active and passive"),
        ("active: there\n", "`passive`"),
    ] {
        place.write("inventory.roles.yml", text);
        for command in
            [&["check", "-i", "inventory.yml"][..], &["run", "words.yml", "-i", "inventory.yml", "-e", "password=x"]]
        {
            let output = place.cutover(command);
            assert_eq!(output.status.code(), Some(2), "{}", seen(&output));
            assert!(seen(&output).contains(words), "no `{words}` in {}", seen(&output));
        }
    }
}

/// Rehearses a playbook that comes after something; returns exit code and output.
fn rehearse(after: &str, steps: &str) -> (Option<i32>, String) {
    let place = Place::new();
    let before = "name: Before\nphases: [{name: p, steps: [{name: wait, pause: {for: 1s}}]}]\n";
    place.write("before.yml", before);
    place.write("last.yml", &format!("name: Last\nrehearse_after: {after}\nphases: [{{name: p, steps: [{steps}]}}]\n"));
    let inventory = root().join("inventories/example.yml").display().to_string();
    let output = run(place.path(), &["rehearse", "last.yml", "-i", &inventory]);
    assert!(!root().join("inventories/example.roles.yml").exists(), "a rehearsal writes to no real file");
    (output.status.code(), seen(&output))
}

#[test]
fn parts_of_the_world_are_lost_between_playbooks_and_come_back() {
    let look = "{name: look, target: primary.nodes, command: {argv: [hostname], read_only: true}}";
    let ask = "{name: ask, target: active, k8s_wait: {kind: Node, name: worker01, for: exists}}";
    let ping = "{name: ping, target: standby.pairs, command: {argv: [ping, -n, -q, -c, '1', -i, '0.2', -W, '2', \"{{ peer.address }}\"], read_only: true}}";
    let both = format!("{look}, {ask}, {ping}");
    assert_eq!(rehearse("before.yml", &both).0, Some(0));
    for (after, steps, code, words) in [
        ("{playbook: before.yml, lose: active}", look, 4, "primary/worker05"),
        ("{playbook: before.yml, lose: primary}", ask, 4, "no route to the API server"),
        ("{playbook: before.yml, lose: primary/worker02}", look, 4, "primary/worker02"),
        ("{playbook: before.yml, lose: link}", ping, 3, "ping"),
        ("{playbook: before.yml, lose: [link, passive]}", look, 0, ""),
        (
            "[{playbook: before.yml, lose: [active, link]}, {playbook: before.yml, bring_back: [active, link]}]",
            &both,
            0,
            "",
        ),
        ("{playbook: before.yml, lose: nowhere}", look, 2, "`nowhere` is neither a site, nor a node, nor `link`"),
        ("{playbook: before.yml, lose: primary/worker77}", look, 2, "`primary/worker77` is neither"),
        ("{playbook: before.yml, los: active}", look, 2, "los"),
        ("{lose: active}", look, 2, "playbook"),
        ("last.yml", look, 2, "goes round in circles"),
    ] {
        let (found, text) = rehearse(after, steps);
        assert_eq!(found, Some(code), "{after}: {text}");
        assert!(text.contains(words), "{after}: no `{words}` in {text}");
    }
}

#[test]
fn a_later_playbook_is_rehearsed_in_the_roles_that_an_earlier_one_has_written() {
    let place = Place::new();
    let turn = "{name: turn, file: {path: \"{{ roles_file }}\", content: \"active: standby\\npassive: primary\\n\"}}";
    place.write("turn.yml", &format!("name: Turn\nphases: [{{name: p, steps: [{turn}]}}]\n"));
    let roles = "{name: roles, assert: {that: [\"{{ active.name == 'standby' and passive.role == 'passive' }}\"]}}";
    place
        .write("last.yml", &format!("name: Last\nrehearse_after: turn.yml\nphases: [{{name: p, steps: [{roles}]}}]\n"));
    let inventory = root().join("inventories/example.yml").display().to_string();
    for command in
        [["rehearse", "last.yml", "-i", &inventory].as_slice(), &["plan", "--sandbox", "last.yml", "-i", &inventory]]
    {
        let output = run(place.path(), command);
        assert_eq!(output.status.code(), Some(0), "{}", seen(&output));
    }
    assert!(!root().join("inventories/example.roles.yml").exists());
}
