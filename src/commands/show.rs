//! Runs `cutover report` and `cutover runs` with the command line's arguments.

use std::io;

use cutover_report::{Style, Width};
use cutover_runs::RunStore;
use cutover_session::terminal;

use crate::args::{ReportArgs, RunsArgs};
use crate::exit::Exit;

/// Shows a recorded run.
pub(crate) fn report(args: &ReportArgs) -> anyhow::Result<Exit> {
    let style = Style { color: console::colors_enabled() && args.output.is_none(), width: width(), github: false };
    let mut text = Vec::new();
    let store = RunStore::new(&args.records.run_dir);
    super::report::run(&store, &args.run, args.format, args.output.as_deref(), &style, &mut text)?;
    terminal::print(&String::from_utf8_lossy(&text))?;
    Ok(Exit::Done)
}

/// Lists the recorded runs.
pub(crate) fn runs(args: &RunsArgs) -> anyhow::Result<Exit> {
    terminal::print(&super::runs::run(&RunStore::new(&args.records.run_dir), width().columns())?)?;
    Ok(Exit::Done)
}

fn width() -> Width {
    match io::IsTerminal::is_terminal(&io::stdout()) {
        true => Width::Terminal(console::Term::stdout()),
        false => Width::Columns(120),
    }
}
