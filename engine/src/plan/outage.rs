//! The outage of a plan: which steps are done in it, and how long the budgets let it be.

use super::{PlannedOutage, PlannedPhase, Verdict};
use crate::playbook::Outage;

/// Marks the steps within the outage and forecasts it by the budgets of the phases that it touches; `None` if none begins.
pub(super) fn forecast(phases: &mut [PlannedPhase]) -> Option<PlannedOutage> {
    let mut outage: Option<PlannedOutage> = None;
    for phase in phases {
        let mut touches = false;
        for step in &mut phase.steps {
            let runs = step.verdict != Verdict::Skipped;
            match (&mut outage, step.outage) {
                (None, Some(Outage::Begins)) if runs => {
                    let begins = step.number;
                    outage = Some(PlannedOutage { begins, ends: None, phases: 0, budget_ms: 0, unbudgeted: 0 });
                }
                (Some(outage), ends) if outage.ends.is_none() => {
                    (step.in_outage, touches) = (true, true);
                    outage.ends = (ends == Some(Outage::Ends) && runs).then_some(step.number);
                }
                _ => {}
            }
        }
        if let Some(outage) = outage.as_mut().filter(|_| touches) {
            outage.phases += 1;
            match phase.budget_ms {
                Some(budget) => outage.budget_ms += budget,
                None => outage.unbudgeted += 1,
            }
        }
    }
    outage
}
