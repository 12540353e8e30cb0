//! Reads journals back. A journal is an unbroken sequence of one run's events in this version's format; anything else is refused.

use std::fs;
use std::io;
use std::path::Path;

use serde::Deserialize as _;
use serde_json::Value;

use super::EVENTS;
use super::chain::Chain;
use crate::event::{Event, VERSION};

/// The content of a journal.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recorded {
    /// Its events, up to the first line that cannot be relied on.
    pub events: Vec<Event>,
    /// The number of that line, from 1, and what is wrong with it.
    pub complaint: Option<(usize, String)>,
    /// The length of an unterminated last line, in bytes: a crash tore it, and nothing was built on it.
    pub torn: usize,
}

/// Reads the events of a run's directory. A torn last line is skipped.
///
/// # Errors
/// The journal cannot be read, or not all of it can be relied on: [`io::ErrorKind::InvalidData`], with the file, the line and
/// why.
pub fn read(directory: &Path) -> io::Result<Vec<Event>> {
    let path = directory.join(EVENTS);
    let recorded = read_file(&path)?;
    match recorded.complaint {
        None => Ok(recorded.events),
        Some((line, why)) => {
            Err(io::Error::new(io::ErrorKind::InvalidData, format!("{}:{line}: {why}", path.display())))
        }
    }
}

/// Reads a journal as far as it can be relied on.
///
/// # Errors
/// The file cannot be read.
pub fn read_file(path: &Path) -> io::Result<Recorded> {
    Ok(Recorded::of(&fs::read(path)?))
}

impl Recorded {
    /// Reads a journal's bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let whole = whole(bytes);
        let mut recorded = Self { torn: bytes.len() - whole, ..Self::default() };
        let mut chain = Chain::default();
        for (index, line) in bytes[..whole].split_inclusive(|byte| *byte == b'\n').enumerate() {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            let event = event(line).and_then(|event| recorded.follows(&event).map(|()| event));
            match event.and_then(|event| chain.holds(line).map(|()| event)) {
                Ok(event) => {
                    recorded.events.push(event);
                    chain.written(line);
                }
                Err(why) => {
                    recorded.complaint = Some((index + 1, why));
                    break;
                }
            }
        }
        recorded
    }

    /// Whether an event may come after those before it.
    fn follows(&self, event: &Event) -> Result<(), String> {
        let Event { seq, run, .. } = event;
        let last = self.events.last();
        if let Some(first) = self.events.first().filter(|first| first.run != *run) {
            return Err(format!("this is an event of run `{run}`, and the journal is of run `{}`", first.run));
        }
        let expected = last.map_or(1, |last| last.seq + 1);
        match seq.cmp(&expected) {
            std::cmp::Ordering::Equal => Ok(()),
            std::cmp::Ordering::Greater if *seq == expected + 1 => {
                Err(format!("event {expected} is missing before it"))
            }
            std::cmp::Ordering::Greater => Err(format!("the events {expected} to {} are missing before it", seq - 1)),
            std::cmp::Ordering::Less => Err(format!("event {seq} stands here again, after event {}", expected - 1)),
        }
    }
}

/// The length of a journal without the last line that a crash tore: one without its newline, or one that is not text, since the
/// system lost a part of it. Whoever waited until it was stored has not got an answer, so nothing was built on it.
pub(super) fn whole(bytes: &[u8]) -> usize {
    let end = |bytes: &[u8]| bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let whole = end(bytes);
    let last = whole.checked_sub(1).map_or(0, |newline| end(&bytes[..newline]));
    if bytes[last..whole].contains(&0) { last } else { whole }
}

/// Reads a line; the error is the reason why it is not an event of this version.
fn event(line: &[u8]) -> Result<Event, String> {
    // The parser only sees one line; its line number would be 1 every time, so it is dropped.
    let place = |error: String| error.replace(" at line 1 column ", " at column ");
    let value: Value =
        serde_json::from_slice(line).map_err(|error| format!("this is not an event: {}", place(error.to_string())))?;
    let written =
        value.get("version").and_then(Value::as_str).map_or_else(String::new, |version| format!(" {version}"));
    match value.get("v").and_then(Value::as_u64) {
        Some(version) if version == u64::from(VERSION) => {}
        Some(version @ ..2) => {
            return Err(format!(
                "written by an older cutover{written} (event format {version}): this one reads format {VERSION} only; use the \
                 version that began the run"
            ));
        }
        Some(version) => {
            return Err(format!(
                "written by a newer cutover{written} (event format {version}): this one reads format {VERSION} only; use the \
                 version that wrote it"
            ));
        }
        None => return Err("this is not an event: it has no format version `v`".to_owned()),
    }
    Event::deserialize(&value).map_err(|error| {
        let error = error.to_string();
        match value.get("kind").and_then(Value::as_str) {
            Some(kind) if error.starts_with(&format!("unknown variant `{kind}`")) => {
                format!("this version does not know events of the kind `{kind}`")
            }
            Some(kind) => format!("this event of the kind `{kind}` cannot be read: {error}"),
            None => format!("this is not an event: {error}"),
        }
    })
}
