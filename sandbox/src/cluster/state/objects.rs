//! The objects of a cluster, by key and by UID, with a log of which were touched: so that each controller looks at those
//! alone. Not the rules by which objects change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::key::Key;

/// The objects. A copy shares all of them with the original until one of the two changes something.
#[derive(Debug, Clone, Default)]
pub(crate) struct Objects {
    all: Arc<BTreeMap<Key, Arc<Value>>>,
    uids: Arc<BTreeMap<String, Key>>,
    /// What was touched since all controllers were content, oldest first.
    touched: Vec<Key>,
}

impl Objects {
    /// An object.
    pub(crate) fn get(&self, key: &Key) -> Option<&Arc<Value>> {
        self.all.get(key)
    }

    /// Whether there is an object.
    pub(crate) fn contains(&self, key: &Key) -> bool {
        self.all.contains_key(key)
    }

    /// The key of the object with a UID.
    pub(crate) fn key_of(&self, uid: &str) -> Option<&Key> {
        self.uids.get(uid)
    }

    /// All keys and objects.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Key, &Arc<Value>)> {
        self.all.iter()
    }

    /// The keys and objects from a key on.
    pub(crate) fn from(&self, first: Key) -> impl Iterator<Item = (&Key, &Arc<Value>)> {
        self.all.range(first..)
    }

    /// Puts an object there, new or instead of the old one.
    pub(crate) fn insert(&mut self, key: Key, object: Value) {
        let uid = object["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
        let all = Arc::make_mut(&mut self.all);
        let old = all.insert(key.clone(), Arc::new(object));
        if old.is_none_or(|old| old["metadata"]["uid"] != uid.as_str()) {
            Arc::make_mut(&mut self.uids).insert(uid, key.clone());
        }
        self.touch(key);
    }

    /// Takes an object away.
    pub(crate) fn remove(&mut self, key: &Key) {
        let Some(old) = Arc::make_mut(&mut self.all).remove(key) else { return };
        if let Some(uid) = old["metadata"]["uid"].as_str() {
            Arc::make_mut(&mut self.uids).remove(uid);
        }
        self.touch(key.clone());
    }

    /// Says that there is something new about an object, or what belongs to it: controllers look at it again.
    pub(crate) fn touch(&mut self, key: Key) {
        self.touched.push(key);
    }

    /// How much was touched since all controllers were content.
    pub(crate) fn touches(&self) -> usize {
        self.touched.len()
    }

    /// What was touched after the first so many touches, sorted.
    pub(crate) fn touched_after(&self, seen: usize) -> BTreeSet<Key> {
        self.touched.get(seen..).unwrap_or_default().iter().cloned().collect()
    }

    /// All controllers are content.
    pub(crate) fn forget_touched(&mut self) {
        self.touched.clear();
    }
}
