//! Walks a playbook as execution does, but only looks.

use std::sync::Arc;

use futures_util::future::{BoxFuture, join_all};
use serde_json::json;

use super::{Plan, PlannedPhase, PlannedStep, PlannedTask, Verdict};
use crate::event::RecordedFailure;
use crate::execute::Tags;
use crate::failure::{Failure, FailureClass};
use crate::module::{Diff, Registry};
use crate::playbook::{Phase, Step, StepKind};
use crate::record::millis;
use crate::redact::Redactor;
use crate::run::{Environment, Names, Run, Task, Unrendered, block_items, gate_texts, holds, prepare, title};
use crate::template;
use crate::world::World;

/// Plans a run: every step that can be looked at is looked at.
pub async fn plan(run: &Run, registry: Registry, world: Arc<dyn World>, tags: &Tags) -> Plan {
    let mut planner = Planner { run, registry, world, tags, names: Names::default(), changes: false };
    let outer = Environment::default().with(&run.playbook.vars);
    let mut phases = Vec::new();
    for phase in &run.playbook.phases {
        phases.push(planner.phase(phase, &outer).await);
    }
    let plan = Plan {
        playbook: run.playbook.name.clone(),
        playbook_digest: run.playbook.digest.clone(),
        inventory_digest: run.inventory.digest.clone(),
        phases,
    };
    shown(plan, &Redactor::new(run.secrets.clone()))
}

/// A plan as it may be shown: without secrets.
fn shown(plan: Plan, redactor: &Redactor) -> Plan {
    if redactor.is_idle() {
        return plan;
    }
    let mut value = serde_json::to_value(&plan).unwrap_or_default();
    redactor.value(&mut value);
    // Only texts were changed, so the same type comes out; if ever not, nothing is shown rather than a secret.
    serde_json::from_value(value).unwrap_or(Plan { phases: Vec::new(), ..plan })
}

struct Planner<'a> {
    run: &'a Run,
    registry: Registry,
    world: Arc<dyn World>,
    tags: &'a Tags,
    names: Names,
    /// Whether a step so far would change something.
    changes: bool,
}

impl Planner<'_> {
    async fn phase(&mut self, phase: &Phase, outer: &Environment<'_>) -> PlannedPhase {
        let environment = outer.with(&phase.vars);
        let mut steps = Vec::new();
        let condition = phase.when.as_ref().map(|when| holds(self.run, when, &environment, &self.names));
        let skip = match condition {
            Some(Ok(false)) => phase.when.as_ref().map(|when| format!("when: {}", when.at.text().trim())),
            _ => None,
        };
        self.steps(&phase.steps, &environment, skip.as_deref(), &mut steps).await;
        PlannedPhase {
            name: phase.name.clone(),
            budget_ms: phase.budget.map(|budget| millis(budget.0)),
            point_of_no_return: phase.point_of_no_return,
            steps,
        }
    }

    fn steps<'s>(
        &'s mut self,
        steps: &'s [Step],
        environment: &'s Environment<'s>,
        skip: Option<&'s str>,
        planned: &'s mut Vec<PlannedStep>,
    ) -> BoxFuture<'s, ()> {
        Box::pin(async move {
            for step in steps {
                match &step.kind {
                    StepKind::Block { block, always, .. } => {
                        self.block(step, [block, always], environment, skip, planned).await;
                    }
                    StepKind::Gate(gate) => {
                        let mut entry = self.entry(step, "gate", environment);
                        entry.verdict = Verdict::Gate;
                        match gate_texts(self.run, step, gate, environment, &self.names) {
                            _ if skip.is_some() => (entry.verdict, entry.note) = skipped(skip),
                            Ok(Some((question, confirm))) => {
                                let phrase = confirm.unwrap_or_else(|| "yes".to_owned());
                                entry.note = Some(format!("{question} (type `{phrase}`)"));
                            }
                            Ok(None) => entry.verdict = Verdict::Skipped,
                            Err(Unrendered::Unknown(until)) => entry.verdict = Verdict::Unknown { until },
                            Err(Unrendered::Fault(fault)) => entry.note = Some(fault.to_string()),
                        }
                        planned.push(entry);
                    }
                    StepKind::Module { module, .. } => {
                        let entry = self.entry(step, module, environment);
                        let entry = self.module(step, entry, environment, skip).await;
                        planned.push(entry);
                    }
                }
            }
        })
    }

    async fn block(
        &mut self,
        step: &Step,
        sections: [&Vec<Step>; 2],
        environment: &Environment<'_>,
        skip: Option<&str>,
        planned: &mut Vec<PlannedStep>,
    ) {
        let mut inner = environment.with(&step.vars);
        if let Some(target) = &step.target {
            inner.target = Some(target);
        }
        let condition = step.when.as_ref().map(|when| (when, holds(self.run, when, &inner, &self.names)));
        let why = match condition {
            Some((when, Ok(false))) => Some(format!("when: {}", when.at.text().trim())),
            _ => None,
        };
        let skip = skip.or(why.as_deref());
        let items = block_items(self.run, step, &inner, &self.names).unwrap_or_else(|_| vec![None]);
        for item in items {
            if item.is_some() {
                inner.item = item;
            }
            for section in sections {
                self.steps(section, &inner, skip, planned).await;
            }
        }
    }

    fn entry(&self, step: &Step, module: &str, environment: &Environment<'_>) -> PlannedStep {
        PlannedStep {
            id: step.id.clone(),
            name: title(self.run, step, environment, &self.names),
            module: module.to_owned(),
            place: step.at.to_string(),
            verdict: Verdict::Skipped,
            note: None,
            tasks: Vec::new(),
        }
    }

    async fn module(
        &mut self,
        step: &Step,
        mut entry: PlannedStep,
        environment: &Environment<'_>,
        skip: Option<&str>,
    ) -> PlannedStep {
        let unselected = (!self.tags.select(&step.tags)).then_some("not selected by tags");
        if let Some(why) = skip.or(unselected) {
            (entry.verdict, entry.note) = skipped(Some(why));
            self.leave(step, Ok(json!({"skipped": true})));
            return entry;
        }
        let prepared = match prepare(self.run, step, environment, &self.names, &self.world) {
            Ok(prepared) => prepared,
            Err(Unrendered::Unknown(until)) => {
                entry.verdict = Verdict::Unknown { until };
                // What cannot be known may well change something.
                self.changes = true;
                self.leave(step, Err(()));
                return entry;
            }
            Err(Unrendered::Fault(fault)) => {
                entry.verdict = Verdict::Failed;
                entry.note = Some(match &fault.at {
                    Some(at) => format!("{at}: {fault}"),
                    None => fault.to_string(),
                });
                self.leave(step, Err(()));
                return entry;
            }
        };
        if prepared.tasks.is_empty() {
            entry.note = step.when.as_ref().map(|when| format!("when: {}", when.at.text().trim()));
            self.leave(step, Ok(json!({"skipped": true})));
            return entry;
        }
        let looked = join_all(prepared.tasks.iter().map(|task| self.look(step, task))).await;
        let mut results = Vec::new();
        for (mut task, result) in looked {
            if task.verdict == Verdict::Blocked && self.changes {
                task.verdict = Verdict::BlockedNow;
            }
            results.push(result);
            entry.verdict = entry.verdict.max(task.verdict.clone());
            entry.tasks.push(task);
        }
        self.changes |= entry.tasks.iter().any(|task| !task.changes.is_empty());
        let known: Option<Vec<_>> = results.into_iter().collect();
        let value = known.map(|mut known| match prepared.plural {
            true => json!(known),
            false => known.pop().unwrap_or_default(),
        });
        self.leave(step, value.ok_or(()));
        entry
    }

    /// Leaves a result for later steps, or that it is not known yet.
    fn leave(&mut self, step: &Step, value: Result<serde_json::Value, ()>) {
        let Some(name) = &step.register else { return };
        match value {
            Ok(value) => {
                self.names.unknown.remove(name);
                self.names.registered.insert(name.clone(), value);
            }
            Err(()) => drop(self.names.unknown.insert(name.clone(), step.id.clone())),
        }
    }

    /// Looks at one task; gives its result if it is in sync.
    async fn look(&self, step: &Step, task: &Task) -> (PlannedTask, Option<serde_json::Value>) {
        let mut planned = PlannedTask {
            target: task.id.target.clone(),
            item: task.id.item,
            verdict: Verdict::InSync,
            changes: Vec::new(),
            reasons: Vec::new(),
            failure: None,
            reads: Vec::new(),
        };
        let probed = self.probe(step, task).await;
        planned.reads = task.context.trace();
        let probed = match probed {
            Ok(probed) => probed,
            Err(failure) => {
                planned.verdict = match failure.class {
                    FailureClass::Unreachable => Verdict::Unreachable,
                    FailureClass::Blocked => Verdict::Blocked,
                    _ => Verdict::Failed,
                };
                // After a change that is only planned, a failed look says nothing of how it will be then.
                if self.changes && planned.verdict == Verdict::Failed {
                    planned.verdict = Verdict::BlockedNow;
                    planned.reasons.push(failure.to_string());
                } else {
                    planned.failure = Some(recorded(step, failure));
                }
                return (planned, None);
            }
        };
        match &probed.diff {
            Diff::InSync => return (planned, Some(probed.result(&[]))),
            Diff::Change(changes) => (planned.verdict, planned.changes) = (Verdict::Change, changes.clone()),
            Diff::Run(changes) => (planned.verdict, planned.changes) = (Verdict::Run, changes.clone()),
            Diff::Waiting(waiting) => {
                (planned.verdict, planned.reasons) = (Verdict::Wait, vec![waiting.why.clone()]);
            }
            Diff::Blocked(reasons) => (planned.verdict, planned.reasons) = (Verdict::Blocked, reasons.clone()),
        }
        (planned, None)
    }

    async fn probe(&self, step: &Step, task: &Task) -> Result<crate::module::Probed, Failure> {
        let StepKind::Module { module, params, .. } = &step.kind else {
            return Err(Failure::invalid("this step names no module"));
        };
        let known = self.registry.get(module);
        let known = known.ok_or_else(|| Failure::invalid(format!("unknown module `{module}`")))?;
        let bound = known.bind(template::render(params, &task.scope)?)?;
        let look = tokio::time::timeout(task.timeout, bound.look(&task.context));
        look.await.unwrap_or_else(|_| Err(Failure::new(FailureClass::TimedOut, "no answer in time")))
    }
}

fn skipped(why: Option<&str>) -> (Verdict, Option<String>) {
    (Verdict::Skipped, why.map(str::to_owned))
}

fn recorded(step: &Step, failure: Failure) -> RecordedFailure {
    let place = failure.at.as_ref().unwrap_or(&step.at).to_string();
    RecordedFailure {
        class: failure.class,
        message: failure.message,
        details: failure.details,
        help: failure.help,
        place: Some(place),
    }
}
