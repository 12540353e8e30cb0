//! Ctrl-C, SIGTERM and a terminal that is closed: the first stops the run at the next safe point, the second at once.

use cutover_engine::execute::Stop;
use tokio::signal::unix::{SignalKind, signal};

use crate::terminal;

/// What is said on standard error to the first signal, and to the second, where the reporter's lines are not on the terminal.
pub struct Said([&'static str; 2]);

impl Said {
    /// In the real world.
    pub const RUN: Self = Self([
        "\nstopping at the next safe point: what was sent is brought to its end; once more stops at once\n",
        "\nstopping at once: what was sent may still be carried out; `cutover resume` looks first\n",
    ]);
    /// In a simulated one.
    pub const REHEARSAL: Self = Self(["\nstopping the rehearsal\n", "\nstopping the rehearsal at once\n"]);
}

/// Stops a run when the operator asks for it. Ends when the runtime does. The reporter tells of it; what is `said` beside that is
/// for who does not see the reporter.
pub fn listen(stop: Stop, said: Option<Said>) {
    tokio::spawn(async move {
        let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)) =
            (signal(SignalKind::interrupt()), signal(SignalKind::terminate()), signal(SignalKind::hangup()))
        else {
            return;
        };
        let words = said.map_or([None; 2], |said| said.0.map(Some));
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
