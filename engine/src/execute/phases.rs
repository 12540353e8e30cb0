//! Phases in order, with their budgets and the window they share.

use std::time::Duration;

use tokio::time::Instant;

use super::{End, Executor};
use crate::duration::HumanDuration;
use crate::event::{EventKind, Outcome};
use crate::playbook::Phase;
use crate::record::millis;
use crate::run::{Environment, Names, holds};

impl Executor<'_> {
    pub(super) async fn phases(&self, names: &mut Names) -> End {
        let phases = &self.run.playbook.phases;
        let outer = Environment::default().with(&self.run.playbook.vars);
        let began = Instant::now();
        let mut end = End::new();
        for (index, phase) in phases.iter().enumerate() {
            if let Err(failure) = self.ports.stop.check() {
                end.absorb(End::failed(failure));
                break;
            }
            self.forecast(&phases[index..], began.elapsed());
            let part = self.phase(index + 1, phase, &outer, names).await;
            let halt = part.failure.is_some();
            end.absorb(part);
            if halt {
                break;
            }
        }
        end
    }

    async fn phase(&self, index: usize, phase: &Phase, outer: &Environment<'_>, names: &mut Names) -> End {
        let budget_ms = phase.budget.map(|budget| millis(budget.0));
        self.recorder().emit(EventKind::PhaseStarted {
            index,
            count: self.run.playbook.phases.len(),
            name: phase.name.clone(),
            budget_ms,
            point_of_no_return: phase.point_of_no_return,
        });
        let began = Instant::now();
        let environment = outer.with(&phase.vars);
        let end = match &phase.when {
            Some(when) => match holds(self.run, when, &environment, names) {
                Ok(true) => self.steps(&phase.steps, &environment, names, phase.check_all).await,
                Ok(false) => End::new(),
                Err(unrendered) => End::failed(unrendered.into()),
            },
            None => self.steps(&phase.steps, &environment, names, phase.check_all).await,
        };
        let took_ms = millis(began.elapsed());
        let (name, outcome) = (phase.name.clone(), end.outcome);
        self.recorder().emit(EventKind::PhaseFinished { index, name, outcome, took_ms, budget_ms });
        end
    }

    /// Warns before the point of no return if what is left does not fit into the window. How the window burns down
    /// otherwise is for the readers to show.
    fn forecast(&self, left: &[Phase], elapsed: Duration) {
        let Some(HumanDuration(window)) = self.run.playbook.window else { return };
        let budgets: Duration = left.iter().filter_map(|phase| phase.budget).map(|budget| budget.0).sum();
        let near = left.first().is_some_and(|phase| phase.point_of_no_return);
        if !near || elapsed + budgets <= window {
            return;
        }
        let rest = HumanDuration(Duration::from_secs(window.saturating_sub(elapsed).as_secs()));
        let need = HumanDuration(budgets);
        let message = format!(
            "the next phase is the point of no return, and {rest} of the window do not hold the {need} that are still \
             budgeted: consider stopping here"
        );
        self.recorder().emit(EventKind::Notice { message });
    }

    /// Whether an end lets the run go on.
    pub(super) fn allowed(&self, mut end: End) -> End {
        if end.outcome > Outcome::FailedAllowed && end.outcome != Outcome::Stopped {
            end.outcome = Outcome::FailedAllowed;
            end.failure = None;
        }
        end
    }
}
