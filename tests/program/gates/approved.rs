//! What is approved beforehand: a gate, a pass or a phrase that nothing asks for is refused before anything is touched.

use crate::support::place::{Place, assert_output};

const GATES: &str = "\
name: Gates
params:
  release: {default: common-etcd}
phases:
  - name: p
    steps:
      - {name: begin, command: {argv: [sh, -c, \"echo begun >> HERE/done\"]}, undo: []}
      - {name: approve, gate: \"Begin?\"}
      - {name: type the name, gate: \"Remove {{ release }}?\", confirm: \"{{ release }}\"}
      - {name: count, command: {argv: [echo, three], read_only: true}, register: counted}
      - {name: type the number, gate: \"How many?\", confirm: \"{{ counted.stdout | trim }}\"}
      - name: each
        loop: [a, b]
        block:
          - {name: ask, gate: \"Go on with {{ item }}?\", confirm: \"{{ item }}\"}
";

const ALL: [&str; 10] = [
    "--approve",
    "approve",
    "--approve",
    "type-the-name=common-etcd",
    "--approve",
    "type-the-number=three",
    "--approve",
    "each[1]/ask=a",
    "--approve",
    "each[2]/ask=b",
];

fn place() -> Place {
    let place = Place::new();
    place.write("gates.yml", &GATES.replace("HERE", &place.path().display().to_string()));
    place
}

/// What is wrong with an approval, and the words that say it.
const WRONG: [(&str, &[&str]); 7] = [
    ("tipe-the-name=common-etcd", &["no gate is called `tipe-the-name`", "did you mean `type-the-name`?"]),
    (
        "type-the-name=wrong",
        &["--approve type-the-name: `wrong` does not approve this gate", "type-the-name=common-etcd"],
    ),
    ("type-the-name", &["this gate asks for a phrase", "type-the-name=common-etcd"]),
    ("type-the-name=no", &["`no` does not approve this gate"]),
    ("approve=y", &["--approve approve: `y` does not approve this gate", "it asks for `yes`"]),
    ("each[2]/ask=a", &["`a` does not approve this gate", "it asks for `b`"]),
    ("each[3]/ask=c", &["the run does not come to the gate `each[3]/ask`", "p/each[2"]),
];

#[test]
fn an_approval_that_approves_nothing_is_refused_before_anything_is_touched() {
    let place = place();
    for (approval, words) in WRONG {
        for verb in ["run", "plan"] {
            // Also behind one that is right.
            for before in [&[][..], &["--approve", "approve"]] {
                let typed = [&[verb, "gates.yml", "-i", "inventory.yml"], before, &["--approve", approval]].concat();
                assert_output(&place.cutover(&typed), 2, words);
            }
        }
        assert!(place.runs().is_empty() && place.done().is_empty(), "{approval}");
    }
}

#[test]
fn a_phrase_that_depends_on_a_result_is_compared_when_it_is_known() {
    let place = place();
    let mut words = vec!["run", "gates.yml", "-i", "inventory.yml"];
    words.extend(ALL.map(|word| if word == "type-the-number=three" { "type-the-number=four" } else { word }));
    assert_output(&place.cutover(&words), 3, &["`four` does not approve this gate, it asks for `three`"]);
    let run = place.runs().remove(0);
    assert!(!place.journal(&run).iter().any(|line| line.contains("refused at the gate")), "nobody has refused it");
    // And so is what is approval for what is left of a run.
    assert_output(
        &place.cutover(&["resume", &run, "--approve", "type-the-name=wrong"]),
        2,
        &["does not approve this gate"],
    );
    assert_output(&place.cutover(&[&["resume", run.as_str()], &ALL[4..]].concat()), 0, &["DONE"]);
    assert_eq!(place.done(), "begun\n");
}

#[test]
fn a_rehearsal_and_an_undo_refuse_them_too() {
    let place = Place::new();
    let inventory = cutover_testkit::console::root().join("inventories/example.yml").display().to_string();
    place.write("pause.yml", "name: Pause\nphases: [{name: p, steps: [{name: approve, gate: \"Go?\"}]}]\n");
    for (approval, words) in [("aprove", "did you mean `approve`?"), ("approve=y", "it asks for `yes`")] {
        let output = place.cutover(&["rehearse", "pause.yml", "-i", &inventory, "--approve", approval]);
        assert_output(&output, 2, &[words]);
    }
    let run = place.begin(&["-e", "password=x"]);
    for (approval, words) in [
        ("undu", "an undo asks one question, which is called `undo`"),
        ("undo", "this gate asks for a phrase"),
        ("undo=x", "`x` does not approve this gate"),
    ] {
        assert_output(&place.cutover(&["undo", &run, "-e", "password=x", "--approve", approval]), 2, &[words]);
    }
    let approval = format!("undo={run}");
    assert_output(&place.cutover(&["undo", &run, "-e", "password=x", "--approve", &approval]), 7, &["UNDONE"]);
}
