//! The journal of a run: one JSON line for each event, in a directory of its own beside copies of what was run.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use crate::event::Event;
use crate::record::Journal;

/// The name of the file in a run's directory.
pub const EVENTS: &str = "events.jsonl";

/// A journal in a file. Held under a lock, so that no second controller on this host writes to it.
pub struct FileJournal {
    file: File,
    sync: bool,
}

impl FileJournal {
    /// Begins a journal in a run's directory, which is made. `sync` says whether durable events are flushed to the disk.
    ///
    /// # Errors
    /// The directory cannot be made, or the journal exists.
    pub fn create(directory: &Path, sync: bool) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let path = directory.join(EVENTS);
        let file = OpenOptions::new().append(true).create_new(true).open(path)?;
        Self::locked(file, sync)
    }

    /// Goes on with a journal. A torn last line, left by a crash, is cut off first.
    ///
    /// # Errors
    /// There is none, or another process holds it ([`io::ErrorKind::WouldBlock`]).
    pub fn resume(directory: &Path) -> io::Result<Self> {
        let path = directory.join(EVENTS);
        let file = OpenOptions::new().append(true).read(true).open(&path)?;
        let journal = Self::locked(file, true)?;
        let text = fs::read(&path)?;
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        if whole < text.len() {
            journal.file.set_len(u64::try_from(whole).unwrap_or(u64::MAX))?;
        }
        Ok(journal)
    }

    fn locked(file: File, sync: bool) -> io::Result<Self> {
        file.try_lock().map_err(|error| match error {
            fs::TryLockError::WouldBlock => io::Error::new(io::ErrorKind::WouldBlock, "another process runs it"),
            fs::TryLockError::Error(error) => error,
        })?;
        Ok(Self { file, sync })
    }
}

impl Journal for FileJournal {
    fn append(&mut self, event: &Event, durable: bool) -> io::Result<()> {
        let mut line = serde_json::to_vec(event)?;
        line.push(b'\n');
        // One write for each line: a crash tears at most the last one.
        self.file.write_all(&line)?;
        if durable && self.sync { self.file.sync_data() } else { Ok(()) }
    }
}

/// Reads the events of a run's directory. A torn last line is passed over.
///
/// # Errors
/// The journal cannot be read, or a line before the last is no event.
pub fn read(directory: &Path) -> io::Result<Vec<Event>> {
    let path: PathBuf = directory.join(EVENTS);
    let mut lines = BufReader::new(File::open(&path)?).lines().enumerate().peekable();
    let mut events = Vec::new();
    while let Some((number, line)) = lines.next() {
        let line = line?;
        match serde_json::from_str(&line) {
            Ok(event) => events.push(event),
            Err(_) if lines.peek().is_none() => break,
            Err(error) => {
                let words = format!("{}:{}: {error}", path.display(), number + 1);
                return Err(io::Error::new(io::ErrorKind::InvalidData, words));
            }
        }
    }
    Ok(events)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::event::EventKind;

    fn notice(seq: u64) -> Event {
        let kind = EventKind::Notice { message: format!("event {seq}").into() };
        Event {
            v: 2,
            seq,
            at: Timestamp::UNIX_EPOCH,
            elapsed_ms: seq,
            run: "r".into(),
            prev: None,
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
}
