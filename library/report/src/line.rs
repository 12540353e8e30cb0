//! One line of text on a terminal: what may stand in it, how wide it is, how it is cut and padded. Wide characters
//! (Chinese, Japanese, Korean) count as two columns.

use console::{Alignment, measure_text_width};

/// Makes text safe for a terminal line: escape sequences go; control characters that are left and characters that
/// reorder text show as `\u{FFFD}`, tabs as spaces.
pub fn clean(text: &str) -> String {
    let text = console::strip_ansi_codes(text);
    let reorders = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => out.push_str("    "),
            c if c.is_control() || reorders(c) => out.push('\u{FFFD}'),
            c => out.push(c),
        }
    }
    out
}

/// The lines of a text, each made safe.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = String> {
    text.lines().map(clean)
}

/// The first line of a text.
pub(crate) fn first_line(text: &impl std::fmt::Display) -> String {
    text.to_string().lines().next().unwrap_or_default().to_owned()
}

/// A text with each of its lines made safe.
pub(crate) fn clean_text(text: &str) -> String {
    lines(text).collect::<Vec<_>>().join("\n")
}

/// Cuts text to a width; what was cut shows as `…`. Escape sequences are kept whole.
pub(crate) fn fit(text: &str, width: usize) -> String {
    if measure_text_width(text) <= width {
        return text.to_owned();
    }
    match width {
        0 => String::new(),
        _ => console::truncate_str(text, width, "…").into_owned(),
    }
}

/// Cuts or pads text to a width, to the left.
pub fn pad(text: &str, width: usize) -> String {
    console::pad_str(&fit(text, width), width, Alignment::Left, None).into_owned()
}

/// Cuts or pads text to a width, to the right.
pub(crate) fn pad_right(text: &str, width: usize) -> String {
    console::pad_str(&fit(text, width), width, Alignment::Right, None).into_owned()
}

/// A number with its noun: `1 target`, `3 targets`.
pub(crate) fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_count_as_two_columns() {
        for text in ["停止 etcd 服务并卸载磁盘", "plain", "é", "🚀 start", ""] {
            for width in [0, 1, 2, 5, 11, 30] {
                assert_eq!(measure_text_width(&pad(text, width)), width, "{text} to {width}");
                assert_eq!(measure_text_width(&pad_right(text, width)), width, "{text} to {width}");
            }
        }
        assert_eq!(fit("停止 etcd 服务", 8), "停止 et…");
    }

    #[test]
    fn nothing_in_a_line_can_steer_the_terminal() {
        assert_eq!(clean("a\u{1b}[2Jb\r\nc\td\u{202e}"), "ab\u{FFFD}\u{FFFD}c    d\u{FFFD}");
        assert!(!clean("\u{1b}\u{1b}[2J\u{1b}]0;x\u{9b}2J").chars().any(char::is_control));
    }
}
