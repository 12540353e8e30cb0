//! How an execution ended, for a person and for a script.

use cutover_engine::execute::Ending;
use cutover_engine::source::{Fault, Faults};
use cutover_runs::StoredRun;
use cutover_session::terminal;

use crate::exit::Exit;
use crate::faults;

/// What to do about a run that has not ended well.
pub(crate) fn next(exit: Exit, ending: &Ending, stored: &StoredRun) -> String {
    let run = stored.named();
    match exit {
        Exit::Done | Exit::Wrong => String::new(),
        // Where nothing stands there is nothing to undo.
        _ if ending.standing == 0 => format!("to go on: cutover resume {run}\n"),
        _ => format!("to go on: cutover resume {run}\nto undo it: cutover undo {run}\n"),
    }
}

/// Shows the place of a failure that the playbook caused, and returns the exit code.
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
