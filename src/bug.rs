//! Handles bugs of `cutover` itself: a panic becomes a message that tells what to do, and an exit code of its own.

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::process::ExitCode;

use cutover_session::terminal;

use crate::exit::Exit;

/// Runs the program. A panic on any thread is reported as a message; on this one it ends the program with [`Exit::Bug`].
pub(crate) fn guard(run: impl FnOnce() -> ExitCode) -> ExitCode {
    set_hook(Box::new(|info| {
        let payload = info.payload();
        let message = payload.downcast_ref::<String>().map(String::as_str);
        let message = message.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("no message");
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        terminal::offer(&report(message, &place));
    }));
    catch_unwind(AssertUnwindSafe(run)).unwrap_or(Exit::Bug.into())
}

fn report(message: &str, place: &str) -> String {
    let to = match env!("CARGO_PKG_REPOSITORY") {
        "" => "the maintainers of cutover",
        repository => repository,
    };
    format!(
        "error: this is a bug in cutover: {message}\n  at {place}, version {}, {} {}\n  help: a run that was under way \
         is in its journal; `cutover resume RUN` looks at the world before it changes anything\n  help: please report \
         this and the command you typed to {to}\n",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_exit_code_and_words_for_the_user() {
        let before = std::panic::take_hook();
        let exit = guard(|| panic!("no such thing"));
        // The hook is global: left in place, it would report the panics of other tests as bugs of the program.
        std::panic::set_hook(before);
        assert_eq!(exit, ExitCode::from(Exit::Bug));
        let message = report("no such thing", "src/x.rs:1:2");
        let expected = "error: this is a bug in cutover: no such thing\n  at src/x.rs:1:2, version ";
        assert!(message.starts_with(expected), "{message}");
        assert!(message.contains("cutover resume RUN") && message.contains("please report"), "{message}");
    }
}
