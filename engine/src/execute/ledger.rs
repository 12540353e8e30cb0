//! The changes of a run by number: which of them stand, and which were begun without a known end. Folded from events, and
//! updated while a run goes on.

use super::past::lacks;
use crate::event::{Event, EventKind, StandingChange, Verb};
use crate::module::{Change, Class};
use crate::task::{ChangeId, TaskId};

/// A change that was made, or begun, and not undone.
#[derive(Debug, Clone, PartialEq)]
pub struct Made {
    /// Its number.
    pub number: ChangeId,
    /// The task that made it.
    pub task: TaskId,
    /// The change as recorded when it was first begun: its undo actions describe the state before it.
    pub change: Change,
    /// Whether it was completed; if not, the run was interrupted in it.
    pub complete: bool,
    /// The secrets that undoing it needs and that are missing.
    pub lacks: Vec<String>,
}

/// The changes of a run.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    last: u64,
    made: Vec<Made>,
}

impl Ledger {
    /// Folds a journal. Changes that `undo:` steps made are left out: they are not undone in turn.
    pub fn of(events: &[Event]) -> Self {
        let mut ledger = Self::default();
        let mut undoing = false;
        for event in events {
            match &event.kind {
                EventKind::RunStarted { verb, .. } => undoing = *verb == Verb::Undo,
                EventKind::Applying { task, number, change } => {
                    ledger.last = ledger.last.max(number.0);
                    let known = ledger.made.iter().any(|made| made.number == *number);
                    if !undoing && change.class != Class::Transient && !known {
                        let (number, task, change) = (*number, task.clone(), change.clone());
                        let mut lacks: Vec<String> = lacks(event, "/change/undo").map(str::to_owned).collect();
                        lacks.dedup();
                        ledger.made.push(Made { number, task, change, complete: false, lacks });
                    }
                }
                EventKind::Applied { number, .. } | EventKind::DeclaredDone { number, .. } => {
                    ledger.complete(*number);
                }
                EventKind::NotSent { number, .. } | EventKind::Undone { number, .. } => ledger.remove(*number),
                _ => {}
            }
        }
        ledger
    }

    /// The changes that stand, in the order in which they were begun.
    pub fn standing(&self) -> &[Made] {
        &self.made
    }

    /// The number for a change that begins, and whether it is new: the same change begun before without a known end keeps its
    /// number.
    pub(super) fn begin(&mut self, task: &TaskId, change: &Change, stands: bool) -> (ChangeId, bool) {
        let again = |made: &&Made| !made.complete && made.task == *task && made.change.key == change.key;
        if let Some(made) = self.made.iter().find(again) {
            return (made.number, false);
        }
        self.last += 1;
        let number = ChangeId(self.last);
        if stands && change.class != Class::Transient {
            let (task, change) = (task.clone(), change.clone());
            self.made.push(Made { number, task, change, complete: false, lacks: Vec::new() });
        }
        (number, true)
    }

    /// Records that a change was completed.
    pub(super) fn complete(&mut self, number: ChangeId) {
        if let Some(made) = self.made.iter_mut().find(|made| made.number == number) {
            made.complete = true;
        }
    }

    /// Records that a change was undone, or that nothing of it was sent.
    pub(super) fn remove(&mut self, number: ChangeId) {
        self.made.retain(|made| made.number != number);
    }

    /// The standing changes, for the last event of a run.
    pub(super) fn summary(&self) -> Vec<StandingChange> {
        let line = |made: &Made| StandingChange {
            change: made.number,
            task: made.task.clone(),
            summary: made.change.summary.clone(),
            complete: made.complete,
        };
        self.made.iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Target;
    use crate::text::Text;

    #[test]
    fn a_change_that_is_worded_anew_is_the_same_change() {
        let task = TaskId { path: "p/scale".parse().unwrap(), target: Target::Controller };
        let change = |words: &str| Change::idempotent("set-replicas", Text::verbatim(words), []);
        let mut ledger = Ledger::default();
        let first = ledger.begin(&task, &change("scale to 0"), true);
        assert_eq!(ledger.begin(&task, &change("bring the replicas to 0"), true), (first.0, false));
        ledger.complete(first.0);
        assert_ne!(ledger.begin(&task, &change("scale to 0"), true).0, first.0, "that one had come to its end");
    }
}
