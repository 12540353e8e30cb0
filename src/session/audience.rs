//! Who watches an execution. The reporter reads on a thread of its own: a terminal that is frozen, or a pipe that nobody reads,
//! holds no run up. At the end it is waited for, but not for ever.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cutover_engine::event::Event;
use cutover_engine::execute::Stop;
use cutover_engine::record::{Follower, Reader};

use crate::reporters::{Reporter, Screen};
use crate::terminal;

/// How long a reporter may take over one event when everything else is over.
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

/// A reporter at work. Waits for it when it is dropped, if nobody has done so before.
pub(crate) struct Audience {
    follower: Follower,
    screen: Screen,
    journal: PathBuf,
    stop: Stop,
    waited: bool,
}

impl Audience {
    /// Lets a reporter read what is recorded in a journal. What it reads has to be given to the recorder, and is in the second
    /// place so that it is dropped first.
    ///
    /// # Errors
    /// The system has no thread for it.
    pub(crate) fn new(
        reporter: Box<dyn Reporter + Send>,
        journal: &Path,
        stop: &Stop,
    ) -> io::Result<(Self, Box<dyn Reader>)> {
        let screen = reporter.screen();
        let journal = journal.to_owned();
        let (feed, follower) = Follower::new(Box::new(Watched(reporter)), Some(journal.clone()))?;
        let screen = screen.after(follower.clone());
        Ok((Self { follower, screen, journal, stop: stop.clone(), waited: false }, Box::new(feed)))
    }

    /// The reporter's screen.
    pub(crate) fn screen(&self) -> Screen {
        self.screen.clone()
    }

    /// Waits until the reporter has shown everything. If its output is not taken, that is said on standard error, and `false`
    /// is returned: nobody is there to read what else there is to say.
    pub(crate) fn end(&mut self) -> bool {
        self.waited = true;
        let patience = || if self.stop.hard.is_cancelled() { HURRY } else { PATIENCE };
        let ended = self.follower.end(patience);
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
