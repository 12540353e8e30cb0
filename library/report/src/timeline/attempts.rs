//! A run that goes on counts from where it began: since when the phases and steps that an earlier execution did not bring to a good
//! end take of their budgets, and which phases are done already.

use cutover_protocol::event::{Event, Outcome, PlannedPhase};
use cutover_protocol::path::Path;

use super::super::outcome::is_good;
use super::{Phase, Timeline};

impl Timeline {
    /// Takes in what earlier executions of the run have recorded: its clock goes on, and what they have changed and was not undone
    /// is known. Nothing of it is shown.
    pub(crate) fn recall(&mut self, events: &[Event]) {
        let mut before = Self::of(events);
        before.cut_off();
        self.changes = std::mem::take(&mut before.changes);
        self.outages = std::mem::take(&mut before.outages);
        self.changes.retain(|made| !made.undoes && !made.is_undone());
        self.recalled = Some(Box::new(before));
    }

    /// All phases so far, those of earlier executions first.
    fn phases_before(&self) -> impl DoubleEndedIterator<Item = &Phase> {
        self.recalled.iter().flat_map(|before| &before.phases).chain(&self.phases)
    }

    /// Since when a phase that begins now takes of its budget.
    pub(super) fn phase_begun_ms(&self, index: usize, name: &str) -> u64 {
        let same = self.phases_before().rev().filter(|phase| is(phase, index, name));
        self.begun_ms(same.map(|phase| (phase.start_ms, phase.outcome)))
    }

    /// Since when a step that begins now takes of its budget.
    pub(super) fn step_begun_ms(&self, path: &Path) -> u64 {
        let steps = self.phases_before().rev().flat_map(|phase| phase.steps.iter().rev());
        let same = steps.filter(|step| step.path == *path && step.section.is_none() && !step.undoes());
        self.begun_ms(same.map(|step| (step.start_ms, step.outcome)))
    }

    /// The beginning of the first of several attempts without a good end, the last one first; not before the window.
    fn begun_ms(&self, attempts: impl Iterator<Item = (u64, Option<Outcome>)>) -> u64 {
        let failed = attempts.take_while(|(_, outcome)| !outcome.is_some_and(is_good));
        failed.last().map_or(self.now_ms, |(start_ms, _)| start_ms.max(self.window_from_ms)).min(self.now_ms)
    }

    /// Whether a phase came to a good end, in whichever execution.
    pub(super) fn is_done(&self, index: usize, planned: &PlannedPhase) -> bool {
        let last = self.phases_before().rev().find(|phase| is(phase, index, &planned.name) && phase.outcome.is_some());
        last.and_then(|phase| phase.outcome).is_some_and(is_good)
    }
}

fn is(phase: &Phase, index: usize, name: &str) -> bool {
    phase.index == index && phase.name == name && !phase.undoes
}
