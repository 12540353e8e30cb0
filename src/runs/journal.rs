//! The one reader of journals. A line that is not an event of this version is never dropped silently: what only shows a run
//! shows a notice in its place, and what goes on with a run refuses.

use std::fs;
use std::io::{self, ErrorKind};

use cutover_engine::event::{Event, EventKind, VERSION, Verb};
use cutover_engine::journal::{self, EVENTS};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::StoredRun;

/// What a journal holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Record {
    events: Vec<Event>,
    /// What is wrong with it, in words.
    faults: Vec<String>,
    /// The bytes of a last line that was cut off: of a write that a crash interrupted, and that nothing was built on.
    torn: usize,
}

impl StoredRun {
    /// Reads its journal.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn read(&self) -> io::Result<Record> {
        let failed =
            |error: io::Error| io::Error::new(error.kind(), format!("cannot read {}: {error}", self.journal.display()));
        let mut record = Record::of(&fs::read(&self.journal).map_err(failed)?);
        // The engine has the last word on whether a whole journal can be gone on with; for a file of another name it has none.
        if record.faults.is_empty() && self.journal == self.directory.join(EVENTS) {
            match journal::read(&self.directory) {
                Err(error) if error.kind() == ErrorKind::InvalidData && record.torn == 0 => {
                    record.distrust(format!("the journal cannot be relied on: {error}"));
                }
                Err(error) if error.kind() != ErrorKind::InvalidData => return Err(failed(error)),
                _ => {}
            }
        }
        Ok(record)
    }

    /// The first and the last event, as far as they can be read.
    pub(super) fn ends(&self) -> (Option<Event>, Option<Event>) {
        let bytes = fs::read(&self.journal).unwrap_or_default();
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(&[][..], |end| &bytes[..end]);
        let event = |line: Option<&[u8]>| event(&String::from_utf8_lossy(line?)).ok();
        let mut lines = whole.split(|byte| *byte == b'\n');
        (event(lines.clone().next()), event(lines.next_back()))
    }

    /// Whether it took place in a simulated world.
    pub(crate) fn is_rehearsal(&self) -> bool {
        let begun = || self.ends().0.is_some_and(|event| rehearsed(&event));
        self.manifest().map_or_else(|_| begun(), |manifest| manifest.rehearsal)
    }
}

impl Record {
    /// Reads a journal's bytes.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let mut record = Self { torn: bytes.len() - whole, ..Self::default() };
        for (index, line) in String::from_utf8_lossy(&bytes[..whole]).lines().enumerate() {
            match event(line) {
                Ok(event) => record.events.push(event),
                Err(why) => {
                    let words = format!("line {} of the journal {why}", index + 1);
                    record.events.push(stand_in(line, words.clone(), record.events.last()));
                    record.faults.push(words);
                }
            }
        }
        record
    }

    /// Its events, if all of it can be relied on.
    ///
    /// # Errors
    /// The first thing that is wrong, in the words in which a report shows it.
    pub(crate) fn whole(self) -> Result<Vec<Event>, String> {
        match self.faults.into_iter().next() {
            Some(fault) => Err(fault),
            None => Ok(self.events),
        }
    }

    /// What is wrong with it.
    pub(crate) fn fault(&self) -> Option<&str> {
        self.faults.first().map(String::as_str)
    }

    /// Everything that can be shown: its events, and notices of what is not one.
    pub(crate) fn shown(mut self) -> Vec<Event> {
        if self.torn > 0 {
            self.notice(format!("the journal's last line was cut off after {} bytes and is left out", self.torn));
        }
        self.events
    }

    fn distrust(&mut self, words: String) {
        self.notice(words.clone());
        self.faults.push(words);
    }

    fn notice(&mut self, message: String) {
        if let Some(last) = self.events.last() {
            self.events.push(Event { kind: EventKind::Notice { message: message.into() }, ..last.clone() });
        }
    }
}

/// Whether an event begins a rehearsal.
fn rehearsed(event: &Event) -> bool {
    matches!(&event.kind, EventKind::RunStarted { verb, .. } if *verb == Verb::Rehearse)
}

/// Reads a line, or says what it is instead of an event of this version.
fn event(line: &str) -> Result<Event, String> {
    // The line that the parser counts is always the first one, and the journal's is said already.
    let place = |error: serde_json::Error| error.to_string().replace(" at line 1 column ", " at column ");
    let value: Value = serde_json::from_str(line).map_err(|error| format!("is not an event: {}", place(error)))?;
    let version = value.get("v").and_then(Value::as_u64);
    if version.is_some_and(|version| version != u64::from(VERSION)) {
        let version = version.unwrap_or_default();
        return Err(format!("is in format {version}, and this version reads format {VERSION}"));
    }
    Event::deserialize(&value).map_err(|error| {
        let error = error.to_string();
        match value.get("kind").and_then(Value::as_str) {
            Some(kind) if error.starts_with(&format!("unknown variant `{kind}`")) => {
                format!("is an event of a kind that this version does not know: {kind}")
            }
            Some(kind) => format!("is an event of the kind {kind} that cannot be read: {error}"),
            None => format!("is not an event: {error}"),
        }
    })
}

/// The notice that stands for a line that is not an event, at its own time if it has one.
fn stand_in(line: &str, message: String, before: Option<&Event>) -> Event {
    let value = serde_json::from_str::<Value>(line).unwrap_or(Value::Null);
    let number = |name: &str, before: Option<u64>| value.get(name).and_then(Value::as_u64).or(before).unwrap_or(0);
    let at = value.get("at").and_then(Value::as_str).and_then(|at| at.parse::<Timestamp>().ok());
    Event {
        v: VERSION,
        seq: number("seq", before.map(|event| event.seq)),
        at: at.or(before.map(|event| event.at)).unwrap_or(Timestamp::UNIX_EPOCH),
        elapsed_ms: number("elapsed_ms", before.map(|event| event.elapsed_ms)),
        run: before.map(|event| event.run.clone()).unwrap_or_default(),
        prev: None,
        epoch: None,
        hidden: Vec::new(),
        kind: EventKind::Notice { message: message.into() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A journal of the format that this version writes.
    const JOURNAL: &str = include_str!("../../examples/eventful.jsonl");

    #[test]
    fn strange_lines_become_notices_at_their_own_time_and_nothing_is_whole_with_them() {
        let mut text: String = JOURNAL.lines().take(2).map(|line| line.to_owned() + "\n").collect();
        text += "not json\n";
        text += r#"{"v":1,"seq":77,"at":"2030-01-01T00:00:00Z","elapsed_ms":4000,"run":"r","kind":"teleported"}"#;
        text += "\n{\"v\":1,\"seq\":4,\"at";
        let record = Record::of(text.as_bytes());
        let first = "line 3 of the journal is not an event: expected ident at column 2";
        assert_eq!((record.fault(), record.torn), (Some(first), 18));
        assert_eq!(record.clone().whole(), Err(first.to_owned()));
        let events = record.shown();
        let notices: Vec<String> = events[2..]
            .iter()
            .map(|event| match &event.kind {
                EventKind::Notice { message } => message.to_string(),
                other => panic!("{other:?}"),
            })
            .collect();
        let second = "line 4 of the journal is an event of a kind that this version does not know: teleported";
        let third = "the journal's last line was cut off after 18 bytes and is left out";
        assert_eq!(notices, [first, second, third]);
        assert_eq!((events[3].seq, events[3].elapsed_ms), (77, 4000));
    }

    #[test]
    fn a_whole_journal_is_whole_and_a_torn_end_does_not_spoil_it() {
        let events = Record::of(JOURNAL.as_bytes()).whole().expect("all of it");
        assert_eq!(events.len(), JOURNAL.lines().count());
        let torn = [JOURNAL.as_bytes(), b"{\"v\":1,\"se\xc3"].concat();
        assert_eq!(Record::of(&torn).whole(), Ok(events));
        // A last line that was written to its end is not torn, whatever it says.
        assert!(Record::of(b"{\"v\":1,\"kind\":\"teleported\"}\n").whole().is_err());
    }
}
