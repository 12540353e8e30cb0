//! One spanned tree for every YAML file: what was written, and where. It is interpreted elsewhere.

use serde_json::{Map, Value};

use super::Location;

/// A YAML value with its place in the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where the value stands (the use site, if it came through an alias or a merge key).
    pub at: Location,
    /// The value.
    pub kind: Kind,
}

/// A mapping key with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Where the key stands.
    pub at: Location,
    /// Its text.
    pub name: String,
}

/// A node's value.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false` (YAML 1.2: `yes`, `no`, `on`, `off` are text).
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a fraction or exponent; the text stays as it was written (`1.20` stays `1.20`).
    Float(f64, String),
    /// Text.
    Str(String),
    /// A list.
    Seq(Vec<Node>),
    /// A mapping, in the order of the file.
    Map(Vec<(Key, Node)>),
}

impl Node {
    /// Looks up a key in a mapping; `None` if there is no such key, or if this is not a mapping.
    pub fn get(&self, name: &str) -> Option<&Node> {
        self.entries().iter().find(|(key, _)| key.name == name).map(|(_, node)| node)
    }

    /// Looks up a mapping's key itself, for its place.
    pub fn key(&self, name: &str) -> Option<&Key> {
        self.entries().iter().find(|(key, _)| key.name == name).map(|(key, _)| key)
    }

    /// The entries of a mapping; empty for every other kind.
    pub fn entries(&self) -> &[(Key, Node)] {
        match &self.kind {
            Kind::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The elements of a list; empty for every other kind.
    pub fn items(&self) -> &[Node] {
        match &self.kind {
            Kind::Seq(items) => items,
            _ => &[],
        }
    }

    /// The text of a text scalar.
    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::Str(text) => Some(text),
            _ => None,
        }
    }

    /// Walks a JSON pointer (`/phases/0/steps/2/name`); stops at the deepest node that exists.
    pub fn deepest(&self, pointer: &str) -> &Node {
        let mut node = self;
        for part in pointer.split('/').skip(1) {
            let part = part.replace("~1", "/").replace("~0", "~");
            let next = match &node.kind {
                Kind::Seq(items) => part.parse::<usize>().ok().and_then(|index| items.get(index)),
                _ => node.get(&part),
            };
            match next {
                Some(next) => node = next,
                None => break,
            }
        }
        node
    }

    /// Converts the tree to plain JSON, without rendering templates. Floats become numbers.
    pub fn to_json(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(flag) => Value::Bool(*flag),
            Kind::Int(number) => Value::from(*number),
            Kind::Float(number, text) => {
                serde_json::Number::from_f64(*number).map_or_else(|| Value::String(text.clone()), Value::Number)
            }
            Kind::Str(text) => Value::String(text.clone()),
            Kind::Seq(items) => items.iter().map(Node::to_json).collect(),
            Kind::Map(entries) => Value::Object(
                entries.iter().map(|(key, node)| (key.name.clone(), node.to_json())).collect::<Map<_, _>>(),
            ),
        }
    }
}
