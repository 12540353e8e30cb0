//! What is left of the change window, and whether the budgets of what is still to come fit into it.

use super::Timeline;

/// The window at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    /// The window.
    pub(crate) window_ms: u64,
    /// What is left; none once it is used up.
    pub(crate) left_ms: Option<u64>,
    /// By how much the window is exceeded already.
    pub(crate) exceeded_ms: u64,
    /// What the rest of this phase and the phases ahead are budgeted with.
    pub(crate) budgeted_ms: u64,
    /// How many phases ahead have no budget, so that the forecast leaves them out.
    pub(crate) unbudgeted: usize,
    /// By how much the forecast exceeds the window.
    pub(crate) over_ms: Option<u64>,
}

impl Timeline {
    /// When the window ends, for a run that has one.
    pub(crate) fn window_end_ms(&self) -> Option<u64> {
        Some(self.window_from_ms.saturating_add(self.header.as_ref()?.window_ms?))
    }

    /// The window at a time, for a run that has one.
    pub(crate) fn window(&self, now_ms: u64) -> Option<Window> {
        let header = self.header.as_ref()?;
        let window_ms = header.window_ms?;
        let begun = self.phase().map_or(0, |phase| phase.index);
        let planned = header.planned.iter().enumerate().map(|(position, phase)| (position + 1, phase));
        // A run that goes on passes those that are done once more.
        let left = planned.filter(|(index, phase)| *index >= begun.max(1) && !self.is_done(*index, phase));
        let (here, ahead): (Vec<_>, Vec<_>) = left.partition(|(index, _)| *index == begun);
        let here = self
            .phase()
            .filter(|phase| phase.outcome.is_none() && !here.is_empty())
            .map_or(0, |phase| phase.budget_ms.map_or(0, |budget| budget.saturating_sub(phase.spent_ms(now_ms))));
        let budgets = ahead.iter().filter_map(|(_, phase)| phase.budget_ms);
        let budgeted_ms = budgets.fold(here, u64::saturating_add);
        let passed_ms = now_ms.saturating_sub(self.window_from_ms);
        let ends_ms = passed_ms.saturating_add(budgeted_ms);
        Some(Window {
            window_ms,
            left_ms: window_ms.checked_sub(passed_ms),
            exceeded_ms: passed_ms.saturating_sub(window_ms),
            budgeted_ms,
            unbudgeted: ahead.iter().filter(|(_, phase)| phase.budget_ms.is_none()).count(),
            over_ms: ends_ms.checked_sub(window_ms).filter(|over| *over > 0),
        })
    }
}
