//! A journal with a line that is not an event: its readable part is shown, and it cannot be resumed or undone.

use std::fs;

use crate::support::place::{Place, assert_output};

/// Puts a line into a journal, before the line of this index, and asserts the messages about it.
fn damaged(line: &str, reason: &str) {
    let place = Place::new();
    let id = place.begin(&[]);
    let mut lines = place.journal(&id);
    lines.insert(4, line.to_owned());
    let text = lines.join("\n") + "\n";
    let journal = place.directory(&id).join("events.jsonl");
    fs::write(&journal, &text).expect("written");
    let words = format!("line 5 of the journal: {reason}");
    assert_output(&place.cutover(&["report", &id]), 0, &["Two words", &words]);
    for command in ["resume", "undo"] {
        assert_output(&place.cutover(&[command, &id]), 2, &[&words, &format!("cutover report {id}")]);
    }
    let listed = String::from_utf8(place.cutover(&["runs"]).stdout).expect("text");
    let line = listed.lines().find(|line| line.starts_with(&id)).expect("the run");
    assert!(line.ends_with(" no") && listed.contains(&format!("{id}: {words}")), "{listed}");
    assert_eq!(fs::read_to_string(&journal).expect("a journal"), text, "a refusal leaves it alone");
}

#[test]
fn an_event_of_an_unknown_kind() {
    let line =
        r#"{"v":2,"seq":5,"at":"2030-01-01T00:00:00Z","elapsed_ms":4,"run":"r","kind":"teleported","to":"mars"}"#;
    damaged(line, "this version does not know events of the kind `teleported`");
}

#[test]
fn an_event_of_another_format() {
    let line = r#"{"v":7,"seq":5,"at":"2030-01-01T00:00:00Z","elapsed_ms":4,"run":"r","kind":"notice","message":"x"}"#;
    damaged(line, "written by a newer cutover (event format 7)");
    damaged(&line.replace("\"v\":7", "\"v\":1"), "written by an older cutover (event format 1)");
}

#[test]
fn an_event_of_another_run_or_out_of_its_order() {
    let line = r#"{"v":2,"seq":5,"at":"2030-01-01T00:00:00Z","elapsed_ms":4,"run":"r","kind":"notice","message":"x"}"#;
    damaged(line, "this is an event of run `r`, and the journal is of run `");
    let place = Place::new();
    let id = place.begin(&[]);
    let mut lines = place.journal(&id);
    let journal = place.directory(&id).join("events.jsonl");
    lines.remove(4);
    fs::write(&journal, lines.join("\n") + "\n").expect("written");
    let words = "line 5 of the journal: event 5 is missing before it";
    assert_output(&place.cutover(&["report", &id]), 0, &[words]);
    assert_output(&place.cutover(&["resume", &id]), 2, &[words]);
}

#[test]
fn a_line_that_is_not_json() {
    damaged("{\"v\":2,\"se", "this is not an event: ");
}

#[test]
fn an_event_of_an_unknown_kind_at_the_end_is_not_passed_over() {
    let place = Place::new();
    let id = place.begin(&[]);
    let journal = place.directory(&id).join("events.jsonl");
    let line = r#"{"v":2,"seq":99,"at":"2030-01-01T00:00:00Z","elapsed_ms":4,"run":"r","kind":"teleported"}"#;
    fs::write(&journal, place.journal(&id).join("\n") + "\n" + line + "\n").expect("written");
    let words = "this version does not know events of the kind `teleported`";
    assert_output(&place.cutover(&["report", &id]), 0, &[words]);
    assert_output(&place.cutover(&["resume", &id]), 2, &[words]);
    assert_output(&place.cutover(&["undo", &id]), 2, &[words]);
}

#[test]
fn a_line_that_a_crash_cut_off_is_left_out_by_all() {
    let place = Place::new();
    let id = place.begin(&[]);
    let journal = place.directory(&id).join("events.jsonl");
    // In the middle of a letter, as a crash may leave it.
    let torn = [(place.journal(&id).join("\n") + "\n").as_bytes(), b"{\"v\":1,\"se\xc3"].concat();
    fs::write(&journal, torn).expect("written");
    let cut = "the journal's last line was cut off after 11 bytes and is left out";
    assert_output(&place.cutover(&["report", "latest"]), 0, &[cut]);
    place.mend();
    assert_output(&place.cutover(&["resume", "latest"]), 0, &[]);
    assert_eq!(place.done(), "one a 1\nthree a 1\n");
}

#[test]
fn a_directory_without_a_journal_is_not_a_run() {
    let place = Place::new();
    let id = place.begin(&[]);
    fs::create_dir(place.directory("20990101-000000-words")).expect("a directory");
    assert_output(&place.cutover(&["resume", "latest"]), 3, &[&format!("resuming run {id}: ")]);
    for command in ["report", "resume", "undo"] {
        assert_output(&place.cutover(&[command, "20990101-000000-words"]), 2, &["no run `20990101-000000-words`"]);
    }
}

#[test]
fn a_journal_without_its_beginning_is_not_taken_for_a_run_that_did_nothing() {
    let place = Place::new();
    let id = place.begin(&[]);
    let journal = place.directory(&id).join("events.jsonl");
    fs::write(&journal, "").expect("written");
    for command in ["resume", "undo"] {
        assert_output(
            &place.cutover(&[command, &id]),
            2,
            &["the journal is empty", "nothing in it tells what was done"],
        );
    }
    assert_eq!(fs::read_to_string(&journal).expect("a journal"), "", "a refusal leaves it alone");
}

#[test]
fn a_turned_bit_in_the_last_line_is_not_passed_over() {
    let place = Place::new();
    let id = place.begin(&[]);
    let journal = place.directory(&id).join("events.jsonl");
    let text = fs::read_to_string(&journal).expect("a journal");
    let number = text.lines().count();
    let (before, last) = text.trim_end().rsplit_once('\n').expect("lines");
    let changed = last.replacen("\"elapsed_ms\":", "\"elapsed_ms\":1", 1);
    fs::write(&journal, format!("{before}\n{changed}\n")).expect("written");
    let words = format!("line {number} of the journal: it was changed after it was written");
    for command in ["resume", "undo"] {
        assert_output(&place.cutover(&[command, &id]), 2, &[&words]);
    }
}

#[test]
fn only_its_owner_reads_a_run() {
    use std::os::unix::fs::PermissionsExt as _;

    let place = Place::new();
    let id = place.begin(&[]);
    let mut pending = vec![place.directory(&id)];
    let mut seen = 0;
    while let Some(path) = pending.pop() {
        let found = fs::metadata(&path).expect("it is there");
        seen += 1;
        assert_eq!(found.permissions().mode() & 0o077, 0, "{}", path.display());
        if found.is_dir() {
            pending.extend(fs::read_dir(&path).expect("a directory").map(|entry| entry.expect("an entry").path()));
        }
    }
    assert!(seen >= 5, "{seen}");
}
