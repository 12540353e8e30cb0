//! Text to spanned tree. The only place that calls the YAML package, so that its options hold for every file.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::Spanned;

use super::{Fault, Faults, Key, Kind, Location, Node, SourceFile};

/// Parses a YAML file into a spanned tree. An empty file is null.
///
/// # Errors
/// A syntax error, a duplicate key, or a document that is too large when its aliases are expanded, each with its place.
pub fn parse(file: &Arc<SourceFile>) -> Result<Node, Faults> {
    let options = serde_yaml::options! {
        // YAML 1.2 as people expect it: `no` is text, `0755` and `1_000` are text.
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        with_snippet: false,
        budget: serde_yaml::budget! { max_nodes: 600_000, max_events: 3_000_000 },
    };
    match serde_yaml::from_str_with_options::<Raw>(&file.text, options) {
        Ok(raw) => Ok(raw.into_node(file)),
        Err(error) => Err(syntax_fault(file, &error).into()),
    }
}

fn syntax_fault(file: &Arc<SourceFile>, error: &serde_yaml::Error) -> Fault {
    let error = error.without_snippet();
    let text = error.to_string();
    // The message repeats the place in its own way; ours comes from the location.
    let message = [" at line ", ", set DuplicateKeyPolicy"]
        .iter()
        .fold(text.as_str(), |text, end| text.split(end).next().unwrap_or(text))
        .trim_end_matches([':', ',', ' '])
        .to_owned();
    let Some(location) = error.location() else {
        return Fault::at(&Location::new(file, 0..0), message);
    };
    let line = usize::try_from(location.line()).unwrap_or(1);
    if let Some(range) = unquoted_template(&file.text, line) {
        return Fault::at(&Location::new(file, range), "a template that is not quoted")
            .label("YAML reads this as a mapping")
            .help("quote the template: \"{{ ... }}\"");
    }
    let start = range_of(location.span().byte_offset(), location.span().byte_len(), &file.text);
    Fault::at(&Location::new(file, start), message)
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
    fn into_node(self, file: &Arc<SourceFile>) -> Node {
        let mut range = range_of(self.range.0, self.range.1, &file.text);
        let kind = match self.kind {
            RawKind::Scalar(Kind::Float(number, _)) => {
                // Through an alias the span is the alias's; the number as written is not to be had there.
                let written = file.text.get(range.clone()).filter(|text| text.parse::<f64>().is_ok());
                Kind::Float(number, written.map_or_else(|| number.to_string(), str::to_owned))
            }
            RawKind::Scalar(kind) => kind,
            RawKind::Seq(items) => Kind::Seq(items.into_iter().map(|item| item.into_node(file)).collect()),
            RawKind::Map(entries) => {
                Kind::Map(entries.into_iter().map(|(key, node)| (as_key(key, file), node.into_node(file))).collect())
            }
        };
        // A collection's own span ends where its last child ends, not at the parser's last event.
        if let Some(end) = last_end(&kind) {
            range.end = range.end.min(file.text.len()).max(end);
        }
        Node { at: Location::new(file, range), kind }
    }
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
        // Numbers that do not fit keep their digits as text rather than lose some.
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
        assert_eq!(faults("a: 1\nb: 2\na: 3\n"), "t.yml:3:1: duplicate mapping key: a");
    }

    #[test]
    fn an_unquoted_template_is_named_as_such() {
        assert_eq!(faults("name: x\nport: {{ port }}\n"), "t.yml:2:7: a template that is not quoted");
    }

    #[test]
    fn syntax_errors_have_a_place() {
        assert!(faults("a: [1, 2\nb: 3\n").starts_with("t.yml:"));
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
