//! One change that a module asks for, as data. Written to the journal before it is made.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::subject::Subject;
use crate::text::Text;

/// One change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// Its name: the same in every version and language, unique among the changes that its task can ask for at
    /// once. `set-replicas`, or with the thing that is changed: `create-directory /srv/etcd`.
    pub key: String,
    /// A sentence, imperative: `scale StatefulSet common/etcd from 3 to 0`.
    pub summary: Text,
    /// Whether it may be repeated after an unknown outcome.
    pub class: Class,
    /// What it does, in order; the first failure ends it.
    pub actions: Vec<Action>,
    /// The actions that undo it; `None` if nothing can.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub undo: Option<Vec<Action>>,
    /// A unified diff or the like, shown in a plan.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub preview: Option<String>,
    /// What it alters beyond what its module probes.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub alters: Vec<Subject>,
    /// Whether the world is looked at again before the next change of the list: what comes after depends on what this one
    /// brings about.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub look_after: bool,
}

impl Change {
    /// A change that may be repeated.
    pub fn idempotent(key: impl Into<String>, summary: Text, actions: impl IntoIterator<Item = Action>) -> Self {
        Self::new(Class::Idempotent, key, summary, actions)
    }

    /// A change that must not be repeated after an unknown outcome (mkfs, create-md, forced promotion, deletion of a claim).
    pub fn at_most_once(key: impl Into<String>, summary: Text, actions: impl IntoIterator<Item = Action>) -> Self {
        Self::new(Class::AtMostOnce, key, summary, actions)
    }

    /// A change that leaves nothing behind, such as a measurement.
    pub fn transient(key: impl Into<String>, summary: Text, actions: impl IntoIterator<Item = Action>) -> Self {
        Self::new(Class::Transient, key, summary, actions)
    }

    /// A change of a class.
    pub fn new(class: Class, key: impl Into<String>, summary: Text, actions: impl IntoIterator<Item = Action>) -> Self {
        let (key, actions) = (key.into(), actions.into_iter().collect());
        Self { key, summary, class, actions, undo: None, preview: None, alters: Vec::new(), look_after: false }
    }

    /// Adds the actions that undo it.
    #[must_use]
    pub fn undo(mut self, actions: impl IntoIterator<Item = Action>) -> Self {
        self.undo = Some(actions.into_iter().collect());
        self
    }

    /// Adds a preview.
    #[must_use]
    pub fn preview(mut self, preview: impl Into<String>) -> Self {
        self.preview = Some(preview.into());
        self
    }

    /// Has the world looked at again before the next change of the list.
    #[must_use]
    pub fn look_after(mut self) -> Self {
        self.look_after = true;
        self
    }

    /// Adds what it alters beyond what its module probes.
    #[must_use]
    pub fn alters(mut self, subjects: impl IntoIterator<Item = Subject>) -> Self {
        self.alters.extend(subjects);
        self
    }
}

/// Whether a change may be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Repeating it is harmless.
    Idempotent,
    /// After an unknown outcome it is probed, never repeated.
    AtMostOnce,
    /// Leaves nothing behind: a measurement that loads something and therefore is not a probe.
    Transient,
}
