//! The journal of a run as a file: one JSON line for each event, in a directory of its own beside copies of the run's files.
//! Reading it back is in `read`.

mod read;
#[cfg(test)]
mod tests;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

pub use read::{Recorded, read, read_file};

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
    /// Begins a journal in a run's directory, which is created. With `sync`, durable events are flushed to the disk.
    ///
    /// # Errors
    /// The directory cannot be created, or the journal exists.
    pub fn create(directory: &Path, sync: bool) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let path = directory.join(EVENTS);
        let file = OpenOptions::new().append(true).create_new(true).open(path)?;
        Self::locked(file, sync)
    }

    /// Opens an existing journal to append to it. A torn last line, left by a crash, is cut off first.
    ///
    /// # Errors
    /// There is no journal, or another process holds it ([`io::ErrorKind::WouldBlock`]).
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
