//! What an earlier, stopped execution of the same run has done, folded from its events. A finished step is not done again:
//! its postcondition may have been undone on purpose by a later one (scaled to zero, then up).

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{Made, made};
use crate::event::{Event, EventKind, Outcome, TaskId};
use crate::failure::FailureClass;
use crate::module::{Change, Class};

/// The finished part of a run.
#[derive(Debug, Clone, Default)]
pub struct Past {
    finished: BTreeSet<String>,
    registered: Map<String, Value>,
    made: Vec<Made>,
    doubts: Vec<(TaskId, Change)>,
    taken_back: bool,
}

impl Past {
    /// Folds events.
    pub fn of(events: &[Event]) -> Self {
        let mut past = Self { made: made(events), ..Self::default() };
        let mut undoing = false;
        for event in events {
            match &event.kind {
                EventKind::RunStarted { verb, .. } => undoing = verb == "undo",
                EventKind::Undone { .. } => past.taken_back = true,
                // An undo is repeated as a whole: its steps look first.
                _ if undoing => {}
                EventKind::StepFinished { step, outcome, .. } => {
                    // What was skipped or refused is looked at again: conditions may have changed.
                    if matches!(outcome, Outcome::InSync | Outcome::Changed | Outcome::FailedAllowed) {
                        past.finished.insert(step.clone());
                    }
                }
                EventKind::Registered { name, value } => {
                    past.registered.insert(name.clone(), value.clone());
                }
                EventKind::Applying { task, change } if change.class == Class::AtMostOnce => {
                    past.doubts.push((task.clone(), change.clone()));
                }
                EventKind::Applied { task, summary } => {
                    past.doubts.retain(|(known, change)| known != task || change.summary != *summary);
                }
                // It came to a known end, so nothing of it is in doubt.
                EventKind::TaskFinished { task, failure, .. } if !failure.as_ref().is_some_and(in_doubt) => {
                    past.doubts.retain(|(known, _)| known != task);
                }
                _ => {}
            }
        }
        past
    }

    /// Whether a change that must not be made twice was begun, and it is not known whether it was made.
    pub(crate) fn doubts(&self, task: &TaskId, change: &Change) -> bool {
        self.doubts.iter().any(|(known, begun)| known == task && begun == change)
    }

    /// The changes that still stand.
    pub(crate) fn made(&self) -> &[Made] {
        &self.made
    }

    /// Whether some of it was taken back.
    pub(crate) fn is_taken_back(&self) -> bool {
        self.taken_back
    }

    /// Whether a step was brought to a good end.
    pub fn has(&self, step: &str) -> bool {
        self.finished.contains(step)
    }

    /// The results that its steps registered.
    pub fn registered(&self) -> Map<String, Value> {
        self.registered.clone()
    }
}

/// Whether a failure leaves open what was done.
fn in_doubt(failure: &crate::event::RecordedFailure) -> bool {
    matches!(failure.class, FailureClass::OutcomeUnknown | FailureClass::TimedOut | FailureClass::Stopped)
}
