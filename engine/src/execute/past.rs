//! What an earlier, stopped execution of the same run has done, folded from its events. A finished step is not done again:
//! its postcondition may have been undone on purpose by a later one (scaled to zero, then up).

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{Made, made};
use crate::event::{Event, EventKind, Outcome};

/// The finished part of a run.
#[derive(Debug, Clone, Default)]
pub struct Past {
    finished: BTreeSet<String>,
    made: Vec<Made>,
    registered: Map<String, Value>,
}

impl Past {
    /// Folds events.
    pub fn of(events: &[Event]) -> Self {
        let mut past = Self { made: made(events), ..Self::default() };
        for event in events {
            match &event.kind {
                EventKind::StepFinished { step, outcome, .. } => {
                    // What was skipped or refused is looked at again: conditions may have changed.
                    if matches!(outcome, Outcome::InSync | Outcome::Changed | Outcome::FailedAllowed) {
                        past.finished.insert(step.clone());
                    }
                }
                // Taken back: it has to be done again.
                EventKind::Undone { task, .. } => drop(past.finished.remove(&task.step)),
                EventKind::Registered { name, value } => {
                    past.registered.insert(name.clone(), value.clone());
                }
                _ => {}
            }
        }
        past
    }

    /// Whether a step was brought to a good end.
    pub fn has(&self, step: &str) -> bool {
        self.finished.contains(step)
    }

    /// What it has changed and was not taken back.
    pub(super) fn made(&self) -> &[Made] {
        &self.made
    }

    /// The results that its steps registered.
    pub fn registered(&self) -> Map<String, Value> {
        self.registered.clone()
    }
}
