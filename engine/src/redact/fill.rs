//! Puts secrets back where they stood in an event, for a resume or an undo.

use std::collections::BTreeMap;

use cutover_protocol::hidden::{Form, Hidden, MARK};
use serde_json::{Map, Value};

use super::forms::shape;
use crate::event::Event;
use crate::leaves::{self, Visitor, token};
use crate::secrets::SecretValues;

/// A secret that could not be put back.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lack {
    /// Nothing has this name now.
    Missing(String),
    /// Its value has changed.
    Changed(String),
}

impl Lack {
    /// The secret's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Missing(name) | Self::Changed(name) => name,
        }
    }
}

impl std::fmt::Display for Lack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing(name) => write!(f, "the secret `{name}` is missing"),
            Self::Changed(name) => write!(f, "the secret `{name}` is not what it was when the run began"),
        }
    }
}

/// Puts secrets back where they stood in an event. Those that could not be put back stay listed in `hidden`, and are
/// returned. A leaf with several secrets is filled as a whole or not at all.
pub fn fill(event: &mut Event, secrets: &SecretValues) -> Vec<Lack> {
    let mut fill = Fill { secrets, leaves: BTreeMap::new(), lacks: Vec::new() };
    for hidden in std::mem::take(&mut event.hidden) {
        fill.leaves.entry((hidden.at.clone(), hidden.key)).or_default().push(hidden);
    }
    if !fill.leaves.is_empty() {
        leaves::visit(&mut event.kind, &mut fill);
    }
    event.hidden = fill.leaves.into_values().flatten().collect();
    fill.lacks.sort();
    fill.lacks.dedup();
    fill.lacks
}

/// Events with the secrets put back, and the secrets that could not be.
pub fn filled(events: &[Event], secrets: &SecretValues) -> (Vec<Event>, Vec<Lack>) {
    let (mut events, mut lacks) = (events.to_vec(), Vec::new());
    events.iter_mut().for_each(|event| lacks.extend(fill(event, secrets)));
    lacks.sort();
    lacks.dedup();
    (events, lacks)
}

struct Fill<'a> {
    secrets: &'a SecretValues,
    /// The hidden places, by leaf and whether they are in its key.
    leaves: BTreeMap<(String, bool), Vec<Hidden>>,
    lacks: Vec<Lack>,
}

impl Fill<'_> {
    /// The text that stood at a hidden place; `None`, with the reason in `lacks`, if it is not known.
    fn piece(&mut self, hidden: &Hidden) -> Option<String> {
        let name = &hidden.secret;
        let lack = match self.secrets.get(name) {
            _ if self.secrets.is_changed(name) => Lack::Changed(name.clone()),
            None => Lack::Missing(name.clone()),
            Some(text) => match shape(text, hidden.form) {
                Some(piece) => return Some(piece),
                None => Lack::Changed(name.clone()),
            },
        };
        self.lacks.push(lack);
        None
    }

    /// A leaf, or a key, with its secrets put back; `None` if one is missing, or nothing is hidden in it.
    fn restored(&mut self, at: &str, key: bool, text: &str) -> Option<String> {
        let place = (at.to_owned(), key);
        let mut hidden = self.leaves.get(&place)?.clone();
        hidden.sort_by_key(|hidden| std::cmp::Reverse(hidden.offset));
        let mut text = text.to_owned();
        for hidden in &hidden {
            let piece = self.piece(hidden)?;
            let end = hidden.offset + MARK.len();
            // A damaged event is left as it is.
            if text.get(hidden.offset..end) != Some(MARK) {
                return None;
            }
            text.replace_range(hidden.offset..end, &piece);
        }
        self.leaves.remove(&place);
        Some(text)
    }
}

impl Visitor for Fill<'_> {
    fn text(&mut self, at: &str, text: &mut String, _: usize) {
        if let Some(restored) = self.restored(at, false, text) {
            *text = restored;
        }
    }

    fn string(&mut self, at: &str, value: &mut Value) {
        let Value::String(text) = value else { return };
        let place = (at.to_owned(), false);
        let number = self.leaves.get(&place).is_some_and(|all| all.iter().any(|hidden| hidden.form == Form::Number));
        let Some(restored) = self.restored(at, false, text) else { return };
        *value = match serde_json::from_str(&restored) {
            Ok(restored @ Value::Number(_)) if number => restored,
            _ => Value::String(restored),
        };
    }

    fn after(&mut self, at: &str, map: &mut Map<String, Value>) {
        let has_key =
            |(leaf, key): &(String, bool)| *key && leaf.rsplit_once('/').is_some_and(|(object, _)| object == at);
        if !self.leaves.keys().any(has_key) {
            return;
        }
        for (key, value) in std::mem::take(map) {
            let shown = key.rsplit_once('#').map_or(key.as_str(), |(shown, _)| shown);
            let restored = self.restored(&format!("{at}/{}", token(&key)), true, shown);
            map.insert(restored.unwrap_or(key), value);
        }
    }
}
