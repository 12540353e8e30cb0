//! One execution at the command line: who watches it, who approves its gates, where it is recorded, how it is stopped.

mod approve;
mod audience;
mod earlier;
mod signals;

use std::cell::Cell;
use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cutover_engine::event::{Event, Verb};
use cutover_engine::execute::{Approver, Ending, Ports, Settings, Stop, Tags};
use cutover_engine::journal::FileJournal;
use cutover_engine::record::{Journal, Reader, Recorder};
use cutover_engine::redact::Redactor;
use cutover_engine::run::Run;
use cutover_engine::source::{Fault, Faults};
use cutover_engine::world::World;
use cutover_modules::REGISTRY;
use tokio::runtime::Runtime;

pub(crate) use approve::{Approvals, Granted, operator};
pub(crate) use audience::Audience;
pub(crate) use earlier::Earlier;
pub(crate) use signals::{Said, listen};

use crate::args::{Common, Output, Session};
use crate::exit::Exit;
use crate::reporters::{OutputKind, Style, Width};
use crate::runs::StoredRun;
use crate::{faults, terminal};

/// What an execution shows and where.
pub(crate) struct Show {
    kind: OutputKind,
    style: Style,
    /// Nobody reads standard output any more.
    unread: Cell<bool>,
}

impl Show {
    /// As the options and the terminal say.
    pub(crate) fn new(session: &Session) -> Self {
        let terminal = io::stdout().is_terminal();
        let kind = match session.output {
            Some(Output::Live) => OutputKind::Live,
            Some(Output::Plain) => OutputKind::Plain,
            Some(Output::Json) => OutputKind::Json,
            None if terminal => OutputKind::Live,
            None => OutputKind::Plain,
        };
        let width = if terminal { Width::Terminal(console::Term::stdout()) } else { Width::Columns(120) };
        let github = std::env::var_os("GITHUB_ACTIONS").is_some();
        Self { kind, style: Style { color: console::colors_enabled(), width, github }, unread: Cell::new(false) }
    }

    /// Whether words for people may be printed on standard output.
    pub(crate) fn for_people(&self) -> bool {
        self.kind != OutputKind::Json
    }

    /// A reporter of what is recorded in a journal, and what has to be given to the recorder for it.
    ///
    /// # Errors
    /// The system has no thread for it.
    pub(crate) fn reporter(&self, journal: &Path, stop: &Stop) -> io::Result<(Audience, Box<dyn Reader>)> {
        self.reporter_after(&[], journal, stop)
    }

    /// The same, for an execution that tells of what earlier ones have changed.
    ///
    /// # Errors
    /// The system has no thread for it.
    pub(crate) fn reporter_after(
        &self,
        earlier: &[Event],
        journal: &Path,
        stop: &Stop,
    ) -> io::Result<(Audience, Box<dyn Reader>)> {
        Audience::new(self.kind, self.style.clone(), earlier, journal, stop)
    }

    /// Waits for a reporter. If its output is not taken, what is said afterwards goes to standard error.
    pub(crate) fn wait(&self, audience: &mut Audience) {
        self.unread.set(!audience.end());
    }

    /// The same, while signals are still listened to on the only thread that there is.
    ///
    /// # Errors
    /// The reporter's end cannot be waited for.
    pub(crate) async fn wait_beside(&self, mut audience: Audience) -> anyhow::Result<()> {
        // A simulated clock does not run on as long as something runs here.
        let ended = tokio::task::spawn_blocking(move || audience.end()).await?;
        self.unread.set(!ended);
        Ok(())
    }

    /// Says something beside the reporter: on standard output for people, on standard error otherwise. A reader who does not
    /// read does not keep the program.
    pub(crate) fn say(&self, text: &str) {
        if self.for_people() && !self.unread.get() {
            terminal::offer_output(text)
        } else {
            terminal::offer(text)
        };
    }
}

/// The ports of an execution in the real world. Must be called inside a runtime.
///
/// # Errors
/// The system has no thread for the journal.
pub(crate) fn ports(
    run: &Run,
    world: Arc<dyn World>,
    approver: Arc<dyn Approver>,
    journal: FileJournal,
    reader: Box<dyn Reader>,
    stop: Stop,
) -> io::Result<Ports> {
    let (clock, redactor) = (Arc::clone(&world), Redactor::new(&run.secrets));
    let recorder = Recorder::in_background(&run.id, clock, redactor, vec![Box::new(journal)], vec![reader])?;
    Ok(Ports { registry: REGISTRY, world, approver, recorder, stop })
}

/// The ports of an execution in a simulated world, whose clock stands still while events are written.
pub(crate) fn simulated(
    run: &Run,
    world: Arc<dyn World>,
    journal: Box<dyn Journal>,
    reader: Box<dyn Reader>,
    stop: Stop,
) -> Ports {
    let (clock, redactor) = (Arc::clone(&world), Redactor::new(&run.secrets));
    let recorder = Recorder::new(&run.id, clock, redactor, journal, vec![reader]);
    Ports { registry: REGISTRY, world, approver: Arc::new(Granted), recorder, stop }
}

/// The settings of an execution.
pub(crate) fn settings(verb: Verb, tags: Tags) -> Settings {
    Settings {
        verb,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        operator: None,
        seed: 1,
        tags,
        fail: Vec::new(),
        past: cutover_engine::execute::Past::default(),
        repeat: Vec::new(),
        record_reads: false,
    }
}

/// So long the commands that a stopped run leaves behind have to end.
const SETTLE: Duration = Duration::from_secs(5);

/// Ends the runtime of an execution: what was given up on hosts is ended there; a prompt that nobody answers any more does not
/// keep the program.
pub(crate) fn close(runtime: Runtime, world: &dyn World) {
    let settled = runtime.block_on(async { tokio::time::timeout(SETTLE, world.settle()).await });
    runtime.shutdown_background();
    if settled.is_err() {
        terminal::offer("a command that was stopped could not be ended in time: it may still run on its host\n");
    }
}

/// What can be done about a run that has not ended well.
pub(crate) fn next(exit: Exit, stored: &StoredRun) -> String {
    let run = stored.named();
    match exit {
        Exit::Done | Exit::Wrong => String::new(),
        _ => format!("to go on: cutover resume {run}\nto undo it: cutover undo {run}\n"),
    }
}

/// The tags that the options select.
pub(crate) fn tags(common: &Common) -> Tags {
    Tags { only: common.tags.clone(), skip: common.skip_tags.clone() }
}

/// Shows the place of a failure that the playbook has caused, and gives the exit code.
pub(crate) fn end(ending: &Ending) -> Exit {
    if let Some(failure) = &ending.failure
        && let Some(at) = &failure.at
    {
        let mut fault = Fault::at(at, failure.message.to_string());
        fault.help = failure.help.as_ref().map(ToString::to_string);
        terminal::offer(&faults::shown(&Faults::from(fault), console::colors_enabled_stderr()));
    }
    Exit::of_run(ending.exit_code)
}
