//! Writing to the terminal: colours or none, and readers that go away early. Not what is written.

use std::io::{self, ErrorKind, IsTerminal as _, Write};
use std::sync::mpsc::channel;
use std::time::Duration;

use crate::args::Color;

/// How long a reader may take who holds something up.
const PATIENCE: Duration = Duration::from_secs(3);

/// Decides about colours for this process: on standard output and, apart from it, on standard error.
pub(crate) fn set_colors(color: Color) {
    let (out, err) = match color {
        Color::Always => (true, true),
        Color::Never => (false, false),
        Color::Auto => {
            let wanted =
                colors_wanted(std::env::var("NO_COLOR").ok().as_deref(), std::env::var("TERM").ok().as_deref());
            (wanted && io::stdout().is_terminal(), wanted && io::stderr().is_terminal())
        }
    };
    console::set_colors_enabled(out);
    console::set_colors_enabled_stderr(err);
}

/// <https://no-color.org>: `NO_COLOR` counts when it is not empty.
fn colors_wanted(no_color: Option<&str>, term: Option<&str>) -> bool {
    no_color.unwrap_or_default().is_empty() && term != Some("dumb")
}

/// Writes to standard output. A reader that has gone away (`cutover explain | head`) is no error: there is just nobody
/// left to read.
pub(crate) fn print(text: &str) -> io::Result<()> {
    write(&mut io::stdout().lock(), text.as_bytes())
}

/// Writes to standard error, in the same way.
pub(crate) fn complain(text: &str) -> io::Result<()> {
    write(&mut io::stderr().lock(), text.as_bytes())
}

/// Writes to standard error what must not hold up a run or its end: a terminal that is frozen is left alone after a while.
pub(crate) fn offer(text: &str) {
    let text = text.to_owned();
    offered(move || complain(&text));
}

/// Writes to standard output in the same way.
pub(crate) fn offer_output(text: &str) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_color_counts_when_it_is_not_empty() {
        let cases = [(None, true), (Some(""), true), (Some("1"), false), (Some("0"), false)];
        for (no_color, expected) in cases {
            assert_eq!(colors_wanted(no_color, Some("xterm")), expected, "{no_color:?}");
        }
        assert!(!colors_wanted(None, Some("dumb")));
    }
}
