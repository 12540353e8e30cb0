//! Takes secrets out of texts that come from elsewhere, leaf by leaf, and records where they stood. `fill` puts them back.

mod broken;
mod fill;
mod forms;
#[cfg(test)]
mod tests;

use std::borrow::Borrow;
use std::collections::BTreeMap;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use cutover_protocol::hidden::{Form, Hidden, MARK};
use serde_json::{Map, Value};

pub use fill::{Lack, fill, filled};
use forms::needles;

use crate::leaves::{self, Leaves, Visitor, token};
use crate::secrets::SecretValues;

/// The text that replaces a secret.
pub const HIDDEN: &str = MARK;

/// Finds the secrets of a run, in every form in which they can stand in a text.
#[derive(Clone, Default)]
pub struct Redactor {
    /// By the number of the pattern in `search`.
    needles: Vec<(String, Form)>,
    /// The same, broken up.
    broken: Vec<(String, Form)>,
    search: Option<AhoCorasick>,
    /// The names of secrets by their text, for numbers.
    whole: BTreeMap<String, String>,
}

impl Redactor {
    /// A redactor of these secrets.
    pub fn new(secrets: impl Borrow<SecretValues>) -> Self {
        let mut known: BTreeMap<String, (String, Form)> = BTreeMap::new();
        let mut whole = BTreeMap::new();
        for (name, text) in secrets.borrow().iter() {
            whole.entry(text.to_owned()).or_insert_with(|| name.to_owned());
            for (needle, form) in needles(text) {
                known.entry(needle).or_insert_with(|| (name.to_owned(), form));
            }
        }
        // Of two secrets that begin at one place the longer one is hidden, or its rest would show. Building fails only for millions.
        // Secrets are few and texts short, so an automaton that is quick to build beats one that is quick to search.
        let mut search = AhoCorasick::builder();
        search.match_kind(MatchKind::LeftmostLongest).kind(Some(AhoCorasickKind::ContiguousNFA));
        let search = search.build(known.keys()).ok();
        let needles: Vec<(String, Form)> = known.into_values().collect();
        let broken = needles.iter().map(|(name, _)| (name.clone(), Form::Broken)).collect();
        Self { needles, broken, search: search.filter(|_| !whole.is_empty()), whole }
    }

    /// Whether there is nothing to hide.
    pub fn is_idle(&self) -> bool {
        self.search.is_none()
    }

    /// A text without secrets.
    pub fn text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        self.cover(&mut text, 0, |_, _| {});
        text
    }

    /// Takes secrets out of every leaf of some data that comes from elsewhere; returns where they stood.
    pub fn hide(&self, data: &mut (impl Leaves + ?Sized)) -> Vec<Hidden> {
        let mut hide = Hide { redactor: self, found: Vec::new() };
        if !self.is_idle() {
            leaves::visit(data, &mut hide);
        }
        hide.found
    }

    /// Takes secrets out of every text, number and key of a value.
    pub fn value(&self, value: &mut Value) {
        self.hide(value);
    }

    /// Replaces secrets in a text; reports the offset and the needle of each.
    fn cover<'a>(&'a self, text: &mut String, from: usize, mut report: impl FnMut(usize, &'a (String, Form))) {
        let Some(search) = &self.search else { return };
        let (mut covered, mut rest) = (String::new(), 0);
        for (place, number) in broken::found(search, text, from) {
            covered.push_str(&text[rest..place.start]);
            match number {
                Ok(whole) => report(covered.len(), &self.needles[whole]),
                Err(broken) => report(covered.len(), &self.broken[broken]),
            }
            covered.push_str(MARK);
            rest = place.end;
        }
        if rest > 0 {
            covered.push_str(&text[rest..]);
            *text = covered;
        }
    }
}

/// Takes secrets out of leaves.
struct Hide<'a> {
    redactor: &'a Redactor,
    found: Vec<Hidden>,
}

impl Hide<'_> {
    fn found(&mut self, at: &str, offset: usize, secret: &str, form: Form, key: bool) {
        self.found.push(Hidden { at: at.to_owned(), offset, secret: secret.to_owned(), form, key });
    }
}

impl Visitor for Hide<'_> {
    fn text(&mut self, at: &str, text: &mut String, from: usize) {
        let redactor = self.redactor;
        redactor.cover(text, from, |offset, (secret, form)| self.found(at, offset, secret, *form, false));
    }

    fn number(&mut self, at: &str, value: &mut Value) {
        let redactor = self.redactor;
        if let Some(secret) = redactor.whole.get(&value.to_string()) {
            *value = Value::from(MARK);
            self.found(at, 0, secret, Form::Number, false);
        }
    }

    fn before(&mut self, at: &str, map: &mut Map<String, Value>) {
        let redactor = self.redactor;
        let is_secret =
            |key: &String| redactor.search.as_ref().is_some_and(|search| !broken::found(search, key, 0).is_empty());
        if !map.keys().any(is_secret) {
            return;
        }
        let mut taken: Vec<String> = map.keys().filter(|key| !is_secret(key)).cloned().collect();
        let entries = std::mem::take(map);
        for (key, value) in entries {
            let (mut shown, mut places) = (key.clone(), Vec::new());
            redactor.cover(&mut shown, 0, |offset, needle| places.push((offset, needle)));
            if !places.is_empty() {
                // Two keys must not become one.
                let free = (1..).map(|number| format!("{shown}#{number}")).find(|name| !taken.contains(name));
                shown = free.unwrap_or(shown);
                taken.push(shown.clone());
                let at = format!("{at}/{}", token(&shown));
                places.into_iter().for_each(|(offset, (secret, form))| self.found(&at, offset, secret, *form, true));
            }
            map.insert(shown, value);
        }
    }
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redactor({} texts)", self.needles.len())
    }
}
