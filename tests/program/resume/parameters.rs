//! Parameters stay what they were when a run began.

use std::fs;

use crate::support::place::{Place, assert_output};
use cutover_testkit::console::seen;

#[test]
fn another_value_is_refused_and_the_same_one_is_not() {
    let place = Place::new();
    let id = place.begin(&["-e", "number=5"]);
    let before = place.journal(&id);
    for command in ["resume", "undo"] {
        let again = |values: &[&str]| {
            let mut words = vec![command, &id];
            values.iter().for_each(|value| words.extend(["-e", value]));
            place.cutover(&words)
        };
        assert_output(&again(&["word=b"]), 2, &["`word`", "\"a\"", "\"b\"", "help: "]);
        let both = again(&["word=b", "number=6"]);
        assert_output(&both, 2, &["`word`", "`number`", " 5", " 6"]);
        assert_output(&again(&["wrod=b"]), 2, &["no parameter `wrod`"]);
    }
    assert_eq!(place.journal(&id), before, "a refusal records nothing");
    place.mend();
    assert_output(&place.cutover(&["resume", &id, "-e", "word=a", "-e", "number=5"]), 0, &[]);
    assert_eq!(place.done(), "one a 5\nthree a 5\n");
}

#[test]
fn a_file_of_parameters_is_compared_too() {
    let place = Place::new();
    place.write("params.yml", "word: x\nnumber: 2\n");
    let id = place.begin(&["-e", "@params.yml"]);
    place.write("params.yml", "word: x\nnumber: 3\n");
    assert_output(&place.cutover(&["resume", &id, "-e", "@params.yml"]), 2, &["`number`", " 2", " 3"]);
    place.write("params.yml", "number: 2\nword: x\n");
    assert_output(&place.cutover(&["resume", &id, "-e", "@params.yml"]), 3, &["to go on"]);
}

#[test]
fn a_secret_is_passed_again_and_has_to_be_the_same() {
    let place = Place::new();
    let id = place.begin(&["-e", "password=korrekt horse"]);
    let manifest = fs::read_to_string(place.directory(&id).join("run.json")).expect("a manifest");
    assert!(!manifest.contains("korrekt"), "{manifest}");
    for command in ["resume", "undo"] {
        let wrong = place.cutover(&[command, &id, "-e", "password=battery staple"]);
        assert_output(&wrong, 2, &["`password`", "another value"]);
        let printed = seen(&wrong);
        assert!(!printed.contains("korrekt") && !printed.contains("battery"), "{printed}");
        assert_output(&place.cutover(&[command, &id]), 2, &["`password`", "-e password=..."]);
    }
    assert_output(&place.cutover(&["resume", &id, "-e", "password=korrekt horse"]), 3, &["to go on"]);
    let again = place.begin(&["-e", "password=korrekt horse"]);
    let digest = |id: &str| place.beginning(id).1["secrets"]["password"]["digest"].clone();
    assert!(digest(&id).is_string());
    assert_ne!(digest(&id), digest(&again), "nobody sees that two runs had the same secret");
}

#[test]
fn a_secret_that_the_run_began_without_is_not_added() {
    let place = Place::new();
    let id = place.begin(&[]);
    assert_output(&place.cutover(&["resume", &id, "-e", "password=new"]), 2, &["`password`", "another value"]);
}

#[test]
fn a_changed_playbook_does_not_change_a_parameter_that_is_named() {
    let place = Place::new();
    let id = place.begin(&[]);
    let text = fs::read_to_string(place.path().join("words.yml")).expect("a playbook");
    place.write("words.yml", &text.replace("params:", "params:\n  new: {default: n}"));
    let resumed = |value: &str| place.cutover(&["resume", &id, "--accept-changed", "-e", value]);
    assert_output(&resumed("word=b"), 2, &["`word`"]);
    assert_output(&resumed("new=m"), 3, &["to go on"]);
}
