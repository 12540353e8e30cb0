//! Visits a playbook as execution does, but only probes.

use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{Plan, PlannedPhase, PlannedStep, PlannedTask, Verdict, dry_run};
use crate::event::StepKind as Does;
use crate::execute::Tags;
use crate::failure::{Failure, FailureClass};
use crate::module::{Diff, Registry};
use crate::path::Path;
use crate::playbook::{Phase, Step, StepKind};
use crate::record::millis;
use crate::redact::Redactor;
use crate::run::Run;
use crate::subject::Subject;
use crate::text;
use crate::text::Text;
use crate::walk::{
    Cursor, Decision, End, Environment, Mode, StepVisit, Task, Unrendered, Visit, decide, gate_texts, prepare, title,
};
use crate::world::World;

/// Plans a run: probes every step that can be probed.
pub async fn plan(run: &Run, registry: Registry, world: Arc<dyn World>, tags: &Tags) -> Plan {
    let mut planner = Planner { run, registry, world, altered: Vec::new(), steps: Vec::new() };
    let mut cursor = Cursor::new(&run.playbook, Mode::Plan(run), tags);
    let mut phases: Vec<PlannedPhase> = Vec::new();
    while let Some(visit) = cursor.next() {
        match visit {
            Visit::PhaseBegins { phase, environment, .. } => {
                phase_begins(run, phase, &environment, &mut cursor);
                phases.push(begun(phase));
            }
            Visit::Step(visit) if matches!(visit.step.kind, StepKind::Block { .. }) => cursor.enter(),
            Visit::Step(visit) => {
                let planned = planner.step(&visit, &mut cursor).await;
                planner.steps.push((planned.number, planned.path.clone()));
                if let Some(phase) = phases.last_mut() {
                    phase.steps.push(planned);
                }
                cursor.ended(End::new());
            }
            Visit::PhaseEnds { .. } | Visit::SectionBegins { .. } | Visit::SectionEnds { .. } => {}
            Visit::BlockEnds { visit, passed_over, .. } => {
                if passed_over && visit.leaves_result {
                    left_out(visit.step, &mut cursor);
                }
            }
        }
    }
    let outage = super::outage::forecast(&mut phases);
    let mut plan = Plan {
        playbook: run.playbook.name.clone(),
        playbook_digest: run.playbook.digest.clone(),
        inventory_digest: run.inventory.digest.clone(),
        outage,
        phases,
    };
    Redactor::new(run.secrets.clone()).hide(&mut plan);
    plan
}

fn begun(phase: &Phase) -> PlannedPhase {
    PlannedPhase {
        name: phase.name.clone(),
        budget_ms: phase.budget.map(|budget| millis(budget.0)),
        point_of_no_return: phase.point_of_no_return,
        steps: Vec::new(),
    }
}

/// The subjects that an earlier step of the plan alters.
struct Altered {
    step: (usize, Path),
    /// `None`: unknown.
    subjects: Option<Vec<Subject>>,
}

struct Planner<'a> {
    run: &'a Run,
    registry: Registry,
    world: Arc<dyn World>,
    altered: Vec<Altered>,
    /// The steps so far.
    steps: Vec<(usize, Path)>,
}

/// A task's verdict and the probe behind it.
struct Looked {
    planned: PlannedTask,
    /// Its result, if known.
    result: Option<Value>,
    /// The subjects that its probe reads.
    subjects: Option<Vec<Subject>>,
}

impl Planner<'_> {
    async fn step(&mut self, visit: &StepVisit<'_>, cursor: &mut Cursor<'_>) -> PlannedStep {
        let mut entry = PlannedStep {
            number: self.steps.len() + 1,
            path: visit.path.clone(),
            name: title(self.run, visit, &cursor.names),
            step: match &visit.step.kind {
                StepKind::Module { module, .. } => Does::Module(module.clone()),
                StepKind::Gate(_) => Does::Gate,
                StepKind::Block { .. } => Does::Block,
            },
            place: visit.step.at.to_string(),
            verdict: Verdict::Skipped,
            note: None,
            outage: visit.step.outage,
            in_outage: false,
            before_outage: visit.step.before_outage.is_some() && matches!(visit.step.kind, StepKind::Module { .. }),
            tasks: Vec::new(),
        };
        match &visit.decision {
            Decision::Skip(why) => {
                entry.note = Some(why.clone());
                if visit.leaves_result {
                    leave(visit, Ok(json!({"skipped": true})), cursor);
                }
                return entry;
            }
            Decision::Unknown(path) => {
                self.cannot_be_known(visit, path, &mut entry, cursor);
                return entry;
            }
            Decision::Fault(failure) => {
                (entry.verdict, entry.note) = (Verdict::Failed, Some(pointed(failure)));
                leave(visit, Err(()), cursor);
                return entry;
            }
            Decision::Run => {}
        }
        match &visit.step.kind {
            StepKind::Gate(gate) => {
                entry.verdict = Verdict::Gate;
                match gate_texts(self.run, visit.step, gate, &visit.environment, &cursor.names) {
                    Ok(Some((question, confirm))) => {
                        let confirm = confirm.unwrap_or_else(|| "yes".to_owned());
                        entry.note = Some(text!("plan.gate", "{question} (type `{confirm}`)", question, confirm));
                    }
                    Ok(None) => entry.verdict = Verdict::Skipped,
                    Err(Unrendered::Unknown(path)) => self.cannot_be_known(visit, &path, &mut entry, cursor),
                    Err(unrendered) => entry.note = Some(pointed(&unrendered.into())),
                }
            }
            StepKind::Module { .. } => self.module(visit, &mut entry, cursor).await,
            StepKind::Block { .. } => {}
        }
        entry
    }

    async fn module(&mut self, visit: &StepVisit<'_>, entry: &mut PlannedStep, cursor: &mut Cursor<'_>) {
        let step = visit.step;
        let prepared = match prepare(self.run, visit, &cursor.names, &self.world) {
            Ok(prepared) => prepared,
            Err(Unrendered::Unknown(path)) => return self.cannot_be_known(visit, &path, entry, cursor),
            Err(unrendered) => {
                (entry.verdict, entry.note) = (Verdict::Failed, Some(pointed(&unrendered.into())));
                return leave(visit, Err(()), cursor);
            }
        };
        if prepared.tasks.is_empty() {
            entry.note =
                step.when.as_ref().map(|when| text!("engine.when", "when: {when}", when = when.at.text().trim()));
            return leave(visit, Ok(json!({"skipped": true})), cursor);
        }
        let looked = join_all(prepared.tasks.iter().map(|task| self.look(step, task))).await;
        let (mut results, mut altered) = (Vec::new(), Vec::new());
        for Looked { mut planned, mut result, subjects } in looked {
            if let Some((number, on)) = self.depends(subjects.as_deref(), &planned.verdict) {
                match planned.verdict {
                    Verdict::Blocked | Verdict::Failed => {
                        planned.verdict = Verdict::BlockedNow;
                        planned.reasons.extend(planned.failure.take().map(|failure| failure.message));
                    }
                    _ => {
                        planned.verdict = Verdict::Depends { number, on };
                        result = None;
                    }
                }
            }
            if !planned.changes.is_empty() {
                let beside = planned.changes.iter().flat_map(|change| change.alters.clone());
                let subjects = subjects.map(|subjects| subjects.into_iter().chain(beside).collect());
                altered.push(Altered { step: (entry.number, entry.path.clone()), subjects });
            }
            results.push(result);
            entry.verdict = entry.verdict.clone().max(planned.verdict.clone());
            entry.tasks.push(planned);
        }
        self.altered.extend(altered);
        let known: Option<Vec<_>> = results.into_iter().collect();
        let value = known.map(|mut known| match prepared.plural {
            true => json!(known),
            false => known.pop().unwrap_or_default(),
        });
        leave(visit, value.ok_or(()), cursor);
    }

    /// The earlier step that alters what a task probes, so that the probe proves little about the time of the run.
    fn depends(&self, subjects: Option<&[Subject]>, verdict: &Verdict) -> Option<(usize, Path)> {
        let refused = matches!(verdict, Verdict::Blocked | Verdict::Failed);
        if !refused && *verdict != Verdict::InSync {
            return None;
        }
        let touches = |altered: &&Altered| match (&altered.subjects, subjects) {
            (Some(altered), Some(subjects)) => {
                altered.iter().any(|one| subjects.iter().any(|other| one.touches(other)))
            }
            // A step with unknown subjects may lift a refusal; a task that is in sync is assumed to stay so.
            _ => refused,
        };
        self.altered.iter().rev().find(touches).map(|altered| altered.step.clone())
    }

    /// A step that cannot be probed before another one has run. It may alter anything.
    fn cannot_be_known(
        &mut self,
        visit: &StepVisit<'_>,
        path: &Path,
        entry: &mut PlannedStep,
        cursor: &mut Cursor<'_>,
    ) {
        let number = self.steps.iter().rev().find(|(_, known)| known == path).map_or(0, |(number, _)| *number);
        entry.verdict = Verdict::Depends { number, on: path.clone() };
        if matches!(visit.step.kind, StepKind::Module { .. }) {
            self.altered.push(Altered { step: (entry.number, entry.path.clone()), subjects: None });
        }
        leave(visit, Err(()), cursor);
    }

    /// Probes one task.
    async fn look(&self, step: &Step, task: &Task) -> Looked {
        let mut planned = PlannedTask {
            task: task.id.clone(),
            verdict: Verdict::InSync,
            changes: Vec::new(),
            reasons: Vec::new(),
            failure: None,
            reads: Vec::new(),
        };
        let (probed, subjects) = self.probe(step, task).await;
        planned.reads = task.context.trace();
        let probed = match probed {
            Ok(probed) => probed,
            Err(failure) => {
                planned.verdict = match failure.class {
                    FailureClass::Unreachable => Verdict::Unreachable,
                    FailureClass::Blocked => Verdict::Blocked,
                    _ => Verdict::Failed,
                };
                let place = crate::execute::place(step, &failure).to_string();
                planned.failure = Some(crate::failure::RecordedFailure { place: Some(place), ..failure.as_recorded() });
                return Looked { planned, result: None, subjects };
            }
        };
        match &probed.diff {
            Diff::InSync => {
                let result = Some(probed.result(&[]));
                return Looked { planned, result, subjects };
            }
            Diff::Change(changes) => {
                let refusals = dry_run::refusals(&task.context, changes).await;
                planned.reads = task.context.trace();
                match refusals.is_empty() {
                    true => (planned.verdict, planned.changes) = (Verdict::Change, changes.clone()),
                    false => (planned.verdict, planned.reasons) = (Verdict::Blocked, refusals),
                }
            }
            Diff::Run(changes) => (planned.verdict, planned.changes) = (Verdict::Run, changes.clone()),
            Diff::Waiting(waiting) => {
                (planned.verdict, planned.reasons) = (Verdict::Wait, vec![waiting.why.clone()]);
            }
            Diff::Blocked(reasons) => (planned.verdict, planned.reasons) = (Verdict::Blocked, reasons.clone()),
        }
        Looked { planned, result: None, subjects }
    }

    async fn probe(&self, step: &Step, task: &Task) -> (Result<crate::module::Probed, Failure>, Option<Vec<Subject>>) {
        let bound = match task.bind(step, self.registry) {
            Ok(bound) => bound,
            Err(failure) => return (Err(failure), None),
        };
        let subjects = bound.subjects(&task.context);
        let look = tokio::time::timeout(task.timeout, bound.look(&task.context));
        let timed_out = || Failure::new(FailureClass::TimedOut, text!("plan.no-answer", "no answer in time"));
        (look.await.unwrap_or_else(|_| Err(timed_out())), subjects)
    }
}

/// Skips a phase whose condition does not hold, or cannot be evaluated yet.
pub(super) fn phase_begins<'a>(run: &Run, phase: &Phase, environment: &Environment<'a>, cursor: &mut Cursor<'a>) {
    if let Some(when) = &phase.when {
        let decision = decide(run, when, environment, &cursor.names);
        if decision != Decision::Run {
            cursor.skip_phase(decision);
        }
    }
}

/// Registers that a step and everything inside it was skipped.
pub(super) fn left_out(step: &Step, cursor: &mut Cursor<'_>) {
    if let Some(name) = &step.register {
        know(name, json!({"skipped": true}), cursor);
    }
    if let StepKind::Block { block, always, .. } = &step.kind {
        block.iter().chain(always).for_each(|step| left_out(step, cursor));
    }
}

/// Registers a result for later steps, or that it is not known yet.
pub(super) fn leave(visit: &StepVisit<'_>, value: Result<Value, ()>, cursor: &mut Cursor<'_>) {
    let Some(name) = &visit.step.register else { return };
    match value {
        Ok(value) => know(name, value, cursor),
        Err(()) => drop(cursor.names.unknown.insert(name.clone(), visit.path.clone())),
    }
}

/// Registers a result.
fn know(name: &str, value: Value, cursor: &mut Cursor<'_>) {
    cursor.names.unknown.remove(name);
    Arc::make_mut(&mut cursor.names.registered).insert(name.to_owned(), value);
}

/// A failure with its place.
fn pointed(failure: &Failure) -> Text {
    match &failure.at {
        Some(at) => text!("plan.pointed", "{place}: {why}", place = at.to_string(), why = &failure.message),
        None => failure.message.clone(),
    }
}
