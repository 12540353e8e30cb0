//! What a comparison can say, and the moves it can ask for.

use serde::{Deserialize, Serialize};

use crate::action::Action;

/// The outcome of comparing the wanted state with the probed one.
#[derive(Debug, Clone, PartialEq)]
pub enum Diff {
    /// Nothing to do.
    InSync,
    /// These moves, in order. Afterwards the engine probes and compares again until it sees `InSync`.
    Change(Vec<Change>),
    /// These moves, whose effect a probe cannot see (an arbitrary command). Carried out once; success is that the
    /// actions succeeded.
    Run(Vec<Change>),
    /// Nothing to do but wait: the world is on its way. The engine probes again until the step's timeout.
    Waiting(Waiting),
    /// Refused: doing it would be unsafe, or a condition does not hold. All reasons, not only the first.
    Blocked(Vec<String>),
}

impl Diff {
    /// Waiting without a measure of progress.
    pub fn waiting(why: impl Into<String>) -> Self {
        Self::Waiting(Waiting { why: why.into(), progress: None })
    }

    /// Refused for one reason.
    pub fn blocked(why: impl Into<String>) -> Self {
        Self::Blocked(vec![why.into()])
    }
}

/// What is waited for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Waiting {
    /// In words: `2 of 3 pods ready`.
    pub why: String,
    /// How far it is, if that can be measured.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub progress: Option<Progress>,
}

/// How far something is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// 0 to 100.
    pub percent: f64,
    /// Estimated seconds to the end.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub eta_seconds: Option<u64>,
}

/// One move. Written to the journal before it is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// A human sentence, imperative: `scale StatefulSet common/etcd from 3 to 0`.
    pub summary: String,
    /// Whether it may be repeated after an unknown outcome.
    pub class: Class,
    /// What it does, in order; the first failure ends it.
    pub actions: Vec<Action>,
    /// The actions that take it back; `None` if nothing can.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub undo: Option<Vec<Action>>,
    /// A unified diff or similar to show in a plan.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub preview: Option<String>,
}

impl Change {
    /// A move that may be repeated.
    pub fn idempotent(summary: impl Into<String>, actions: impl IntoIterator<Item = Action>) -> Self {
        Self::new(Class::Idempotent, summary, actions)
    }

    /// A move that must not be repeated after an unknown outcome (mkfs, create-md, forced promote, PVC delete, uninstall).
    pub fn at_most_once(summary: impl Into<String>, actions: impl IntoIterator<Item = Action>) -> Self {
        Self::new(Class::AtMostOnce, summary, actions)
    }

    /// A move that leaves nothing behind, such as a measurement.
    pub fn transient(summary: impl Into<String>, actions: impl IntoIterator<Item = Action>) -> Self {
        Self::new(Class::Transient, summary, actions)
    }

    fn new(class: Class, summary: impl Into<String>, actions: impl IntoIterator<Item = Action>) -> Self {
        let actions = actions.into_iter().collect();
        Self { summary: summary.into(), class, actions, undo: None, preview: None }
    }

    /// Adds the actions that take it back.
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
}

/// Whether a move may be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Repeating it is harmless.
    Idempotent,
    /// After an unknown outcome it is probed, never repeated.
    AtMostOnce,
    /// Leaves nothing behind: a measurement that loads something and therefore is no probe.
    Transient,
}
