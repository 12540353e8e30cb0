//! One execution at the command line: who watches it, who approves its gates, where it is recorded, how it is stopped.

mod approve;
mod earlier;
mod signals;

use std::io::{self, IsTerminal as _};
use std::sync::Arc;
use std::time::Duration;

use cutover_engine::event::{Event, Verb};
use cutover_engine::execute::{Approver, Ending, Ports, Settings, Stop, Tags};
use cutover_engine::record::{Journal, Reader, Recorder};
use cutover_engine::redact::Redactor;
use cutover_engine::run::Run;
use cutover_engine::source::{Fault, Faults};
use cutover_engine::world::World;
use cutover_modules::REGISTRY;
use tokio::runtime::Runtime;

pub(crate) use approve::{Approvals, Granted, operator};
pub(crate) use earlier::Earlier;
pub(crate) use signals::{Said, listen};

use crate::args::{Common, Output, Session};
use crate::exit::Exit;
use crate::reporters::{OutputKind, Reporter, Screen, Style, Width, reporter};
use crate::runs::StoredRun;
use crate::{faults, terminal};

/// Feeds the engine's events to a reporter.
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

/// What an execution shows and where.
pub(crate) struct Show {
    kind: OutputKind,
    style: Style,
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
        Self { kind, style: Style { color: console::colors_enabled(), width, github } }
    }

    /// Whether words for people may be printed on standard output.
    pub(crate) fn for_people(&self) -> bool {
        self.kind != OutputKind::Json
    }

    /// A reporter and its screen.
    pub(crate) fn reporter(&self) -> (Box<dyn Reader>, Screen) {
        let reporter = reporter(self.kind, Box::new(io::stdout()), self.style.clone());
        let screen = reporter.screen();
        (Box::new(Watched(reporter)), screen)
    }

    /// Says something beside the reporter: on standard output for people, on standard error otherwise.
    pub(crate) fn say(&self, text: &str) -> io::Result<()> {
        if self.for_people() { terminal::print(text) } else { terminal::complain(text) }
    }
}

/// The ports of an execution.
pub(crate) fn ports(
    run: &Run,
    world: Arc<dyn World>,
    approver: Arc<dyn Approver>,
    journal: Box<dyn Journal>,
    reader: Box<dyn Reader>,
    stop: Stop,
) -> Ports {
    let redactor = Redactor::new(run.secrets.clone());
    let recorder = Recorder::new(&run.id, world.clone(), redactor, journal, vec![reader]);
    Ports { registry: REGISTRY, world, approver, recorder, stop }
}

/// The settings of an execution.
pub(crate) fn settings(verb: Verb, tags: Tags) -> Settings {
    Settings {
        verb,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        operator: None,
        seed: 1,
        tags,
        fail: None,
        past: cutover_engine::execute::Past::default(),
        repeat: Vec::new(),
    }
}

/// So long the commands that a stopped run leaves behind have to end.
const SETTLE: Duration = Duration::from_secs(5);

/// Ends the runtime of an execution: what was given up on hosts is ended there; a prompt that nobody answers any more does not
/// keep the program.
pub(crate) fn close(runtime: Runtime, world: &dyn World) -> std::io::Result<()> {
    let settled = runtime.block_on(async { tokio::time::timeout(SETTLE, world.settle()).await });
    runtime.shutdown_background();
    if settled.is_err() {
        terminal::complain("a command that was stopped could not be ended in time: it may still run on its host\n")?;
    }
    Ok(())
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
pub(crate) fn end(ending: &Ending) -> io::Result<Exit> {
    if let Some(failure) = &ending.failure
        && let Some(at) = &failure.at
    {
        let mut fault = Fault::at(at, failure.message.to_string());
        fault.help = failure.help.as_ref().map(ToString::to_string);
        terminal::complain(&faults::shown(&Faults::from(fault), console::colors_enabled_stderr()))?;
    }
    Ok(Exit::of_run(ending.exit_code))
}
