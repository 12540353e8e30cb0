//! Parameters from the command line: `-e key=value` and `-e @file.yml`; the last one counts.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use cutover_engine::source::{Fault, Faults, Kind, Node, SourceFile, parse, wrong_type};
use serde_json::{Map, Value};

use super::read;

/// One `-e` argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extra {
    /// `key=value`: always text; the playbook declares its type.
    Value(String, String),
    /// `@file.yml`: a YAML mapping.
    File(PathBuf),
}

impl FromStr for Extra {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match (text.strip_prefix('@'), text.split_once('=')) {
            (Some(""), _) => Err("a file's name has to follow the `@`".to_owned()),
            (Some(path), _) => Ok(Self::File(path.into())),
            (None, Some((key, value))) if !key.is_empty() => Ok(Self::Value(key.to_owned(), value.to_owned())),
            _ => Err("write `key=value`, or `@file.yml`".to_owned()),
        }
    }
}

/// Merges the arguments into parameters. Their types are checked against the playbook later.
///
/// # Errors
/// A file that cannot be read, is not YAML, or is not a mapping.
pub fn parameters(extras: &[Extra]) -> Result<Map<String, Value>, Faults> {
    let mut all = Map::new();
    for extra in extras {
        match extra {
            Extra::Value(key, value) => drop(all.insert(key.clone(), Value::String(value.clone()))),
            Extra::File(path) => all.extend(from_file(path)?),
        }
    }
    Ok(all)
}

fn from_file(path: &Path) -> Result<Map<String, Value>, Faults> {
    let text = read(path).map_err(|error| Fault::bare(format!("cannot read `{}`: {error}", path.display())))?;
    let tree = parse(&SourceFile::new(path, text))?;
    match (&tree.kind, as_written(&tree)) {
        (_, Value::Object(map)) => Ok(map),
        (Kind::Null, _) => Ok(Map::new()),
        _ => Err(wrong_type(&tree, "a file of parameters", "a mapping").into()),
    }
}

/// Plain JSON, except that a number that would not print as it was written stays text: `1.20` is usually a version.
fn as_written(node: &Node) -> Value {
    match &node.kind {
        Kind::Float(number, text) if number.to_string() != *text => Value::String(text.clone()),
        Kind::Seq(items) => items.iter().map(as_written).collect(),
        Kind::Map(entries) => {
            Value::Object(entries.iter().map(|(key, value)| (key.name.clone(), as_written(value))).collect())
        }
        _ => node.to_json(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_may_hold_equals_signs_and_a_file_begins_with_an_at() {
        let value = |key: &str, value: &str| Ok(Extra::Value(key.to_owned(), value.to_owned()));
        assert_eq!("a=b=c".parse(), value("a", "b=c"));
        assert_eq!("a=".parse(), value("a", ""));
        assert_eq!("@x=y.yml".parse(), Ok(Extra::File("x=y.yml".into())));
        for wrong in ["a", "=b", "@", ""] {
            assert!(wrong.parse::<Extra>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_later_one_counts_and_text_stays_text() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("params.yml");
        std::fs::write(&file, "version: 1.20\nreplicas: 3\nratio: 1.5\nnested: {a: [no, 1.10]}\n").expect("a file");
        let value = |key: &str, value: &str| Extra::Value(key.to_owned(), value.to_owned());
        let all = parameters(&[value("replicas", "1"), Extra::File(file), value("ratio", "7")]).expect("parameters");
        let expected = r#"{"replicas":3,"version":"1.20","ratio":"7","nested":{"a":["no","1.10"]}}"#;
        assert_eq!(Value::Object(all).to_string(), expected);
    }

    #[test]
    fn a_file_of_parameters_is_a_mapping() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("params.yml");
        let with = |text: &str| {
            std::fs::write(&file, text).expect("a file");
            parameters(&[Extra::File(file.clone())]).map_err(|faults| faults.0[0].message.clone())
        };
        assert_eq!(with("# nothing yet\n"), Ok(Map::new()));
        assert_eq!(with("- a\n"), Err("a file of parameters must be a mapping, and this is a list".to_owned()));
        assert!(parameters(&[Extra::File("/no/such/file".into())]).is_err());
    }
}
