//! The journal of a run as a file: one JSON line for each event, in a directory of its own beside copies of the run's files.
//! Reading it back is in `read`.

mod chain;
mod read;
#[cfg(test)]
mod tests;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use chain::Chain;
pub use read::{Recorded, read, read_file};

use crate::event::Event;
use crate::record::Journal;

/// The name of the file in a run's directory.
pub const EVENTS: &str = "events.jsonl";

/// A journal in a file. Held under a lock, so that no second controller on this host writes to it.
pub struct FileJournal {
    file: File,
    /// Where it is; `None` until its directory has its final name.
    path: Option<PathBuf>,
    sync: bool,
    chain: Chain,
}

impl FileJournal {
    /// Begins a journal in a run's directory, which is created. With `sync`, durable events are flushed to the disk.
    ///
    /// # Errors
    /// The directory cannot be created, or the journal exists.
    pub fn create(directory: &Path, sync: bool) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let path = directory.join(EVENTS);
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(path)?;
        Self::locked(file, sync)
    }

    /// The directory in which it is from now on. Its durable events have to be there.
    #[must_use]
    pub fn at(self, directory: &Path) -> Self {
        Self { path: Some(directory.join(EVENTS)), ..self }
    }

    /// Opens an existing journal to append to it. A torn last line, left by a crash, is cut off first.
    ///
    /// # Errors
    /// There is no journal, or another process holds it ([`io::ErrorKind::WouldBlock`]).
    pub fn resume(directory: &Path) -> io::Result<Self> {
        let path = directory.join(EVENTS);
        let file = OpenOptions::new().append(true).read(true).open(&path)?;
        let mut journal = Self::locked(file, true)?.at(directory);
        let text = fs::read(&path)?;
        let whole = read::whole(&text);
        if whole < text.len() {
            journal.file.set_len(u64::try_from(whole).unwrap_or(u64::MAX))?;
        }
        if let Some(line) = text[..whole].split_inclusive(|byte| *byte == b'\n').next_back() {
            journal.chain.written(line);
        }
        Ok(journal)
    }

    fn locked(file: File, sync: bool) -> io::Result<Self> {
        file.try_lock().map_err(|error| match error {
            fs::TryLockError::WouldBlock => io::Error::new(io::ErrorKind::WouldBlock, "another process runs it"),
            fs::TryLockError::Error(error) => error,
        })?;
        Ok(Self { file, path: None, sync, chain: Chain::default() })
    }

    /// Whether whoever looks for the journal finds this file.
    ///
    /// # Errors
    /// It was deleted, moved or replaced.
    fn is_found(&self) -> io::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let (own, found) = (self.file.metadata()?, fs::metadata(path).ok());
        let same = found.is_some_and(|found| (found.dev(), found.ino()) == (own.dev(), own.ino()));
        let gone = || format!("{} was deleted, moved or replaced while it was written", path.display());
        if same { Ok(()) } else { Err(io::Error::new(io::ErrorKind::NotFound, gone())) }
    }
}

impl Journal for FileJournal {
    fn append(&mut self, event: &Event, durable: bool) -> io::Result<()> {
        let line = self.chain.line(event)?;
        // One write for each line: a crash tears at most the last one.
        self.file.write_all(&line)?;
        self.chain.written(&line);
        if !durable || !self.sync {
            return Ok(());
        }
        self.file.sync_data()?;
        self.is_found()
    }
}
