//! What an execution shows, and where: in the reporter's lines, and beside them.

use std::cell::Cell;
use std::io::{self, IsTerminal as _};
use std::path::Path;

use cutover_engine::event::Event;
use cutover_engine::execute::Stop;
use cutover_engine::record::Reader;
use cutover_report::{OutputKind, Style, Width};

use crate::audience::Audience;
use crate::signals::StopMessages;
use crate::terminal;

/// What an execution shows and where.
pub struct Show {
    kind: OutputKind,
    style: Style,
    /// Nobody reads standard output any more.
    unread: Cell<bool>,
}

impl Show {
    /// As was asked for, and as the terminal says.
    pub fn new(wanted: Option<OutputKind>) -> Self {
        let terminal = io::stdout().is_terminal();
        let kind = wanted.unwrap_or(if terminal { OutputKind::Live } else { OutputKind::Plain });
        let width = if terminal { Width::Terminal(console::Term::stdout()) } else { Width::Columns(120) };
        let github = std::env::var_os("GITHUB_ACTIONS").is_some();
        Self { kind, style: Style { color: console::colors_enabled(), width, github }, unread: Cell::new(false) }
    }

    /// Whether words for people may be printed on standard output.
    pub fn for_people(&self) -> bool {
        self.kind != OutputKind::Json
    }

    /// What is printed beside the reporter: nothing, if its lines are on the terminal.
    pub fn beside(&self, messages: StopMessages) -> Option<StopMessages> {
        Some(messages).filter(|_| !self.for_people() || !io::stdout().is_terminal())
    }

    /// A reporter of what is recorded in a journal, and what has to be given to the recorder for it.
    ///
    /// # Errors
    /// The system has no thread for it.
    pub fn reporter(&self, journal: &Path, stop: &Stop) -> io::Result<(Audience, Box<dyn Reader>)> {
        self.reporter_after(&[], journal, stop)
    }

    /// The same, for an execution that goes on from earlier ones: their clock, and what they have changed.
    ///
    /// # Errors
    /// The system has no thread for it.
    pub fn reporter_after(
        &self,
        earlier: &[Event],
        journal: &Path,
        stop: &Stop,
    ) -> io::Result<(Audience, Box<dyn Reader>)> {
        Audience::new(self.kind, self.style.clone(), earlier, journal, stop)
    }

    /// Waits for a reporter. If its output is not taken, what is printed afterwards goes to standard error.
    pub fn wait(&self, audience: &mut Audience) {
        self.unread.set(!audience.end());
    }

    /// The same, while signals are still listened to on the only thread that there is.
    ///
    /// # Errors
    /// The reporter's end cannot be waited for.
    pub async fn wait_beside(&self, mut audience: Audience) -> anyhow::Result<()> {
        // A simulated clock does not run on as long as something runs here.
        let ended = tokio::task::spawn_blocking(move || audience.end()).await?;
        self.unread.set(!ended);
        Ok(())
    }

    /// Says something beside the reporter: on standard output for people, on standard error otherwise. A reader who does not
    /// read does not keep the program.
    pub fn say(&self, text: &str) {
        if self.for_people() && !self.unread.get() {
            terminal::offer_output(text)
        } else {
            terminal::offer(text)
        };
    }
}
