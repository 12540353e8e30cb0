//! Drives a cursor through a playbook: records what begins and ends, skips what is done already, and hands steps to the code
//! that carries them out.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{Executor, made_to_fail};
use crate::duration::HumanDuration;
use crate::event::{self, EventKind, Outcome, Section};
use crate::failure::Failure;
use crate::path::Path;
use crate::playbook::{Phase, Step, StepKind};
use crate::record::millis;
use crate::text;
use crate::text::Text;
use crate::walk::{
    Cursor, Decision, End, Environment, Names, StepVisit, Visit, changed, decide, mentions, targets_of, title, why_not,
};

/// The id of the reason for which a skipped step is considered again: it needs a result that a failed check did not register.
pub(super) const UNMET: &str = "engine.unmet";

/// The reason for skipping a step that needs results which failed checks did not register.
fn unmet(step: &Step, names: &[String]) -> Option<Text> {
    let missing: Vec<&String> = names.iter().filter(|name| mentions(step, name)).collect();
    let missing = missing.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    (!missing.is_empty())
        .then(|| text!("engine.unmet", "it needs the result of a check that failed: {missing}", missing))
}

/// When the open phases, blocks and steps began.
struct Open {
    phase: Instant,
    blocks: Vec<Instant>,
}

/// Why a step has nothing to do.
pub(super) fn left_out(step: &Step) -> Text {
    match &step.when {
        Some(when) => why_not(when),
        None => text!("engine.nothing-to-do", "there is nothing to do it for"),
    }
}

impl Executor<'_> {
    /// Executes everything that a cursor visits.
    pub(super) async fn drive(&self, mut cursor: Cursor<'_>) -> (End, Names) {
        let began = Instant::now();
        let mut open = Open { phase: began, blocks: Vec::new() };
        loop {
            if let Err(failure) = self.ports.stop.check() {
                cursor.halt(End::failed(failure));
            }
            let Some(visit) = cursor.next() else { break };
            match visit {
                Visit::PhaseBegins { index, phase, environment } => {
                    self.forecast(index);
                    open.phase = Instant::now();
                    self.phase_begins(index, phase, &environment, &mut cursor);
                }
                Visit::PhaseEnds { index, phase, end } => {
                    let (name, outcome, took_ms) = (phase.name.clone(), end.outcome, millis(open.phase.elapsed()));
                    let budget_ms = phase.budget.map(|budget| millis(budget.0));
                    self.recorder().emit(EventKind::PhaseFinished { index, name, outcome, took_ms, budget_ms });
                }
                Visit::Step(visit) => self.step(visit, &mut cursor, &mut open).await,
                Visit::SectionBegins { path, section, taken_up } => {
                    if taken_up {
                        self.register_again(&path, &mut cursor.names);
                    }
                    self.recorder().emit(EventKind::SectionStarted { path, section });
                }
                Visit::SectionEnds { path, section, end } => self.section_ends(path, section, &end),
                Visit::BlockEnds { visit, end, passed_over } => {
                    if passed_over {
                        self.register_skipped(visit.step, &visit.path, &mut cursor.names);
                    }
                    let began = open.blocks.pop().unwrap_or(began);
                    self.step_ends(&visit, &end, 1, began, None);
                }
            }
        }
        let names = std::mem::take(&mut cursor.names);
        (cursor.end(), names)
    }

    fn phase_begins(&self, index: usize, phase: &Phase, environment: &Environment<'_>, cursor: &mut Cursor<'_>) {
        self.recorder().emit(EventKind::PhaseStarted {
            index,
            count: self.run.playbook.phases.len(),
            name: phase.name.clone(),
            budget_ms: phase.budget.map(|budget| millis(budget.0)),
            point_of_no_return: phase.point_of_no_return,
        });
        let Some(when) = &phase.when else { return };
        match self.settings.past.phase(index, phase) {
            Some(true) => return,
            Some(false) => return self.skip_phase(phase, Decision::Skip(why_not(when)), cursor),
            None => {}
        }
        match decide(self.run, when, environment, &cursor.names) {
            Decision::Run => {}
            // A run only reaches steps whose predecessors have run, so this is an error like any other.
            Decision::Unknown(path) => {
                let failure =
                    Failure::failed(text!("engine.result-unknown", "the result of step {path} is not known", path));
                cursor.skip_phase(Decision::Fault(failure));
            }
            decision => {
                if let Decision::Fault(failure) = &decision {
                    let message =
                        text!("engine.phase-condition", "{phase}: {why}", phase = &phase.name, why = &failure.message);
                    self.recorder().emit(EventKind::Notice { message });
                }
                self.skip_phase(phase, decision, cursor);
            }
        }
    }

    fn skip_phase(&self, phase: &Phase, decision: Decision, cursor: &mut Cursor<'_>) {
        if matches!(decision, Decision::Skip(_)) {
            self.register_all_skipped(phase.steps.iter(), (&phase.id, &Path::of(&phase.id)), &mut cursor.names);
        }
        cursor.skip_phase(decision);
    }

    async fn step(&self, visit: StepVisit<'_>, cursor: &mut Cursor<'_>, open: &mut Open) {
        let began = Instant::now();
        let (step, path) = (visit.step, visit.path.clone());
        let kind = match &step.kind {
            StepKind::Module { module, .. } => event::StepKind::Module(module.clone()),
            StepKind::Gate(_) => event::StepKind::Gate,
            StepKind::Block { .. } => event::StepKind::Block,
        };
        self.recorder().emit(EventKind::StepStarted {
            path: path.clone(),
            name: title(self.run, &visit, &cursor.names),
            step: kind,
            place: step.at.to_string(),
            budget_ms: step.budget.map(|budget| millis(budget.0)),
            targets: targets_of(self.run, &visit, &cursor.names),
        });
        let (mut end, mut attempts, mut reason) = (End::new(), 0, None);
        let past = &self.settings.past;
        if past.has(&path) {
            reason = Some(text!("engine.done-before", "done before the run was stopped"));
            self.register_again(&path, &mut cursor.names);
        } else if let Some(why) = past.left_out(&path) {
            reason = Some(why.clone());
            self.register_again(&path, &mut cursor.names);
        } else if let Some(why) = unmet(step, &cursor.unmet()) {
            // With `check_all`, a step that needs the result of a failed check cannot be checked itself.
            self.step_ends(&visit, &end, attempts, began, Some(why));
            return cursor.left_unmet(step);
        } else {
            match &visit.decision {
                Decision::Skip(why) => {
                    reason = Some(why.clone());
                    self.register_skipped(step, &path, &mut cursor.names);
                }
                Decision::Fault(failure) => end = End::failed(failure.clone()),
                Decision::Unknown(path) => {
                    let words = text!("engine.result-unknown", "the result of step {path} is not known", path);
                    end = End::failed(Failure::failed(words));
                }
                Decision::Run => match &step.kind {
                    StepKind::Module { .. } => {
                        (end, attempts, reason) = self.module(&visit, &mut cursor.names).await;
                    }
                    StepKind::Gate(gate) => {
                        (end, attempts) = (self.gate(&visit, gate, &cursor.names).await, 1);
                        if end.outcome == Outcome::Skipped {
                            reason = Some(left_out(step));
                        }
                    }
                    StepKind::Block { .. } if self.made_to_fail(step, &path) => end = End::failed(made_to_fail()),
                    StepKind::Block { .. } => match self.begin_outage(&visit, &cursor.names).await {
                        Err(failure) => end = End::failed(failure),
                        Ok(()) => {
                            open.blocks.push(began);
                            cursor.enter();
                            return;
                        }
                    },
                },
            }
        }
        if step.allow_failure {
            let unforgiven = end.clone();
            end = end.allowed();
            self.step_failed(&visit, &unforgiven, &end, attempts, began, reason);
        } else {
            self.step_ends(&visit, &end, attempts, began, reason);
        }
        cursor.ended(end);
    }

    /// Registers, for later steps, that a step and everything inside it was skipped.
    pub(super) fn register_skipped(&self, step: &Step, path: &Path, names: &mut Names) {
        if let Some(name) = &step.register {
            let value = serde_json::json!({"skipped": true});
            names.withheld.remove(name);
            Arc::make_mut(&mut names.registered).insert(name.clone(), value.clone());
            self.registered(path, name, value, false);
        }
        if let StepKind::Block { block, always, .. } = &step.kind {
            self.register_all_skipped(block.iter().chain(always), (&step.id, path), names);
        }
    }

    fn register_all_skipped<'s>(
        &self,
        steps: impl Iterator<Item = &'s Step>,
        (id, path): (&str, &Path),
        names: &mut Names,
    ) {
        for step in steps {
            let path = path.join(step.id.strip_prefix(id).unwrap_or(&step.id));
            self.register_skipped(step, &path, names);
        }
    }

    fn step_ends(&self, visit: &StepVisit<'_>, end: &End, attempts: u32, began: Instant, reason: Option<Text>) {
        self.step_failed(visit, end, end, attempts, began, reason);
    }

    /// Records how a step ended, and why, unless one of its tasks has recorded that.
    fn step_failed(
        &self,
        visit: &StepVisit<'_>,
        happened: &End,
        counts: &End,
        attempts: u32,
        began: Instant,
        reason: Option<Text>,
    ) {
        self.end_outage(visit, counts);
        let failure = happened.failure.as_ref().filter(|failure| !failure.recorded);
        self.recorder().emit(EventKind::StepFinished {
            path: visit.path.clone(),
            outcome: counts.outcome,
            took_ms: millis(began.elapsed()),
            attempts,
            reason,
            failure: failure.map(|failure| self.recorded(visit.step, failure)),
        });
    }

    fn section_ends(&self, path: Path, section: Section, end: &End) {
        // A stopped run is resumed inside the section, so the journal must not record its end.
        if !end.is_interrupted() {
            let failure = end.failure.as_ref().map(crate::failure::Failure::as_recorded);
            self.recorder().emit(EventKind::SectionFinished { path, section, outcome: end.outcome, failure });
        }
    }

    /// Refuses to resume a pass of a loop whose element is not what it was.
    pub(super) fn same_elements(&self, tasks: &[crate::walk::Task]) -> Result<(), Failure> {
        match tasks.iter().find(|task| self.settings.past.disagrees(&task.id)) {
            Some(task) => Err(changed(&task.id.path)),
            None => Ok(()),
        }
    }

    /// Warns before the point of no return, which begins with the phase of a number, if what is left does not fit into the
    /// window. How the window burns down otherwise is for the readers to show.
    fn forecast(&self, index: usize) {
        let Some(HumanDuration(window)) = self.run.playbook.window else { return };
        let left = &self.run.playbook.phases[index - 1..];
        // One that an earlier execution has begun is not ahead any more.
        let near = left.first().filter(|phase| phase.point_of_no_return);
        if near.is_none_or(|phase| self.settings.past.phase(index, phase) == Some(true)) {
            return;
        }
        let budgets: Duration = left.iter().filter_map(|phase| phase.budget).map(|budget| budget.0).sum();
        let passed = self.ports.world.now().duration_since(self.window_from);
        let elapsed = Duration::try_from(passed).unwrap_or_default();
        if elapsed + budgets <= window {
            return;
        }
        let rest = HumanDuration(Duration::from_secs(window.saturating_sub(elapsed).as_secs()));
        let need = HumanDuration(budgets);
        let message = text!(
            "engine.forecast",
            "the next phase is the point of no return, and {rest} of the window do not hold the {need} that are still \
             budgeted: consider stopping here",
            rest = rest.to_string(),
            need = need.to_string()
        );
        self.recorder().emit(EventKind::Notice { message });
    }
}
