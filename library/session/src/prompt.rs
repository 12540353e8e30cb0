//! A question on the terminal: it stands there until it is answered with what it asks for or with a no, and can be given up at
//! any time. Not who answers it.

use std::io;

use cutover_engine::execute::{Judgement, Question};
use cutover_report::Paused;
use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::keyboard::{Keyboard, Typed};
use crate::screen::Screen;
use crate::terminal;

/// A prompt on the screen.
pub(crate) struct Prompt {
    /// Keeps the footer away; `None` if the screen could not be had.
    paused: Option<Paused>,
    /// Whether the cursor stands behind the prompt.
    open: bool,
}

impl Prompt {
    /// Asks until somebody has typed the phrase or a no, and returns that; `None` if somebody has pressed Ctrl-C instead, or
    /// the terminal was closed.
    ///
    /// # Errors
    /// The terminal cannot be read.
    pub(crate) async fn ask(screen: &Screen, text: &str, question: &Question) -> io::Result<Option<String>> {
        let mut prompt = Self::on(screen).await;
        let mut back = signal(SignalKind::from_raw(Signal::CONT.as_raw()))?;
        prompt.write(text).await;
        let mut keyboard = Keyboard::take()?;
        loop {
            let typed = tokio::select! {
                typed = keyboard.typed() => typed?,
                // The program was put aside with Ctrl-Z, and a shell has used the terminal meanwhile.
                _ = back.recv() => {
                    prompt.write(&format!("\n{text}")).await;
                    keyboard.listen()?;
                    continue;
                }
            };
            let before = match typed {
                Typed::Line(line) if question.judge(line.trim()) != Judgement::Unclear => {
                    prompt.open = false;
                    return Ok(Some(line.trim().to_owned()));
                }
                Typed::Line(_) => "",
                Typed::Half => "\n",
                Typed::Interrupt | Typed::Gone => return Ok(None),
            };
            prompt.write(&again(question, before)).await;
            if keyboard.discard()?.is_some() {
                return Ok(None);
            }
        }
    }

    /// Takes the footer away. What waits for the terminal cannot be cancelled: a thread is left behind if it is frozen, and if
    /// nobody waits any more when it is not, the footer comes back at once.
    async fn on(screen: &Screen) -> Self {
        let (sender, ready) = oneshot::channel();
        let screen = screen.clone();
        std::thread::spawn(move || sender.send(screen.pause()));
        Self { paused: ready.await.ok(), open: false }
    }

    async fn write(&mut self, text: &str) {
        let (sender, written) = oneshot::channel();
        let text = text.to_owned();
        self.open = true;
        std::thread::spawn(move || sender.send(terminal::complain(&text)));
        // Who cannot be shown the question has not been asked, and can still stop the run.
        let _ = written.await;
    }
}

impl Drop for Prompt {
    fn drop(&mut self) {
        // What is printed next does not go on in the line of the prompt.
        if self.open && !self.paused.as_mut().is_some_and(Paused::leave_line) {
            terminal::offer("\n");
        }
    }
}

/// What is printed after something that is not an answer.
fn again(question: &Question, before: &str) -> String {
    format!(
        "{before}           type `{}` to approve, `no` to refuse; Ctrl-C stops the run\n           > ",
        question.confirm
    )
}
