//! Writing to the terminal, and readers that go away early. Not what is written.

use std::io::{self, ErrorKind, Write};
use std::sync::mpsc::channel;
use std::time::Duration;

/// How long a reader may take who holds something up.
const PATIENCE: Duration = Duration::from_secs(3);

/// Writes to standard output. A reader that has gone away (`cutover explain | head`) is not an error: there is just nobody
/// left to read.
///
/// # Errors
/// It cannot be written.
pub fn print(text: &str) -> io::Result<()> {
    write(&mut io::stdout().lock(), text.as_bytes())
}

/// Writes to standard error, in the same way.
///
/// # Errors
/// It cannot be written.
pub fn complain(text: &str) -> io::Result<()> {
    write(&mut io::stderr().lock(), text.as_bytes())
}

/// Writes to standard error what must not hold up a run or its end: a terminal that is frozen is left alone after a while.
pub fn offer(text: &str) {
    let text = text.to_owned();
    offered(move || complain(&text));
}

/// Writes to standard output in the same way.
pub fn offer_output(text: &str) {
    let text = text.to_owned();
    offered(move || print(&text));
}

/// Writes on a thread, which stays behind if it takes too long. There is nobody left to tell if it cannot be written.
fn offered(write: impl FnOnce() -> io::Result<()> + Send + 'static) {
    let (sender, done) = channel();
    let writing = std::thread::Builder::new().spawn(move || sender.send(write()));
    if writing.is_ok() {
        let _ = done.recv_timeout(PATIENCE);
    }
}

fn write(stream: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    match stream.write_all(bytes).and_then(|()| stream.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
