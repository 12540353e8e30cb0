//! Who watches an execution. The reporter reads on a thread of its own: a terminal that is frozen, or a pipe that nobody reads,
//! holds no run up. At the end it is waited for, but not for ever.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cutover_engine::event::Event;
use cutover_engine::execute::Stop;
use cutover_engine::record::{Follower, Reader};
use cutover_report::{OutputKind, Reporter, Style, reporter};

use crate::screen::Screen;
use crate::terminal;

/// How long nothing of the output may be taken when everything else is over.
const PATIENCE: Duration = Duration::from_secs(5);
/// The same, once the run was stopped at once.
const HURRY: Duration = Duration::from_secs(1);

/// Shows the engine's events by a reporter.
struct Watched(Box<dyn Reporter + Send>);

impl Reader for Watched {
    fn event(&mut self, event: &Event) {
        self.0.event(event);
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.0.finish();
    }
}

/// The most that is written at once, in bytes: as long as some of it is taken, somebody reads.
const PIECE: usize = 4096;

/// Standard output, and how much of it was taken so far.
#[derive(Default)]
struct Counted(Arc<AtomicU64>);

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = io::stdout().write(&bytes[..bytes.len().min(PIECE)])?;
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush()
    }
}

/// A reporter at work. Waits for it when it is dropped, if nobody has done so before.
pub struct Audience {
    follower: Follower,
    taken: Arc<AtomicU64>,
    screen: Screen,
    journal: PathBuf,
    stop: Stop,
    waited: bool,
}

impl Audience {
    /// Lets a reporter read what is recorded in a journal. What it reads has to be given to the recorder, and is in the second
    /// place so that it is dropped first. `earlier` is what the executions before it have recorded.
    ///
    /// # Errors
    /// The system has no thread for it.
    pub fn new(
        kind: OutputKind,
        style: Style,
        earlier: &[Event],
        journal: &Path,
        stop: &Stop,
    ) -> io::Result<(Self, Box<dyn Reader>)> {
        let out = Counted::default();
        let taken = Arc::clone(&out.0);
        let mut reporter = reporter(kind, Box::new(out), style);
        reporter.recall(earlier);
        let (shown, journal) = (reporter.screen(), journal.to_owned());
        let (feed, follower) = Follower::new(Box::new(Watched(reporter)), Some(journal.clone()))?;
        let screen = Screen::new(shown, follower.clone());
        Ok((Self { follower, taken, screen, journal, stop: stop.clone(), waited: false }, Box::new(feed)))
    }

    /// The reporter's screen.
    pub fn screen(&self) -> Screen {
        self.screen.clone()
    }

    /// Waits until the reporter has shown everything. If its output is not taken, that is reported on standard error, and `false`
    /// is returned: nobody is there to read what else there is to say.
    pub fn end(&mut self) -> bool {
        self.waited = true;
        let (mut taken, mut since) = (0, Instant::now());
        let ended = self.follower.end(|idle| {
            let now = self.taken.load(Ordering::Relaxed);
            if now != taken {
                (taken, since) = (now, Instant::now());
            }
            idle.min(since.elapsed()) >= if self.stop.hard.is_cancelled() { HURRY } else { PATIENCE }
        });
        if !ended {
            let journal = self.journal.display();
            terminal::offer(&format!("\nnobody reads the output, so not all of it was written; it is in {journal}\n"));
        }
        ended
    }
}

impl Drop for Audience {
    fn drop(&mut self) {
        if !self.waited {
            self.end();
        }
    }
}
