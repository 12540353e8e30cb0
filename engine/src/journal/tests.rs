use crate::text::Text;
use jiff::Timestamp;

use super::*;
use crate::event::EventKind;

fn notice(seq: u64) -> Event {
    let kind = EventKind::Notice { message: Text::verbatim(format!("event {seq}")) };
    Event {
        v: 2,
        seq,
        at: Timestamp::UNIX_EPOCH,
        elapsed_ms: seq,
        run: "r".into(),
        epoch: None,
        hidden: Vec::new(),
        kind,
    }
}

#[test]
fn a_torn_last_line_is_cut_off() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("run");
    let mut journal = FileJournal::create(&path, true).unwrap();
    journal.append(&notice(1), true).unwrap();
    drop(journal);
    let mut file = OpenOptions::new().append(true).open(path.join(EVENTS)).unwrap();
    file.write_all(b"{\"v\":1,\"seq\":2,\"at").unwrap();
    drop(file);
    assert_eq!(read(&path).unwrap(), [notice(1)]);
    let mut journal = FileJournal::resume(&path).unwrap();
    journal.append(&notice(2), true).unwrap();
    assert_eq!(read(&path).unwrap(), [notice(1), notice(2)]);
}

#[test]
fn a_second_controller_is_locked_out() {
    let directory = tempfile::tempdir().unwrap();
    let first = FileJournal::create(directory.path(), true).unwrap();
    let second = FileJournal::resume(directory.path()).err().map(|error| error.kind());
    assert_eq!(second, Some(io::ErrorKind::WouldBlock));
    drop(first);
    assert!(FileJournal::resume(directory.path()).is_ok());
    assert!(FileJournal::create(directory.path(), true).is_err(), "a journal is never begun twice");
}

#[test]
fn a_broken_line_in_the_middle_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join(EVENTS), "not json\n{}\n").unwrap();
    assert!(read(directory.path()).unwrap_err().to_string().contains("events.jsonl:1"));
}

fn lines(events: &[Event]) -> String {
    events.iter().map(|event| serde_json::to_string(event).unwrap() + "\n").collect()
}

#[test]
fn only_an_unbroken_list_of_one_runs_events_is_a_journal() {
    let good = [notice(1), notice(2)];
    let other = Event { run: "another".into(), ..notice(3) };
    let line = |text: &str| lines(&good) + text + "\n" + &lines(&[notice(4)]);
    let replaced = |from: &str, to: &str| line(lines(&[notice(3)]).trim().replacen(from, to, 1).as_str());
    let newer =
        "written by a newer cutover (event format 3): this one reads format 2 only; use the version that wrote it";
    for (text, why) in [
        (lines(&[notice(1), notice(2), notice(4)]), "event 3 is missing before it"),
        (lines(&[notice(1), notice(2), notice(6)]), "the events 3 to 5 are missing before it"),
        (lines(&[notice(1), notice(2), notice(2)]), "event 2 stands here again, after event 2"),
        (lines(&[notice(1), notice(2), notice(1)]), "event 1 stands here again, after event 2"),
        (lines(&good) + &lines(&[other]), "this is an event of run `another`, and the journal is of run `r`"),
        (line("garbage"), "this is not an event: expected value at column 1"),
        (line(""), "this is not an event: EOF while parsing a value at column 0"),
        (line("{}"), "this is not an event: it has no format version `v`"),
        (replaced("\"v\":2", "\"v\":3"), newer),
        (replaced("\"notice\"", "\"teleported\""), "this version does not know events of the kind `teleported`"),
        (
            replaced("\"message\"", "\"words\""),
            "this event of the kind `notice` cannot be read: missing field `message`",
        ),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(EVENTS);
        fs::write(&path, &text).unwrap();
        let error = read(directory.path()).unwrap_err();
        assert_eq!(error.to_string(), format!("{}:3: {why}", path.display()));
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        let recorded = read_file(&path).unwrap();
        assert_eq!(recorded, Recorded { events: good.to_vec(), complaint: Some((3, why.to_owned())), torn: 0 });
    }
}

#[test]
fn a_journal_of_format_1_is_refused_in_words() {
    let begun = r#"{"v":1,"seq":1,"at":"2030-01-01T00:00:00Z","elapsed_ms":0,"run":"r","kind":"run_started","version":"0.0.9"}"#;
    let recorded = Recorded::of(format!("{begun}\n").as_bytes());
    let why = "written by an older cutover 0.0.9 (event format 1): this one reads format 2 only; use the version that began \
               the run";
    assert_eq!(recorded, Recorded { complaint: Some((1, why.to_owned())), ..Recorded::default() });
}

#[test]
fn what_a_crash_can_leave_at_the_end_does_not_spoil_a_journal() {
    let whole = lines(&[notice(1), notice(2)]);
    let third = lines(&[notice(3)]);
    for end in [&b""[..], &third.as_bytes()[..20], third.trim_end().as_bytes(), b"\0\0\0", b"{\"v\":2,\"se\xc3"] {
        let recorded = Recorded::of(&[whole.as_bytes(), end].concat());
        let expected = Recorded { events: vec![notice(1), notice(2)], complaint: None, torn: end.len() };
        assert_eq!(recorded, expected);
    }
    // A line with its newline is complete, whatever its content.
    assert!(Recorded::of(b"{\"v\":2,\"se\n").complaint.is_some());
    assert_eq!(Recorded::of(b""), Recorded::default());
}

/// A journal of four events, as it is in its file.
fn written() -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let mut journal = FileJournal::create(directory.path(), true).unwrap().at(directory.path());
    (1..=2).for_each(|seq| journal.append(&notice(seq), true).unwrap());
    drop(journal);
    // The chain goes on in another process.
    let mut journal = FileJournal::resume(directory.path()).unwrap();
    (3..=4).for_each(|seq| journal.append(&notice(seq), true).unwrap());
    fs::read(directory.path().join(EVENTS)).unwrap()
}

#[test]
fn no_bit_is_turned_unnoticed() {
    let good = written();
    let read = Recorded::of(&good);
    assert_eq!((read.events.len(), read.complaint, read.torn), (4, None, 0));
    for bit in 0..good.len() * 8 {
        let mut bytes = good.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let read = Recorded::of(&bytes);
        // The last newline alone makes a torn line.
        assert!(read.complaint.is_some() || read.torn > 0, "bit {bit}: {}", String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn no_line_is_lost_moved_doubled_or_put_in_unnoticed() {
    let good = written();
    let lines: Vec<&[u8]> = good.split_inclusive(|byte| *byte == b'\n').collect();
    let unchained = lines_of(&notice(3));
    for (order, why) in [
        (vec![lines[0], lines[2], lines[3]], "event 2 is missing before it"),
        (vec![lines[0], lines[0], lines[1]], "event 1 stands here again, after event 1"),
        (vec![lines[0], lines[1], &unchained, lines[3]], "it has no digest, and the line before it has one"),
        (vec![lines[1], lines[2]], "event 1 is missing before it"),
    ] {
        let (_, complaint) = Recorded::of(&order.concat()).complaint.unwrap();
        assert!(complaint.contains(why), "{complaint}");
    }
    // A line of another run of the same name, with the right number.
    let mut other = Chain::default();
    [notice(1), Event { elapsed_ms: 99, ..notice(2) }].iter().for_each(|event| {
        let line = other.line(event).unwrap();
        other.written(&line);
    });
    let third = other.line(&notice(3)).unwrap();
    let (line, complaint) = Recorded::of(&[lines[0], lines[1], &third].concat()).complaint.unwrap();
    assert_eq!((line, complaint.as_str()), (3, "it was not written after the line that stands before it"));
}

fn lines_of(event: &Event) -> Vec<u8> {
    lines(std::slice::from_ref(event)).into_bytes()
}

#[test]
fn a_last_line_of_which_the_system_has_lost_a_part_is_cut_off() {
    let directory = tempfile::tempdir().unwrap();
    let mut bytes = written();
    let whole = bytes.len();
    let last = bytes.iter().rev().skip(1).position(|byte| *byte == b'\n').unwrap();
    let begin = whole - 1 - last;
    bytes[begin..begin + 40].fill(0);
    fs::write(directory.path().join(EVENTS), &bytes).unwrap();
    assert_eq!(read(directory.path()).unwrap().len(), 3);
    let mut journal = FileJournal::resume(directory.path()).unwrap();
    journal.append(&notice(4), true).unwrap();
    assert_eq!(read(directory.path()).unwrap().len(), 4);
}

#[test]
fn a_journal_that_nobody_finds_is_not_written_on() {
    let directory = tempfile::tempdir().unwrap();
    let (path, moved) = (directory.path().join("run"), directory.path().join("moved"));
    let mut journal = FileJournal::create(&path, true).unwrap().at(&path);
    journal.append(&notice(1), true).unwrap();
    fs::rename(&path, &moved).unwrap();
    assert!(journal.append(&notice(2), true).unwrap_err().to_string().contains("was deleted, moved or replaced"));
    drop(journal);
    let mut journal = FileJournal::resume(&moved).unwrap();
    fs::copy(moved.join(EVENTS), moved.join("copy")).unwrap();
    fs::rename(moved.join("copy"), moved.join(EVENTS)).unwrap();
    assert!(journal.append(&notice(3), true).is_err(), "another file is in its place");
    fs::remove_dir_all(&moved).unwrap();
    assert!(journal.append(&notice(4), true).is_err());
}

#[test]
fn a_journal_without_digests_is_read_and_continued_with_them() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join(EVENTS), lines(&[notice(1), notice(2)])).unwrap();
    FileJournal::resume(directory.path()).unwrap().append(&notice(3), true).unwrap();
    assert_eq!(read(directory.path()).unwrap(), [notice(1), notice(2), notice(3)]);
    let text = fs::read_to_string(directory.path().join(EVENTS)).unwrap();
    fs::write(directory.path().join(EVENTS), text.replacen("event 2", "event 9", 1)).unwrap();
    assert!(read(directory.path()).unwrap_err().to_string().contains("not written after the line"));
}
