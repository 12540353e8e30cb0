//! Finds filters and tests that a template names and that are not defined. The compiler accepts any name and fails only when it
//! evaluates it, which may be an hour into a run.

use std::ops::Range;

use minijinja::ErrorKind;

use super::environment::compile_expression;

/// An unknown filter or test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unknown {
    /// `filter` or `test`.
    pub(super) what: &'static str,
    /// Where its name stands in the text.
    pub(super) range: Range<usize>,
}

/// Finds the unknown filters and tests of a template, or of an expression without braces.
pub(super) fn unknown(text: &str, expression: bool) -> Vec<Unknown> {
    let mut found = Vec::new();
    let parts = if expression { Vec::from([Range { start: 0, end: text.len() }]) } else { code(text) };
    for code in parts {
        let words = words(text, code);
        for (index, word) in words.iter().enumerate() {
            let after = |offset: usize| words.get(index + offset).filter(|range| is_name(&text[(*range).clone()]));
            let (what, range, probe) = match &text[word.clone()] {
                "|" => ("filter", after(1), "none|"),
                "is" if words.get(index + 1).is_some_and(|next| &text[next.clone()] == "not") => {
                    ("test", after(2), "none is ")
                }
                "is" => ("test", after(1), "none is "),
                _ => continue,
            };
            if let Some(range) = range.filter(|range| !known(&format!("{probe}{}", &text[(*range).clone()]))) {
                found.push(Unknown { what, range: range.clone() });
            }
        }
    }
    found
}

/// Whether an expression fails for another reason than an unknown name, or not at all.
fn known(expression: &str) -> bool {
    let result = compile_expression(expression).and_then(|compiled| compiled.eval(()));
    !matches!(result.map_err(|error| error.kind()), Err(ErrorKind::UnknownFilter | ErrorKind::UnknownTest))
}

/// The insides of `{{ }}` and `{% %}`; none if there is a `raw` block, which only the real parser can delimit.
fn code(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some((start, close)) = opening(text, at) {
        let end = text[start..].find(close).map_or(text.len(), |end| start + end);
        let inside = start + 2..end;
        if text[inside.clone()].trim_matches(['-', '+', ' ']) == "raw" {
            return Vec::new();
        }
        if close != "#}" {
            found.push(inside);
        }
        at = end;
    }
    found
}

/// The next `{{`, `{%` or `{#` from a place on: where it stands, and what closes it.
pub(super) fn opening(text: &str, from: usize) -> Option<(usize, &'static str)> {
    text[from..].match_indices('{').find_map(|(at, _)| {
        let close = match text.as_bytes().get(from + at + 1) {
            Some(b'{') => "}}",
            Some(b'%') => "%}",
            Some(b'#') => "#}",
            _ => return None,
        };
        Some((from + at, close))
    })
}

/// The names and signs of an expression; strings are left out. `||` is not an operator of the language.
fn words(text: &str, within: Range<usize>) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut letters = text[within.clone()].char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        let start = within.start + at;
        if letter == '"' || letter == '\'' {
            let mut escaped = false;
            for (_, next) in letters.by_ref() {
                if next == letter && !escaped {
                    break;
                }
                escaped = next == '\\' && !escaped;
            }
        } else if letter.is_alphanumeric() || letter == '_' {
            let mut end = start + letter.len_utf8();
            while let Some((_, next)) = letters.next_if(|(_, next)| next.is_alphanumeric() || *next == '_') {
                end += next.len_utf8();
            }
            found.push(start..end);
        } else if !letter.is_whitespace() {
            found.push(start..start + letter.len_utf8());
        }
    }
    found
}

fn is_name(word: &str) -> bool {
    word.starts_with(|letter: char| letter.is_alphabetic() || letter == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_filters_and_tests_are_found_where_they_stand() {
        let cases: [(&str, &[&str]); 10] = [
            ("{{ a | length }} {{ a|basename }} {{ a is defined }} {{ a is not none }}", &[]),
            ("{{ a | lenght }}", &["filter lenght"]),
            ("{{ a | map(attribute='x|y is z') | lisst }}", &["filter lisst"]),
            ("{% if a is frobbed %}x | y is z{% endif %}", &["test frobbed"]),
            ("{{ a is not definde }}", &["test definde"]),
            ("{{ \"}} | no\" | upper }}", &[]),
            ("{# a | no #}{{ b | nope }}", &["filter nope"]),
            ("{% raw %}{{ a | no }}{% endraw %}", &[]),
            ("plain | text is here {", &[]),
            ("{{ this | upper", &[]),
        ];
        for (text, expected) in cases {
            let found: Vec<String> =
                unknown(text, false).into_iter().map(|one| format!("{} {}", one.what, &text[one.range])).collect();
            assert_eq!(found, expected, "{text}");
        }
        assert_eq!(unknown("a | nope and b is defined", true)[0].range, 4..8);
    }
}
