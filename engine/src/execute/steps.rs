//! Steps in order, and blocks of them.

use std::collections::BTreeSet;

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::{End, Executor, made_to_fail};
use crate::event::{EventKind, Outcome};
use crate::failure::FailureClass;
use crate::playbook::{Step, StepKind};
use crate::record::millis;
use crate::run::{Environment, Names, block_items, holds, title};

/// The sections of a block.
struct Block<'s> {
    block: &'s [Step],
    rescue: &'s [Step],
    always: &'s [Step],
}

impl Executor<'_> {
    /// Executes steps in order until one fails; all of them with `check_all`.
    pub(super) fn steps<'s>(
        &'s self,
        steps: &'s [Step],
        environment: &'s Environment<'s>,
        names: &'s mut Names,
        check_all: bool,
    ) -> BoxFuture<'s, End> {
        Box::pin(async move {
            let mut end = End::new();
            let mut unmet = BTreeSet::new();
            for step in steps {
                if let Err(failure) = self.ports.stop.check() {
                    end.absorb(End::failed(failure));
                    break;
                }
                let part = self.step(step, steps, environment, names, &unmet).await;
                let failed = part.failure.is_some();
                let stopped = part.outcome == Outcome::Stopped;
                end.absorb(part);
                if failed && check_all && !stopped {
                    unmet.extend(step.register.iter().cloned());
                } else if failed {
                    break;
                }
            }
            end
        })
    }

    async fn step(
        &self,
        step: &Step,
        siblings: &[Step],
        environment: &Environment<'_>,
        names: &mut Names,
        unmet: &BTreeSet<String>,
    ) -> End {
        let began = Instant::now();
        let module = match &step.kind {
            StepKind::Module { module, .. } => module.clone(),
            StepKind::Gate(_) => "gate".to_owned(),
            StepKind::Block { .. } => "block".to_owned(),
        };
        self.recorder().emit(EventKind::StepStarted {
            step: step.id.clone(),
            name: title(self.run, step, environment, names),
            module,
            place: step.at.to_string(),
            budget_ms: step.budget.map(|budget| millis(budget.0)),
            targets: crate::run::targets_of(self.run, step, environment, names),
        });
        let (mut end, mut attempts, mut reason) = (End::new(), 0, None);
        if self.settings.past.has(&step.id) {
            reason = Some("done before the run was stopped".to_owned());
        } else if !self.selected(step, siblings) {
            reason = Some("not selected by tags".to_owned());
        } else {
            (end, attempts) = match &step.kind {
                StepKind::Module { .. } => self.module(step, environment, names, unmet).await,
                StepKind::Gate(gate) => (self.gate(step, gate, environment, names).await, 1),
                StepKind::Block { block, rescue, always } => {
                    (self.block(step, &Block { block, rescue, always }, environment, names).await, 1)
                }
            };
            if end.outcome == Outcome::Skipped && end.failure.is_none() {
                reason = step.when.as_ref().map(|when| format!("when: {}", when.at.text().trim()));
            }
        }
        if step.allow_failure {
            end = self.allowed(end);
        }
        let (outcome, took_ms) = (end.outcome, millis(began.elapsed()));
        self.recorder().emit(EventKind::StepFinished { step: step.id.clone(), outcome, took_ms, attempts, reason });
        end
    }

    /// Whether tags let a step run. A gate stands for the steps beside it: it is asked if one of them runs.
    fn selected(&self, step: &Step, siblings: &[Step]) -> bool {
        let tags = &self.settings.tags;
        match &step.kind {
            StepKind::Module { .. } => tags.select(&step.tags),
            StepKind::Gate(_) => {
                let mut others = siblings.iter().filter(|other| !matches!(other.kind, StepKind::Gate(_)));
                tags.select(&step.tags) || others.any(|other| tags.select(&other.tags))
            }
            // Its steps have inherited its tags and are asked one by one.
            StepKind::Block { .. } => true,
        }
    }

    async fn block(&self, step: &Step, parts: &Block<'_>, environment: &Environment<'_>, names: &mut Names) -> End {
        let mut inner = environment.with(&step.vars);
        if let Some(target) = &step.target {
            inner.target = Some(target);
        }
        if let Some(when) = &step.when {
            match holds(self.run, when, &inner, names) {
                Ok(true) => {}
                Ok(false) => return End::new(),
                Err(unrendered) => return End::failed(unrendered.into()),
            }
        }
        if self.made_to_fail(step) {
            return self.refuse(&step.id, made_to_fail());
        }
        let items = match block_items(self.run, step, &inner, names) {
            Ok(items) => items,
            Err(unrendered) => return End::failed(unrendered.into()),
        };
        let mut end = End::new();
        for item in items {
            if item.is_some() {
                inner.item = item;
            }
            let part = self.sections(parts, &inner, names).await;
            let failed = part.failure.is_some();
            end.absorb(part);
            if failed {
                break;
            }
        }
        end
    }

    async fn sections(&self, parts: &Block<'_>, environment: &Environment<'_>, names: &mut Names) -> End {
        let mut end = self.steps(parts.block, environment, names, false).await;
        let stopped = end.failure.as_ref().is_some_and(|failure| failure.class == FailureClass::Stopped);
        if end.failure.is_some() && !parts.rescue.is_empty() && !stopped {
            let rescue = self.steps(parts.rescue, environment, names, false).await;
            end = match rescue.failure {
                Some(_) => rescue,
                None => End { outcome: Outcome::FailedAllowed, failure: None },
            };
        }
        if !parts.always.is_empty() {
            end.absorb(self.steps(parts.always, environment, names, false).await);
        }
        end
    }
}
