//! The name of a piece of work: the path of a step through a playbook, with the position in each loop around it.
//! `stop/each-node[2]/stop-the-service` is the step *Stop the service* in the second pass of the loop *Each node*.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A step's path. Two paths are the same if names and positions are; see [`Path::agrees_with`] for the elements.
#[derive(Debug, Clone, Default, JsonSchema)]
#[schemars(with = "String")]
pub struct Path(Vec<Segment>);

/// One name of a path: a phase, a block (or `rescue`, `always` and `undo` in it), or the step itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// The slug of its title.
    pub name: String,
    /// Which element of its `loop`, if it has one.
    pub item: Option<Item>,
}

/// An element of a loop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its position, from 1.
    pub position: u32,
    /// The beginning of a digest of its value; empty in a path that a person typed. A run is not resumed at an element that
    /// is not what it was.
    pub digest: String,
}

impl Path {
    /// The path of a step's id, outside of any loop.
    pub fn of(id: &str) -> Self {
        let name = |name: &str| Segment { name: name.to_owned(), item: None };
        Self(id.split('/').filter(|name| !name.is_empty()).map(name).collect())
    }

    /// The path of a child. `names` may be several, as in `rescue/look`.
    #[must_use]
    pub fn join(&self, names: &str) -> Self {
        let mut path = self.clone();
        path.0.extend(Self::of(names).0);
        path
    }

    /// This path in one pass of its own loop.
    #[must_use]
    pub fn at(&self, item: Item) -> Self {
        let mut path = self.clone();
        if let Some(last) = path.0.last_mut() {
            last.item = Some(item);
        }
        path
    }

    /// This path without the pass of its own loop: the step, of which a task is one pass.
    #[must_use]
    pub fn step(&self) -> Self {
        let mut path = self.clone();
        if let Some(last) = path.0.last_mut() {
            last.item = None;
        }
        path
    }

    /// The element of its own loop.
    pub fn item(&self) -> Option<&Item> {
        self.0.last().and_then(|last| last.item.as_ref())
    }

    /// The parent's path; `None` for a phase.
    pub fn parent(&self) -> Option<Self> {
        (self.0.len() > 1).then(|| Self(self.0[..self.0.len() - 1].to_vec()))
    }

    /// The step's id in the playbook: the names alone.
    pub fn id(&self) -> String {
        self.0.iter().map(|segment| segment.name.as_str()).collect::<Vec<_>>().join("/")
    }

    /// Its names, from the outside in.
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// Whether another path is this one or one inside it. A path that ends without a position stands for every pass of its loop.
    pub fn is_within(&self, outer: &Self) -> bool {
        let last = outer.0.len().saturating_sub(1);
        let same = |(index, (own, other)): (usize, (&Segment, &Segment))| {
            let every = index == last && other.item.is_none();
            own.name == other.name && (every || positions(own) == positions(other))
        };
        self.0.len() >= outer.0.len() && self.0.iter().zip(&outer.0).enumerate().all(same)
    }

    /// Whether the elements of all its loops are the same as another's with the same positions. Where one side does not know
    /// an element, it agrees.
    pub fn agrees_with(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(own, other)| match (&own.item, &other.item) {
            (Some(own), Some(other)) => own.digest.is_empty() || other.digest.is_empty() || own.digest == other.digest,
            _ => true,
        })
    }

    fn key(&self) -> impl Iterator<Item = (&str, u32)> {
        self.0.iter().map(|segment| (segment.name.as_str(), positions(segment)))
    }

    fn write(&self, f: &mut impl fmt::Write, digests: bool) -> fmt::Result {
        for (index, segment) in self.0.iter().enumerate() {
            let between = if index == 0 { "" } else { "/" };
            write!(f, "{between}{}", segment.name)?;
            match &segment.item {
                Some(item) if digests && !item.digest.is_empty() => write!(f, "[{}:{}]", item.position, item.digest)?,
                Some(item) => write!(f, "[{}]", item.position)?,
                None => {}
            }
        }
        Ok(())
    }
}

/// The position, 0 outside of a loop.
fn positions(segment: &Segment) -> u32 {
    segment.item.as_ref().map_or(0, |item| item.position)
}

impl PartialEq for Path {
    fn eq(&self, other: &Self) -> bool {
        self.key().eq(other.key())
    }
}

impl Eq for Path {}

impl PartialOrd for Path {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Path {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(other.key())
    }
}

impl std::hash::Hash for Path {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.key().for_each(|segment| segment.hash(state));
    }
}

impl fmt::Display for Path {
    /// As a person types it: without digests.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, false)
    }
}

impl FromStr for Path {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split('/').map(segment).collect::<Result<Vec<_>, _>>().map(Self)
    }
}

/// Parses `name`, `name[2]` or `name[2:3f5a]`.
pub(crate) fn segment(text: &str) -> Result<Segment, String> {
    let wrong = || format!("`{text}` is not part of a path: write `name`, or `name[2]` for the second pass of a loop");
    let Some((name, rest)) = text.split_once('[') else {
        let plain = !text.is_empty() && !text.contains(']');
        return if plain { Ok(Segment { name: text.to_owned(), item: None }) } else { Err(wrong()) };
    };
    let inner = rest.strip_suffix(']').ok_or_else(wrong)?;
    let (position, digest) = inner.split_once(':').unwrap_or((inner, ""));
    let position: u32 = position.parse().map_err(|_| wrong())?;
    if name.is_empty() || position == 0 {
        return Err(wrong());
    }
    Ok(Segment { name: name.to_owned(), item: Some(Item { position, digest: digest.to_owned() }) })
}

impl Serialize for Path {
    /// With digests: a journal records what each element was.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = String::new();
        self.write(&mut text, true).map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Path {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Path {
        text.parse().unwrap()
    }

    #[test]
    fn a_path_comes_back_from_its_text() {
        for text in ["p", "p/make-all[2:3f5a9c01]/make-a", "p/each[1:00]", "停止/a[10:x]/rescue/b"] {
            assert_eq!(serde_json::to_value(path(text)).unwrap(), serde_json::json!(text));
        }
        assert_eq!(path("p/make-all[2:3f5a]/make-a").to_string(), "p/make-all[2]/make-a");
        assert_eq!(path("p/make-all[2:3f5a]/make-a").id(), "p/make-all/make-a");
    }

    #[test]
    fn a_malformed_path_is_refused_with_the_grammar() {
        for text in ["", "/a", "a//b", "a[", "a[]", "a[0]", "a[x]", "[1]", "a]", "a[1]b"] {
            let why = text.parse::<Path>().unwrap_err();
            assert!(why.contains("name[2]"), "{text}: {why}");
        }
    }

    #[test]
    fn positions_make_the_difference_and_digests_do_not() {
        assert_eq!(path("a[1:x]/b"), path("a[1:y]/b"));
        assert_ne!(path("a[1]/b"), path("a[2]/b"));
        assert_ne!(path("a/b"), path("a[1]/b"));
        assert!(!path("a[1:x]/b").agrees_with(&path("a[1:y]/b")));
        assert!(path("a[1]/b").agrees_with(&path("a[1:y]/b")));
        assert!(path("a[1]/b/c").is_within(&path("a[1]")) && !path("a[2]/b").is_within(&path("a[1]")));
        assert!(!path("ab/c").is_within(&path("a")));
        assert!(path("a[1]/b").is_within(&path("a")) && path("a[2]").is_within(&path("a")));
    }
}
