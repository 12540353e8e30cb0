//! A run is named in the same ways to `report`, `resume` and `undo`.

use crate::support::place::{Place, assert_output};
use cutover_testkit::console::seen;

/// The message of each command for a run that cannot go on yet.
fn asked(place: &Place, run: &str) -> [std::process::Output; 3] {
    ["report", "resume", "undo"].map(|command| place.cutover(&[command, run]))
}

#[test]
fn an_id_its_beginning_a_path_and_latest_mean_the_same_run_everywhere() {
    let place = Place::new();
    let id = place.begin(&[]);
    let path = format!(".cutover/runs/{id}");
    let (slash, whole) = (format!("{path}/"), place.directory(&id).display().to_string());
    for name in [&id, &id[..id.len() - 3], "latest", &path, &slash, &whole] {
        let [report, resume, undo] = asked(&place, name);
        assert_output(&report, 0, &["Two words"]);
        assert_output(&resume, 3, &[&format!("to go on: cutover resume {id}")]);
        assert_output(&undo, 3, &[&format!("run {id} has made"), &format!("--approve 'undo={id}'")]);
        let printed = String::from_utf8(resume.stdout).expect("text");
        let expected = name != id;
        assert_eq!(printed.contains(&format!("resuming run {id}: Two words, begun ")), expected, "{name}: {printed}");
    }
}

#[test]
fn the_latest_run_to_go_on_with_is_not_a_rehearsal() {
    let place = Place::new();
    place.rehearse();
    for command in ["resume", "undo"] {
        assert_output(&place.cutover(&[command, "latest"]), 2, &["only rehearsals", "cutover rehearse"]);
    }
    let id = place.begin(&[]);
    place.rehearse();
    let [report, resume, undo] = asked(&place, "latest");
    assert_output(&report, 0, &["Pause"]);
    assert_output(&resume, 3, &[&format!("resuming run {id}: ")]);
    assert_output(&undo, 3, &[&format!("run {id} has made")]);
}

#[test]
fn the_latest_run_is_the_one_that_was_worked_on_last() {
    let place = Place::new();
    let [first, second] = [place.begin(&[]), place.begin(&[])];
    assert_output(&place.cutover(&["resume", "latest"]), 3, &[&format!("resuming run {second}: ")]);
    assert_output(&place.cutover(&["resume", &first]), 3, &[]);
    assert_output(&place.cutover(&["resume", "latest"]), 3, &[&format!("resuming run {first}: ")]);
}

#[test]
fn a_latest_run_that_is_finished_is_not_passed_over_for_an_older_one() {
    let place = Place::new();
    let [older, latest] = [place.begin(&[]), place.begin(&[])];
    place.mend();
    assert_output(&place.cutover(&["resume", "latest"]), 0, &[]);
    let done = place.done();
    let output = place.cutover(&["resume", "latest"]);
    let earlier = format!("an earlier one can be resumed: cutover resume {older}");
    assert_output(&output, 0, &[&format!("run {latest} has ended well"), &earlier]);
    assert_eq!(place.done(), done);
}

#[test]
fn a_wrong_name_is_answered_with_those_that_are_near() {
    let place = Place::new();
    for output in asked(&place, "latest") {
        assert_output(&output, 2, &["there are no runs in .cutover/runs"]);
    }
    let [first, second] = [place.begin(&[]), place.begin(&[])];
    let wrong = first.replace("words", "wrods");
    for output in asked(&place, &wrong) {
        assert_output(&output, 2, &[&format!("no run `{wrong}` in .cutover/runs"), &first]);
    }
    for output in asked(&place, "words") {
        assert_output(&output, 2, &["no run `words`", &first, &second]);
    }
    for output in asked(&place, &first[..4]) {
        assert_output(&output, 2, &["could be", &first, &second, "type more of it"]);
    }
    for output in asked(&place, "./nowhere") {
        assert_output(&output, 2, &["no journal at ./nowhere"]);
    }
    for output in asked(&place, "latset") {
        assert_output(&output, 2, &["no run `latset`", "did you mean `latest`?"]);
    }
    for output in asked(&place, "") {
        assert_output(&output, 2, &["no run ``"]);
    }
}

#[test]
fn the_help_explains_latest() {
    let place = Place::new();
    for (command, words) in [("resume", "not a rehearsal"), ("undo", "not a rehearsal"), ("report", "`latest`")] {
        let printed = seen(&place.cutover(&[command, "--help"])).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            printed.contains("the beginning of it") && printed.contains("`latest`") && printed.contains(words),
            "{printed}"
        );
    }
}
