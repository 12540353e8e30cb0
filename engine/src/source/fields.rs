//! Reads a mapping key by key and collects every fault: missing and unknown keys, wrong types. Not what the keys mean.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

use super::{Fault, Faults, Key, Kind, Location, Node, nearest};
use crate::schema::Judge;

/// A mapping that is being read.
pub struct Fields<'a> {
    node: &'a Node,
    what: &'a str,
    known: Vec<&'static str>,
    excused: Vec<&'a str>,
}

impl<'a> Fields<'a> {
    /// Begins to read a mapping; `what` names it in messages: `a step`.
    ///
    /// # Errors
    /// The node is not a mapping.
    pub fn of(node: &'a Node, what: &'a str) -> Result<Self, Fault> {
        match node.kind {
            Kind::Map(_) => Ok(Self { node, what, known: Vec::new(), excused: Vec::new() }),
            _ => Err(wrong_type(node, what, "a mapping")),
        }
    }

    /// The mapping itself.
    pub fn whole(&self) -> &'a Node {
        self.node
    }

    /// A value, unchanged.
    pub fn node(&mut self, name: &'static str) -> Option<&'a Node> {
        self.known.push(name);
        self.node.get(name)
    }

    /// Text.
    pub fn text(&mut self, name: &'static str, faults: &mut Faults) -> Option<String> {
        let node = self.node(name)?;
        match &node.kind {
            Kind::Str(text) => Some(text.clone()),
            _ => {
                faults.push(wrong_type(node, &format!("`{name}`"), "text"));
                None
            }
        }
    }

    /// Text that is required.
    pub fn required_text(&mut self, name: &'static str, faults: &mut Faults) -> Option<String> {
        if self.node.get(name).is_none() {
            self.known.push(name);
            faults.push(self.missing(name));
            return None;
        }
        self.text(name, faults)
    }

    /// `true` or `false`; `false` if absent.
    pub fn flag(&mut self, name: &'static str, faults: &mut Faults) -> bool {
        let Some(node) = self.node(name) else { return false };
        match node.kind {
            Kind::Bool(flag) => flag,
            _ => {
                faults.push(wrong_type(node, &format!("`{name}`"), "true or false"));
                false
            }
        }
    }

    /// Text that is parsed further: a duration.
    pub fn parsed<T: FromStr<Err = String>>(&mut self, name: &'static str, faults: &mut Faults) -> Option<T> {
        let node = self.node(name)?;
        let parsed = match &node.kind {
            Kind::Str(text) => text.parse().map_err(|why: String| Fault::at(&node.at, why)),
            Kind::Int(number) => number.to_string().parse().map_err(|why: String| Fault::at(&node.at, why)),
            _ => Err(wrong_type(node, &format!("`{name}`"), "text")),
        };
        parsed.map_err(|fault| faults.push(fault)).ok()
    }

    /// A list of texts; a single text counts as a list of one.
    pub fn texts(&mut self, name: &'static str, faults: &mut Faults) -> Vec<String> {
        let Some(node) = self.node(name) else { return Vec::new() };
        let items = match &node.kind {
            Kind::Seq(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        let mut found = Vec::new();
        for item in items {
            match item.as_str() {
                Some(text) => found.push(text.to_owned()),
                None => faults.push(wrong_type(item, &format!("`{name}`"), "text or a list of texts")),
            }
        }
        found
    }

    /// Anything that serde decodes; faults point to the values that are wrong.
    pub fn decoded<T: DeserializeOwned + JsonSchema>(&mut self, name: &'static str, faults: &mut Faults) -> Option<T> {
        let node = self.node(name)?;
        faults.take(decode(node, &format!("`{name}`")))
    }

    /// The entries of a mapping under a key; empty if absent.
    pub fn entries(&mut self, name: &'static str, faults: &mut Faults) -> &'a [(Key, Node)] {
        let Some(node) = self.node(name) else { return &[] };
        match &node.kind {
            Kind::Map(entries) => entries,
            Kind::Null => &[],
            _ => {
                faults.push(wrong_type(node, &format!("`{name}`"), "a mapping"));
                &[]
            }
        }
    }

    /// The items of a list under a key; empty if absent.
    pub fn items(&mut self, name: &'static str, faults: &mut Faults) -> &'a [Node] {
        let Some(node) = self.node(name) else { return &[] };
        match &node.kind {
            Kind::Seq(items) => items,
            Kind::Null => &[],
            _ => {
                faults.push(wrong_type(node, &format!("`{name}`"), "a list"));
                &[]
            }
        }
    }

    /// The keys that were not read.
    pub fn others(&self) -> impl Iterator<Item = &'a (Key, Node)> {
        self.node.entries().iter().filter(|(key, _)| !self.known.contains(&key.name.as_str()))
    }

    /// Suppresses the unknown-key fault for a key that is already reported.
    pub fn excuse(&mut self, name: &'a str) {
        self.excused.push(name);
    }

    /// Reports every key that was not read as unknown.
    pub fn finish(self, faults: &mut Faults) {
        for (key, _) in self.others().filter(|(key, _)| !self.excused.contains(&key.name.as_str())) {
            faults.push(unknown_key(key, self.what, self.known.iter().copied()));
        }
    }

    /// The fault of a missing key.
    pub fn missing(&self, name: &str) -> Fault {
        let first = self.node.entries().first().map_or(&self.node.at, |(key, _)| &key.at);
        Fault::at(first, format!("{} has no `{name}`", self.what)).label("in the mapping that begins here")
    }
}

/// Decodes a tree with serde; `what` names the whole in messages.
///
/// # Errors
/// All faults that the type's schema finds; if it finds none, the first one that serde finds.
pub fn decode<T: DeserializeOwned + JsonSchema>(node: &Node, what: &str) -> Result<T, Faults> {
    serde_path_to_error::deserialize(node.to_json()).map_err(|error| {
        // The schema comes second, because it takes longer to compile than a small value to decode.
        let found = Judge::of::<T>().map(|judge| judge.faults(node, what, &node.at)).unwrap_or_default();
        if found.is_empty() {
            Fault::at(place(node, error.path()), format!("{what}: {}", error.inner())).into()
        } else {
            Faults(found)
        }
    })
}

fn place<'n>(mut node: &'n Node, path: &serde_path_to_error::Path) -> &'n Location {
    for segment in path {
        let next = match segment {
            Segment::Map { key } => node.get(key),
            Segment::Seq { index } => node.items().get(*index),
            Segment::Enum { .. } | Segment::Unknown => Some(node),
        };
        match next {
            Some(next) => node = next,
            None => break,
        }
    }
    &node.at
}

/// The fault of an unknown key.
pub fn unknown_key<'k>(key: &Key, what: &str, known: impl Iterator<Item = &'k str>) -> Fault {
    let fault = Fault::at(&key.at, format!("unknown key `{}` in {what}", key.name));
    match nearest(&key.name, known) {
        Some(near) => fault.help(format!("did you mean `{near}`?")),
        None => fault,
    }
}

/// The fault of a value of the wrong type.
pub fn wrong_type(node: &Node, what: &str, wanted: &str) -> Fault {
    let found = match &node.kind {
        Kind::Null => "nothing",
        Kind::Bool(_) => "true or false",
        Kind::Int(_) | Kind::Float(..) => "a number",
        Kind::Str(_) => "text",
        Kind::Seq(_) => "a list",
        Kind::Map(_) => "a mapping",
    };
    let fault = Fault::at(&node.at, format!("{what} must be {wanted}, and this is {found}"));
    match node.as_str() {
        Some("yes" | "on" | "Yes" | "True" | "TRUE") if wanted == "true or false" => fault.help("write `true`"),
        Some("no" | "off" | "No" | "False" | "FALSE") if wanted == "true or false" => fault.help("write `false`"),
        Some(_) if wanted == "a list" => fault.help("write `[one, two]`, or one `- item` on each line"),
        _ => fault,
    }
}
