//! Text to spanned tree. The only place that calls the YAML package, so that its options hold for every file.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use indexmap::IndexMap;
use indexmap::map::Entry;
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::Spanned;

use super::{Fault, Faults, Key, Kind, Location, Node, SourceFile};

/// Parses a YAML file into a spanned tree. An empty file is null.
///
/// # Errors
/// A syntax error, a duplicate key, or a document that is too large when its aliases are expanded, each with its place.
pub fn parse(file: &Arc<SourceFile>) -> Result<Node, Faults> {
    match parse_partly(file) {
        (Some(node), faults) => faults.into_result(node),
        (None, faults) => Err(faults),
    }
}

/// Parses a YAML file as [`parse`] does, but returns a tree even if keys are duplicated (the first counts), so that `check`
/// can go on.
pub fn parse_partly(file: &Arc<SourceFile>) -> (Option<Node>, Faults) {
    let options = serde_yaml::options! {
        // YAML 1.2 as people expect it: `no` is text, `0755` and `1_000` are text.
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        // Duplicate keys are found in `into_node`, so that all of them are reported and not only the first.
        duplicate_keys: serde_yaml::DuplicateKeyPolicy::PassThrough,
        with_snippet: false,
        budget: serde_yaml::budget! { max_nodes: 600_000, max_events: 3_000_000 },
    };
    match serde_yaml::from_str_with_options::<Raw>(&file.text, options) {
        Ok(raw) => {
            let mut faults = Faults::default();
            let node = raw.into_node(file, &mut faults);
            (Some(node), faults)
        }
        Err(error) => (None, syntax_fault(file, &error).into()),
    }
}

fn syntax_fault(file: &Arc<SourceFile>, error: &serde_yaml::Error) -> Fault {
    let error = error.without_snippet();
    let text = error.to_string();
    // The parser's message repeats the place in its own format; the fault has it from the location.
    let message = text.split(" at line ").next().unwrap_or(&text).trim_end_matches([':', ',', ' ']).to_owned();
    let Some(location) = error.location() else {
        return Fault::at(&Location::new(file, 0..0), message);
    };
    let line = usize::try_from(location.line()).unwrap_or(1);
    if let Some(range) = unquoted_template(&file.text, line) {
        return Fault::at(&Location::new(file, range), "a template that is not quoted")
            .label("YAML reads this as a mapping")
            .help("quote the template: \"{{ ... }}\"");
    }
    let range = match location.span().byte_offset() {
        Some(offset) => range_of(Some(offset), location.span().byte_len(), &file.text),
        // Errors of the scanner have a line and column, but no byte offset.
        None => offset_of(&file.text, line, usize::try_from(location.column()).unwrap_or(1)),
    };
    Fault::at(&Location::new(file, range), message)
}

/// Finds `{{` that begins a value on a line, or on the line above it (where the parser noticed too late).
fn unquoted_template(text: &str, line: usize) -> Option<Range<usize>> {
    let mut start = 0;
    let mut found = None;
    for (number, content) in text.split_inclusive('\n').enumerate() {
        let number = number + 1;
        if (number == line || number + 1 == line)
            && let Some(at) = content.find("{{")
            && content[..at].trim_end().ends_with([':', '-', ',', '[', '{'])
        {
            let end = content[at..].find("}}").map_or(content.trim_end().len(), |end| at + end + 2);
            found = Some(start + at..start + end);
        }
        start += content.len();
    }
    found
}

/// The place of a one-based line and column (in characters).
fn offset_of(text: &str, line: usize, column: usize) -> Range<usize> {
    let start = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum::<usize>();
    let rest = text[start..].lines().next().unwrap_or_default();
    let within = rest.char_indices().nth(column.saturating_sub(1)).map_or(rest.len(), |(at, _)| at);
    start + within..start + within
}

fn range_of(offset: Option<u64>, length: Option<u64>, text: &str) -> Range<usize> {
    let index = |number: Option<u64>| number.and_then(|number| usize::try_from(number).ok()).unwrap_or(0);
    let start = index(offset).min(text.len());
    start..(start + index(length)).min(text.len())
}

/// A node before the file is attached.
struct Raw {
    range: (Option<u64>, Option<u64>),
    kind: RawKind,
}

enum RawKind {
    Scalar(Kind),
    Seq(Vec<Raw>),
    Map(Vec<(Spanned<String>, Raw)>),
}

impl Raw {
    fn into_node(self, file: &Arc<SourceFile>, faults: &mut Faults) -> Node {
        let mut range = range_of(self.range.0, self.range.1, &file.text);
        let kind = match self.kind {
            RawKind::Scalar(Kind::Float(number, _)) => {
                // Through an alias the span is the alias's, so the number's digits as written are not available.
                let written = file.text.get(range.clone()).filter(|text| text.parse::<f64>().is_ok());
                Kind::Float(number, written.map_or_else(|| number.to_string(), str::to_owned))
            }
            RawKind::Scalar(kind) => kind,
            RawKind::Seq(items) => Kind::Seq(items.into_iter().map(|item| item.into_node(file, faults)).collect()),
            RawKind::Map(entries) => Kind::Map(unique(entries, file, faults)),
        };
        // A collection's own span ends where its last child ends, not at the parser's last event.
        if let Some(end) = last_end(&kind) {
            range.end = range.end.min(file.text.len()).max(end);
        }
        Node { at: Location::new(file, range), kind }
    }
}

/// The entries of a mapping; a duplicate key is a fault, and the first one counts.
fn unique(entries: Vec<(Spanned<String>, Raw)>, file: &Arc<SourceFile>, faults: &mut Faults) -> Vec<(Key, Node)> {
    let mut found: IndexMap<String, (Key, Node)> = IndexMap::with_capacity(entries.len());
    for (key, raw) in entries {
        let (key, node) = (as_key(key, file), raw.into_node(file, faults));
        match found.entry(key.name.clone()) {
            Entry::Occupied(first) => {
                let (line, _) = file.line_column(first.get().0.at.range.start);
                let fault = Fault::at(&key.at, format!("duplicate key `{}`", key.name));
                faults.push(fault.help(format!("it is in line {line} already")));
            }
            Entry::Vacant(place) => drop(place.insert((key, node))),
        }
    }
    found.into_values().collect()
}

fn last_end(kind: &Kind) -> Option<usize> {
    match kind {
        Kind::Seq(items) => items.last().map(|node| node.at.range.end),
        Kind::Map(entries) => entries.last().map(|(key, node)| node.at.range.end.max(key.at.range.end)),
        _ => None,
    }
}

fn as_key(key: Spanned<String>, file: &Arc<SourceFile>) -> Key {
    let span = key.referenced.span();
    Key { at: Location::new(file, range_of(span.byte_offset(), span.byte_len(), &file.text)), name: key.value }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<RawKind>::deserialize(deserializer)?;
        let span = spanned.referenced.span();
        Ok(Self { range: (span.byte_offset(), span.byte_len()), kind: spanned.value })
    }
}

impl<'de> Deserialize<'de> for RawKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = RawKind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any YAML value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<RawKind, E> {
        Ok(RawKind::Scalar(Kind::Null))
    }

    fn visit_none<E: de::Error>(self) -> Result<RawKind, E> {
        Ok(RawKind::Scalar(Kind::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<RawKind, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<RawKind, E> {
        Ok(RawKind::Scalar(Kind::Bool(flag)))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<RawKind, E> {
        Ok(RawKind::Scalar(Kind::Int(number)))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<RawKind, E> {
        // A number too large for `i64` stays text rather than lose digits.
        let kind = i64::try_from(number).map_or_else(|_| Kind::Str(number.to_string()), Kind::Int);
        Ok(RawKind::Scalar(kind))
    }

    fn visit_i128<E: de::Error>(self, number: i128) -> Result<RawKind, E> {
        Ok(RawKind::Scalar(Kind::Str(number.to_string())))
    }

    fn visit_u128<E: de::Error>(self, number: u128) -> Result<RawKind, E> {
        Ok(RawKind::Scalar(Kind::Str(number.to_string())))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<RawKind, E> {
        Ok(RawKind::Scalar(Kind::Float(number, String::new())))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<RawKind, E> {
        Ok(RawKind::Scalar(Kind::Str(text.to_owned())))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<RawKind, E> {
        Ok(RawKind::Scalar(Kind::Str(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<RawKind, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(RawKind::Seq(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<RawKind, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(RawKind::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(text: &str) -> Node {
        parse(&SourceFile::new("t.yml", text)).unwrap_or_else(|faults| panic!("{faults}"))
    }

    fn faults(text: &str) -> String {
        parse(&SourceFile::new("t.yml", text)).expect_err("a fault").to_string()
    }

    #[test]
    fn words_and_odd_numbers_stay_text() {
        let node = tree("a: no\nb: yes\nc: 0755\nd: 1_000\ne: on\nf: true\ng: 12\nh: 1.20\n");
        let kinds: Vec<String> = node.entries().iter().map(|(_, node)| format!("{:?}", node.kind)).collect();
        let expected = [
            r#"Str("no")"#,
            r#"Str("yes")"#,
            r#"Str("0755")"#,
            r#"Str("1_000")"#,
            r#"Str("on")"#,
            "Bool(true)",
            "Int(12)",
            r#"Float(1.2, "1.20")"#,
        ];
        assert_eq!(kinds, expected);
    }

    #[test]
    fn spans_cover_keys_values_and_aliases() {
        let node = tree("first: &x one\nsecond: *x\n");
        let (key, value) = &node.entries()[1];
        assert_eq!((key.at.text(), key.at.to_string().as_str()), ("second", "t.yml:2:1"));
        assert_eq!(value.at.to_string(), "t.yml:2:9");
        assert_eq!(value.as_str(), Some("one"));
    }

    #[test]
    fn merge_keys_are_merged() {
        let node = tree("base: &b {x: 1}\nuse:\n  <<: *b\n  y: 2\n");
        let merged = node.get("use").and_then(|node| node.get("x")).map(|node| node.kind.clone());
        assert_eq!(merged, Some(Kind::Int(1)));
    }

    #[test]
    fn duplicate_keys_are_a_fault_at_the_second() {
        let expected = "t.yml:3:1: duplicate key `a`\nt.yml:4:11: duplicate key `c`";
        assert_eq!(faults("a: 1\nb: 2\na: 3\nd: {c: 1, c: 2}\n"), expected);
    }

    #[test]
    fn an_unquoted_template_is_named_as_such() {
        assert_eq!(faults("name: x\nport: {{ port }}\n"), "t.yml:2:7: a template that is not quoted");
    }

    #[test]
    fn syntax_errors_have_a_place() {
        assert_eq!(faults("ü: \"x\nb: 2\n"), "t.yml:1:4: unclosed quote");
        assert_eq!(faults("a: 1\nb:\n\t- x\n"), "t.yml:3:2: tabs disallowed within this context (block indentation)");
    }

    #[test]
    fn an_alias_bomb_is_refused() {
        let mut text = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
        for level in 1..9 {
            let before = format!("*a{}", level - 1);
            text += &format!("a{level}: &a{level} [{}]\n", [before.as_str(); 9].join(","));
        }
        assert!(!faults(&text).is_empty());
    }
}
