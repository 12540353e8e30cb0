//! The program on a real terminal, with somebody at it who types and sees what a screen shows. The terminal is the one that
//! controls the program, so that Ctrl-C, Ctrl-Z and a closed window are what they are to people.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, SpecialCodeIndex, Winsize, tcgetattr, tcsetwinsize};

use crate::console::cutover;

/// Rows and columns.
const SIZE: (u16, u16) = (60, 120);
/// What Ctrl-C types.
pub const CTRL_C: &str = "\x03";
/// What Ctrl-D types.
pub const CTRL_D: &str = "\x04";

/// A program on a terminal. Ended when it is dropped.
pub struct Terminal {
    keyboard: Option<File>,
    /// The program's side, kept open so that it can be looked at when the program is gone.
    side: Option<File>,
    seen: Arc<Mutex<Seen>>,
    /// Whether the window was closed.
    closed: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
    child: Child,
}

struct Seen {
    screen: vt100::Parser,
    written: String,
}

/// Both ends of a new terminal: the one of somebody who looks at it, and the program's.
///
/// # Panics
/// The system has no terminal left.
pub fn ends() -> (File, File) {
    use std::os::unix::fs::OpenOptionsExt as _;
    // Programs that other tests start meanwhile must not keep it open.
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal");
    grantpt(&master).expect("granted");
    unlockpt(&master).expect("unlocked");
    let name = ptsname(&master, Vec::new()).expect("a name").into_string().expect("text");
    // Not to become the terminal of the tests.
    let flags = i32::try_from(rustix::fs::OFlags::NOCTTY.bits()).expect("a flag");
    let side = OpenOptions::new().read(true).write(true).custom_flags(flags).open(name).expect("its other end");
    (File::from(master), side)
}

impl Terminal {
    /// Runs `cutover` in a directory, on a terminal of its own.
    pub fn run(directory: &Path, words: &[&str]) -> Self {
        Self::of(&cutover(directory, words))
    }

    /// Runs a command on a terminal of its own.
    pub fn of(wanted: &Command) -> Self {
        let (eyes, side) = ends();
        let (ws_row, ws_col) = SIZE;
        tcsetwinsize(&eyes, Winsize { ws_row, ws_col, ws_xpixel: 0, ws_ypixel: 0 }).expect("a size");
        let open = || side.try_clone().expect("another handle");
        let mut command = Command::new("setsid");
        command.arg("--ctty").arg(wanted.get_program()).args(wanted.get_args());
        command.env_clear().env("TERM", "xterm");
        for (name, value) in wanted.get_envs() {
            value.map(|value| command.env(name, value));
        }
        wanted.get_current_dir().map(|directory| command.current_dir(directory));
        let child = command.stdin(open()).stdout(open()).stderr(open()).spawn().expect("setsid, of util-linux");
        let screen = vt100::Parser::new(SIZE.0.try_into().expect("rows"), SIZE.1.try_into().expect("columns"), 0);
        let seen = Arc::new(Mutex::new(Seen { screen, written: String::new() }));
        let closed = Arc::new(AtomicBool::new(false));
        let (shared, over) = (Arc::clone(&seen), Arc::clone(&closed));
        let keyboard = eyes.try_clone().expect("a second handle");
        let reader = std::thread::spawn(move || look(eyes, &shared, &over));
        Self { keyboard: Some(keyboard), side: Some(side), seen, closed, reader: Some(reader), child }
    }

    /// Types.
    pub fn types(&mut self, text: &str) {
        self.keyboard.as_mut().expect("not closed").write_all(text.as_bytes()).expect("typed");
    }

    /// What the screen shows now.
    pub fn screen(&self) -> String {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.screen.screen().contents()
    }

    /// All that was written so far, with everything that moves the cursor.
    pub fn written(&self) -> String {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).written.clone()
    }

    /// Waits until the screen shows a text; returns how long that took.
    pub fn shows(&self, text: &str, within: Duration) -> Duration {
        let began = Instant::now();
        while !self.screen().contains(text) {
            assert!(began.elapsed() < within, "`{text}` does not show within {within:?}:\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(10));
        }
        began.elapsed()
    }

    /// Sends the program a signal.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status().expect("kill");
        assert!(sent.success());
    }

    /// Closes the window.
    pub fn closes(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
        self.reader.take().map(JoinHandle::join);
        (self.side, self.keyboard) = (None, None);
    }

    /// Waits for the program's end; returns its exit code, and if a signal has ended it, that signal as a negative number.
    pub fn code(&mut self, within: Duration) -> i32 {
        let end = Instant::now() + within;
        loop {
            if let Some(status) = self.child.try_wait().expect("its state") {
                // What it wrote last is read.
                std::thread::sleep(Duration::from_millis(50));
                return status.code().unwrap_or_else(|| -status.signal().expect("a signal"));
            }
            assert!(Instant::now() < end, "it does not end within {within:?}:\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Whether the terminal is as a shell expects it: lines are edited and echoed, and Ctrl-C is a signal.
    pub fn is_sane(&self) -> bool {
        let modes = tcgetattr(self.side.as_ref().expect("not closed")).expect("its modes");
        let all = LocalModes::ISIG | LocalModes::ICANON | LocalModes::ECHO;
        let interrupt = modes.special_codes[SpecialCodeIndex::VINTR];
        modes.local_modes.contains(all) && interrupt == CTRL_C.as_bytes()[0]
    }
}

/// Sees what is written, until the window is closed.
fn look(mut eyes: File, seen: &Mutex<Seen>, closed: &AtomicBool) {
    let mut bytes = [0; 4096];
    let tick = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
    while !closed.load(Ordering::Relaxed) {
        let mut wanted = [PollFd::new(&eyes, PollFlags::IN)];
        if poll(&mut wanted, Some(&tick)).is_ok_and(|ready| ready == 0) {
            continue;
        }
        // A terminal whose other side is closed is an error to read (EIO).
        let Ok(length @ 1..) = eyes.read(&mut bytes) else { return };
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.screen.process(&bytes[..length]);
        seen.written += &String::from_utf8_lossy(&bytes[..length]);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It has ended already if the test went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
