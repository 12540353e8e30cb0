//! Writing to the terminal, and readers that go away early. Not what is written.

use std::borrow::Cow;
use std::io::{self, ErrorKind, IsTerminal, Write};
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
    let mut stream = io::stdout().lock();
    let text = if stream.is_terminal() { harmless(text) } else { Cow::from(text) };
    write(&mut stream, text.as_bytes())
}

/// Writes to standard error, in the same way.
///
/// # Errors
/// It cannot be written.
pub fn complain(text: &str) -> io::Result<()> {
    let mut stream = io::stderr().lock();
    let text = if stream.is_terminal() { harmless(text) } else { Cow::from(text) };
    write(&mut stream, text.as_bytes())
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

/// A text for a terminal, in which nothing is left that a terminal obeys, but for new lines, tabs, and the colours and weights that
/// this program uses. Those who write words of others make them safe themselves; this holds whatever they forget.
fn harmless(text: &str) -> Cow<'_, str> {
    let is_obeyed = |c: char| c.is_control() && !matches!(c, '\n' | '\t') || REORDERING.contains(&c);
    if !text.contains(is_obeyed) {
        return Cow::from(text);
    }
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(c) = rest.chars().next() {
        if let Some(length) = style(rest) {
            out.push_str(&rest[..length]);
            rest = &rest[length..];
            continue;
        }
        out.push(if is_obeyed(c) { '\u{FFFD}' } else { c });
        rest = &rest[c.len_utf8()..];
    }
    Cow::from(out)
}

/// What reorders the text around it.
const REORDERING: [char; 9] =
    ['\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}', '\u{2066}', '\u{2067}', '\u{2068}', '\u{2069}'];

/// The length of the sequence at the beginning of a text that sets a weight or a colour of letters.
fn style(text: &str) -> Option<usize> {
    let (parameters, _) = text.strip_prefix("\u{1b}[")?.split_once('m')?;
    let mut numbers = parameters.split(';');
    while let Some(number) = numbers.next() {
        match number {
            "" | "0" | "1" | "2" | "3" | "4" | "22" | "39" => {}
            // One of 256 colours.
            "38" if numbers.next() == Some("5")
                && numbers.next().is_some_and(|number| number.parse::<u8>().is_ok()) => {}
            // Not black: nobody would see it.
            number if number.parse::<u8>().is_ok_and(|number| matches!(number, 31..=37 | 90..=97)) => {}
            _ => return None,
        }
    }
    Some("\u{1b}[".len() + parameters.len() + "m".len())
}

fn write(stream: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    match stream.write_all(bytes).and_then(|()| stream.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn colours_stay_and_everything_else_that_a_terminal_obeys_goes() {
        let coloured = "\u{1b}[1m\u{1b}[94mwhat\u{1b}[0m \u{1b}[38;5;9mnow\u{1b}[0m\tfine\n";
        assert_eq!(harmless(coloured), coloured);
        for (text, shown) in [
            ("a\u{1b}[2Jb", "a\u{FFFD}[2Jb"),
            ("\u{1b}]0;title\u{7}", "\u{FFFD}]0;title\u{FFFD}"),
            ("\u{1b}[8mhidden", "\u{FFFD}[8mhidden"),
            ("\u{1b}[30;40mblack", "\u{FFFD}[30;40mblack"),
            ("over\rwritten\u{8}\u{9b}31m", "over\u{FFFD}written\u{FFFD}\u{FFFD}31m"),
            ("\u{202e}drawkcab", "\u{FFFD}drawkcab"),
            ("\u{1b}[38;5;300m\u{1b}[", "\u{FFFD}[38;5;300m\u{FFFD}["),
        ] {
            assert_eq!(harmless(text), shown);
        }
    }
}
