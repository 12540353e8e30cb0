//! Secrets in a text that control characters or escape sequences break up: a terminal or a page that leaves those out would show
//! what no search in the text itself finds.

use std::ops::Range;

use aho_corasick::AhoCorasick;

/// Where secrets stand in a text from an offset on, with the number of each in the search: `Ok` if it stands there as it is, `Err`
/// if it is broken up. They do not overlap.
pub(super) fn found(search: &AhoCorasick, text: &str, from: usize) -> Vec<(Range<usize>, Result<usize, usize>)> {
    let tail = &text[from..];
    let whole = search.find_iter(tail).map(|found| (found.range(), Ok(found.pattern().as_usize())));
    let mut all: Vec<(Range<usize>, Result<usize, usize>)> = whole.collect();
    if tail.chars().any(is_left_out) {
        let (shown, offsets) = shown(tail);
        for found in search.find_iter(&shown) {
            // The offset of the last byte, and not that of the byte after it: what is left out behind a secret is not a part of it.
            let place = offsets[found.start()]..offsets[found.end() - 1] + 1;
            if place.len() > found.len() {
                all.push((place, Err(found.pattern().as_usize())));
            }
        }
        all.sort_by_key(|(place, _)| (place.start, std::cmp::Reverse(place.end)));
        all = joined(all);
    }
    all.iter_mut().for_each(|(place, _)| *place = place.start + from..place.end + from);
    all
}

/// Places that overlap are one, and broken.
fn joined(all: Vec<(Range<usize>, Result<usize, usize>)>) -> Vec<(Range<usize>, Result<usize, usize>)> {
    let mut joined: Vec<(Range<usize>, Result<usize, usize>)> = Vec::new();
    for (place, number) in all {
        match joined.last_mut() {
            Some((last, first)) if place.start < last.end => {
                if place.end > last.end || number.is_err() && first.is_ok() {
                    *first = Err(first.unwrap_or_else(|broken| broken));
                }
                last.end = last.end.max(place.end);
            }
            _ => joined.push((place, number)),
        }
    }
    joined
}

fn is_left_out(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\t')
}

/// What a reader sees of a text, and for each byte of that its offset in the text.
fn shown(text: &str) -> (String, Vec<usize>) {
    let (mut shown, mut offsets) = (String::new(), Vec::new());
    let mut characters = text.char_indices().peekable();
    while let Some((offset, c)) = characters.next() {
        match c {
            '\u{1b}' => match characters.peek() {
                Some((_, '[')) => {
                    characters.next();
                    sequence(&mut characters);
                }
                Some((_, ']' | 'P' | 'X' | '^' | '_')) => command(&mut characters),
                Some((_, ' '..='/')) => while characters.next_if(|(_, c)| (' '..='/').contains(c)).is_some() {},
                _ => {}
            },
            '\u{9b}' => sequence(&mut characters),
            _ if is_left_out(c) => {}
            _ => {
                shown.push(c);
                offsets.extend(offset..offset + c.len_utf8());
            }
        }
    }
    (shown, offsets)
}

type Characters<'a> = std::iter::Peekable<std::str::CharIndices<'a>>;

/// Passes over the parameters and the last letter of a control sequence.
fn sequence(characters: &mut Characters<'_>) {
    while characters.next_if(|(_, c)| (' '..='?').contains(c)).is_some() {}
    characters.next_if(|(_, c)| ('@'..='~').contains(c));
}

/// Passes over a command to a terminal, such as the title of its window, up to its end if it has one.
fn command(characters: &mut Characters<'_>) {
    let mut ahead = characters.clone();
    while let Some((_, c)) = ahead.next() {
        let ends = match c {
            '\u{7}' | '\u{9c}' => true,
            '\u{1b}' => ahead.next_if(|(_, c)| *c == '\\').is_some(),
            _ => false,
        };
        if ends {
            *characters = ahead;
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::event::{Event, EventKind};
    use crate::redact::{Lack, Redactor, fill};
    use crate::secrets::SecretValues;
    use crate::text::Text;

    fn secrets() -> SecretValues {
        let mut secrets = SecretValues::default();
        secrets.add("pw", &json!("EnvSecret-1"));
        secrets
    }

    #[test]
    fn what_is_shown_as_a_secret_is_one() {
        let redactor = Redactor::new(secrets());
        for (text, hidden) in [
            ("EnvSecre\u{1b}[0mt-1", "***"),
            ("\u{1b}[1mEnvSecret-1\u{1b}[0m", "\u{1b}[1m***\u{1b}[0m"),
            ("a \u{1b}[31mEnv\u{1b}[0mSecret\u{0}-1 b", "a \u{1b}[31m*** b"),
            ("Env\u{1b}]0;title\u{7}Secret-1", "***"),
            ("Env\u{9b}1mSecret-1 EnvSecret-1", "*** ***"),
            ("EnvSec\rret-1", "***"),
            ("RW52U2Vj\u{1b}[mcmV0LTE=", "***"),
            ("EnvSec\nret-1", "EnvSec\nret-1"),
            ("\u{1b}[1mnothing\u{1b}", "\u{1b}[1mnothing\u{1b}"),
            ("Env\u{1b}]0;no end Secret-1", "Env\u{1b}]0;no end Secret-1"),
        ] {
            assert_eq!(redactor.text(text), hidden, "{text:?}");
        }
    }

    #[test]
    fn what_was_broken_up_is_not_put_back() {
        let at = jiff::Timestamp::UNIX_EPOCH;
        let kind = EventKind::Notice { message: Text::verbatim("x EnvSec\u{1b}[0mret-1") };
        let mut event = Event { v: 2, seq: 1, at, elapsed_ms: 0, run: "r".into(), epoch: None, hidden: vec![], kind };
        event.hidden = Redactor::new(secrets()).hide(&mut event.kind);
        assert_eq!(event.kind, EventKind::Notice { message: Text::verbatim("x ***") });
        assert_eq!(fill(&mut event, &secrets()), [Lack::Changed("pw".into())]);
    }
}
