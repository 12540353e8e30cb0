//! The sums over a run.

use cutover_protocol::event::Outcome;

use super::{Step, Timeline};

/// The sums over a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// All budgets of phases.
    pub(crate) budget_ms: u64,
    /// From the first event to the last.
    pub(crate) actual_ms: u64,
    /// The part of it spent at gates, waiting for people.
    pub(crate) gates_ms: u64,
    /// Changes whose actions all succeeded; those that undo others are not counted.
    pub(crate) changes: usize,
    /// Changes that were undone.
    pub(crate) undone: usize,
    /// Attempts that failed and were followed by another.
    pub(crate) retries: usize,
    /// Steps (blocks not counted) by outcome, from best to worst; those that never ended come last.
    pub(crate) steps: Vec<(Option<Outcome>, usize)>,
}

impl Timeline {
    /// The sums as they stand.
    pub(crate) fn totals(&self) -> Totals {
        let outcomes = [
            Some(Outcome::InSync),
            Some(Outcome::Changed),
            Some(Outcome::Skipped),
            Some(Outcome::FailedAllowed),
            Some(Outcome::Stopped),
            Some(Outcome::Unreachable),
            Some(Outcome::Blocked),
            Some(Outcome::Failed),
            None,
        ];
        let counts = |step: &&Step| !step.is_block() && step.section.is_none();
        let count = |outcome| self.steps().filter(counts).filter(|step| step.outcome == outcome).count();
        let waited = self.steps().filter_map(|step| {
            let gate = step.gate.as_ref()?;
            // One that was ended by a stop was waited at as long as its step went on.
            let until = gate.answer.as_ref().map_or(step.start_ms + step.actual_ms(self.now_ms), |answer| answer.at_ms);
            Some(until.saturating_sub(gate.opened_ms))
        });
        let planned = self.header.as_ref().map_or(&[][..], |header| &header.planned);
        let budget_ms = match planned {
            [] => self.phases.iter().filter_map(|phase| phase.budget_ms).sum(),
            planned => planned.iter().filter_map(|phase| phase.budget_ms).sum(),
        };
        Totals {
            budget_ms,
            actual_ms: self.now_ms,
            gates_ms: waited.sum(),
            changes: self.changes.iter().filter(|made| made.applied && made.counts()).count(),
            undone: self.changes.iter().filter(|made| made.is_undone()).count(),
            retries: self.tasks().map(|(_, task)| task.retries.len()).sum(),
            steps: outcomes.into_iter().map(|outcome| (outcome, count(outcome))).filter(|(_, n)| *n > 0).collect(),
        }
    }
}
