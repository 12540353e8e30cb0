//! Ctrl-C, SIGTERM and a terminal that is closed: the first stops the run at the next safe point, the second at once.

use cutover_engine::execute::Stop;
use tokio::signal::unix::{SignalKind, signal};

use crate::terminal;

/// What is printed on standard error at the first signal, and at the second, where the reporter's lines are not on the terminal.
pub struct StopMessages([&'static str; 2]);

impl StopMessages {
    /// In the real world.
    pub const RUN: Self = Self([
        "\nstopping at the next safe point: what was sent is completed; once more stops at once\n",
        "\nstopping at once: what was sent may still be carried out; `cutover resume` looks first\n",
    ]);
    /// In a simulated one.
    pub const REHEARSAL: Self = Self(["\nstopping the rehearsal\n", "\nstopping the rehearsal at once\n"]);
}

/// Stops a run when the operator asks for it. Ends when the runtime does. The reporter tells of it; the `messages` beside that are
/// for who does not see the reporter.
pub fn listen(stop: Stop, messages: Option<StopMessages>) {
    tokio::spawn(async move {
        let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)) =
            (signal(SignalKind::interrupt()), signal(SignalKind::terminate()), signal(SignalKind::hangup()))
        else {
            return;
        };
        let words = messages.map_or([None; 2], |messages| messages.0.map(Some));
        for (token, words) in [&stop.soft, &stop.hard].into_iter().zip(words) {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
            // First of all: the terminal may be frozen.
            token.cancel();
            words.map(terminal::offer);
        }
    });
}
