//! The keyboard while a prompt is on the screen: one line at a time, with the editing of the terminal itself. Ctrl-C is read
//! here, in its place among what is typed: as a signal it could be overtaken by an answer that was typed after it.

use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::mpsc;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios, tcflush, tcgetattr, tcsetattr,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// The longest line that a terminal hands out, in bytes (termios(3)).
const LINE: usize = 4096;
/// What a special character is set to that is to have no effect (`_POSIX_VDISABLE`).
const DISABLED: u8 = 0;

/// What a person did at the keyboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Typed {
    /// Typed a line and pressed Enter.
    Line(String),
    /// Pressed Ctrl-C, whatever was typed before it.
    Interrupt,
    /// Pressed Ctrl-D: nothing was typed, or half a line.
    Half,
    /// Closed the terminal.
    Gone,
}

/// The terminal that standard input is, as long as somebody is asked. Dropped, it is as it was before.
pub(crate) struct Keyboard {
    input: OwnedFd,
    before: Termios,
    /// The character that interrupts; none if the terminal has none.
    interrupt: Option<u8>,
    /// Says that something can be read.
    readable: UnboundedReceiver<()>,
    /// Asks for the next such message.
    taken: mpsc::Sender<()>,
    /// Closed, it ends the thread that watches.
    _end: PipeWriter,
}

impl Keyboard {
    /// Takes the terminal.
    ///
    /// # Errors
    /// Standard input is not a terminal, or the system has no thread to watch it.
    pub(crate) fn take() -> io::Result<Self> {
        let input = io::stdin().as_fd().try_clone_to_owned()?;
        let before = tcgetattr(&input)?;
        let interrupt = Some(before.special_codes[SpecialCodeIndex::VINTR]).filter(|code| *code != DISABLED);
        let (watched, (end, wake)) = (input.try_clone()?, io::pipe().map(|(read, write)| (write, read))?);
        let (ready, readable) = unbounded_channel();
        let (taken, next) = mpsc::channel();
        std::thread::Builder::new().name("keyboard".to_owned()).spawn(move || watch(&watched, &wake, &ready, &next))?;
        let keyboard = Self { input, before, interrupt, readable, taken, _end: end };
        // What was typed before the question was there does not answer it. As long as Ctrl-C is a signal, none is thrown away.
        tcflush(&keyboard.input, QueueSelector::IFlush)?;
        keyboard.listen()?;
        Ok(keyboard)
    }

    /// Has Ctrl-C end a line instead of sending a signal; again, after a shell has had the terminal.
    ///
    /// # Errors
    /// The terminal is gone.
    pub(crate) fn listen(&self) -> io::Result<()> {
        let mut modes = self.before.clone();
        modes.input_modes |= InputModes::ICRNL;
        modes.local_modes |= LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG;
        if let Some(interrupt) = self.interrupt {
            modes.special_codes[SpecialCodeIndex::VINTR] = DISABLED;
            modes.special_codes[SpecialCodeIndex::VEOL] = interrupt;
        }
        Ok(tcsetattr(&self.input, OptionalActions::Now, &modes)?)
    }

    /// Waits for a person. May be given up at any time: what was not read is still there.
    ///
    /// # Errors
    /// The terminal cannot be read.
    pub(crate) async fn typed(&mut self) -> io::Result<Typed> {
        while let Some(()) = self.readable.recv().await {
            let typed = self.read();
            // A thread that is gone has reported all that it had to report.
            let _ = self.taken.send(());
            if let Some(typed) = typed? {
                return Ok(typed);
            }
        }
        Ok(Typed::Gone)
    }

    /// Throws away lines that were typed before a question was asked again; returns what is not a line, and counts all the same.
    ///
    /// # Errors
    /// The terminal cannot be read.
    pub(crate) fn discard(&self) -> io::Result<Option<Typed>> {
        loop {
            match self.read()? {
                Some(Typed::Line(_) | Typed::Half) => {}
                other => return Ok(other),
            }
        }
    }

    /// Reads what is there; `None` if nothing is.
    fn read(&self) -> io::Result<Option<Typed>> {
        let is_there = available(self.input.as_fd())?;
        if is_there.is_empty() {
            return Ok(None);
        }
        let mut line = [0; LINE];
        // It does not wait: a terminal hands out lines, and there is one.
        let length = match rustix::io::read(&self.input, &mut line) {
            Ok(0) if is_there.contains(PollFlags::HUP) => return Ok(Some(Typed::Gone)),
            Ok(length) => length,
            // What a read on a terminal returns that nobody has any more.
            Err(rustix::io::Errno::IO) => return Ok(Some(Typed::Gone)),
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        Ok(Some(match line[..length].split_last() {
            Some((b'\n', text)) => Typed::Line(String::from_utf8_lossy(text).into_owned()),
            Some((last, _)) if Some(*last) == self.interrupt => Typed::Interrupt,
            _ => Typed::Half,
        }))
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        // A terminal that is gone does not have to be put in order.
        let _ = tcsetattr(&self.input, OptionalActions::Now, &self.before);
    }
}

/// What can be read from a terminal without waiting.
fn available(input: BorrowedFd<'_>) -> io::Result<PollFlags> {
    let mut wanted = [PollFd::new(&input, PollFlags::IN)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    match poll(&mut wanted, Some(&now)) {
        Ok(_) => Ok(wanted[0].revents()),
        Err(rustix::io::Errno::INTR) => Ok(PollFlags::empty()),
        Err(error) => Err(error.into()),
    }
}

/// Says when something can be read, each time it is asked to, until it is to end. It reads nothing: an answer that nobody waits for
/// any more is nobody's.
fn watch(input: &OwnedFd, wake: &PipeReader, ready: &UnboundedSender<()>, next: &mpsc::Receiver<()>) {
    loop {
        let mut wanted = [PollFd::new(wake, PollFlags::IN), PollFd::new(input, PollFlags::IN)];
        let polled = poll(&mut wanted, None);
        if !wanted[0].revents().is_empty() {
            return;
        }
        // An error is the reader's to tell.
        let is_over = polled.is_ok() && (ready.send(()).is_err() || next.recv().is_err());
        if is_over || polled.is_err_and(|error| error != rustix::io::Errno::INTR) {
            return;
        }
    }
}
