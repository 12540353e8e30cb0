//! The fold itself: one event into the timeline. Takes any stream, also one that begins in the middle or was cut off.

use cutover_engine::event::{Event, EventKind, Outcome, TaskId};

use super::{Acted, Answer, Doing, End, Gate, Header, Made, Notice, Phase, Retry, Step, Task, Timeline};

impl Timeline {
    /// Folds a whole stream.
    pub(crate) fn of<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut timeline = Self::default();
        events.into_iter().for_each(|event| timeline.event(event));
        timeline
    }

    /// Takes in one event.
    pub(crate) fn event(&mut self, event: &Event) {
        if matches!(event.kind, EventKind::RunStarted { .. }) {
            self.begin(event);
        }
        self.now_ms = self.now_ms.max(self.stretch_ms.saturating_add(event.elapsed_ms));
        let now = self.now_ms;
        match &event.kind {
            EventKind::RunStarted { .. } => {}
            EventKind::PhaseStarted { index, count, name, budget_ms, point_of_no_return } => self.phases.push(Phase {
                index: *index,
                count: *count,
                name: name.clone(),
                budget_ms: *budget_ms,
                point_of_no_return: *point_of_no_return,
                start_ms: now,
                took_ms: None,
                outcome: None,
                steps: Vec::new(),
            }),
            EventKind::PhaseFinished { index, outcome, took_ms, .. } => {
                if let Some(phase) = self.phases.iter_mut().rev().find(|phase| phase.index == *index) {
                    phase.took_ms = Some(*took_ms);
                    phase.outcome = Some(*outcome);
                }
            }
            EventKind::StepStarted { step, name, module, place, budget_ms, targets } => {
                let phase = self.open_phase();
                let depth = phase.steps.iter().filter(|step| step.runs() && step.is_block()).count();
                phase.steps.push(Step {
                    name: name.clone(),
                    module: module.clone(),
                    place: place.clone(),
                    budget_ms: *budget_ms,
                    targets: targets.clone(),
                    depth,
                    ..Step::unknown(step, now)
                });
            }
            EventKind::StepFinished { step, outcome, took_ms, attempts, reason } => {
                let step = self.open_step(step);
                step.outcome = Some(*outcome);
                step.took_ms = Some(*took_ms);
                step.attempts = *attempts;
                step.reason.clone_from(reason);
            }
            EventKind::GateOpened { step, question, confirm } => {
                let gate = Gate { question: question.clone(), confirm: confirm.clone(), opened_ms: now, answer: None };
                self.open_step(step).gate = Some(gate);
            }
            EventKind::GateAnswered { step, approved, by, reason } => {
                let answer = Answer { at_ms: now, approved: *approved, by: by.clone(), reason: reason.clone() };
                let gate = self.open_step(step).gate.get_or_insert_with(|| Gate {
                    question: String::new(),
                    confirm: String::new(),
                    opened_ms: now,
                    answer: None,
                });
                gate.answer = Some(answer);
            }
            EventKind::Notice { message } => self.notices.push(Notice { at_ms: now, message: message.clone() }),
            EventKind::RunFinished { outcome, exit_code, standing, .. } => {
                self.end = Some(End { outcome: *outcome, exit_code: *exit_code, standing: standing.clone() });
            }
            kind => self.task_event(kind),
        }
    }

    fn task_event(&mut self, kind: &EventKind) {
        let now = self.now_ms;
        match kind {
            EventKind::TaskStarted { task, attempt } => {
                let task = self.open_task(task);
                task.attempts = task.attempts.max(*attempt);
                task.doing = Doing::Probing;
            }
            EventKind::Probed { task, .. } => self.open_task(task).doing = Doing::Probing,
            EventKind::Applying { task, change } => {
                let task = self.open_task(task);
                task.doing = Doing::Applying(change.summary.clone());
                task.changes.push(Made { at_ms: now, change: change.clone(), acted: Vec::new(), applied: false });
            }
            EventKind::Acted { task, action, done, took_ms } => {
                if let Some(made) = self.open_task(task).changes.last_mut() {
                    made.acted.push(Acted { action: action.clone(), done: done.clone(), took_ms: *took_ms });
                }
            }
            EventKind::Applied { task, summary } => {
                let task = self.open_task(task);
                task.doing = Doing::Probing;
                let begun = |made: &&mut Made| !made.applied && made.change.summary == *summary;
                if let Some(made) = task.changes.iter_mut().rev().find(begun) {
                    made.applied = true;
                }
            }
            EventKind::Waiting { task, waiting } => self.open_task(task).doing = Doing::Waiting(waiting.clone()),
            EventKind::Retrying { task, attempt, attempts, delay_ms, message } => {
                let retry = Retry {
                    at_ms: now,
                    attempt: *attempt,
                    attempts: *attempts,
                    delay_ms: *delay_ms,
                    message: message.clone(),
                };
                let task = self.open_task(task);
                task.doing = Doing::Pausing(retry.clone());
                task.retries.push(retry);
            }
            EventKind::TaskFinished { task, outcome, attempts, took_ms, result, failure } => {
                let task = self.open_task(task);
                task.doing = Doing::Done;
                task.outcome = Some(*outcome);
                task.attempts = *attempts;
                task.took_ms = Some(*took_ms);
                task.result.clone_from(result);
                task.failure.clone_from(failure);
            }
            _ => {}
        }
    }

    /// Begins the run, or goes on with it: a resumed run counts on from where its clock stands.
    fn begin(&mut self, event: &Event) {
        let EventKind::RunStarted {
            playbook,
            playbook_path,
            playbook_digest,
            inventory_path,
            inventory_digest,
            params,
            window_ms,
            verb,
            version,
            seed,
            operator,
            phases,
        } = &event.kind
        else {
            return;
        };
        let (started, resumed) = match self.header.take() {
            Some(before) => (before.started, [before.resumed, vec![event.at]].concat()),
            None => (event.at, Vec::new()),
        };
        let since = u64::try_from(event.at.as_millisecond().saturating_sub(started.as_millisecond())).unwrap_or(0);
        self.stretch_ms = since.max(self.now_ms);
        self.end = None;
        self.cut_off();
        self.header = Some(Header {
            run: event.run.clone(),
            started,
            resumed,
            playbook: playbook.clone(),
            playbook_file: (playbook_path.clone(), playbook_digest.clone()),
            inventory_file: (inventory_path.clone(), inventory_digest.clone()),
            params: params.clone(),
            window_ms: *window_ms,
            verb: verb.clone(),
            version: version.clone(),
            seed: *seed,
            operator: operator.clone(),
            planned: phases.clone(),
        });
    }

    /// Ends what an interrupted stretch of the run left open, at the time of its last event.
    fn cut_off(&mut self) {
        let now = self.now_ms;
        for phase in &mut self.phases {
            for step in phase.steps.iter_mut().filter(|step| step.runs()) {
                step.took_ms = Some(step.actual_ms(now));
                step.outcome = Some(Outcome::Stopped);
            }
            if phase.outcome.is_none() {
                phase.took_ms = Some(phase.actual_ms(now));
                phase.outcome = Some(Outcome::Stopped);
            }
        }
    }

    fn open_phase(&mut self) -> &mut Phase {
        let now = self.now_ms;
        if self.phases.last().is_none_or(|phase| phase.outcome.is_some()) {
            self.phases.push(Phase {
                index: 0,
                count: 0,
                name: "(outside of any phase)".to_owned(),
                budget_ms: None,
                point_of_no_return: false,
                start_ms: now,
                took_ms: None,
                outcome: None,
                steps: Vec::new(),
            });
        }
        let last = self.phases.len() - 1;
        &mut self.phases[last]
    }

    /// The latest step with an id that has not ended; begins one if there is none.
    fn open_step(&mut self, id: &str) -> &mut Step {
        let now = self.now_ms;
        let phase = self.open_phase();
        let position = match phase.steps.iter().rposition(|step| step.id == id && step.runs()) {
            Some(position) => position,
            None => {
                phase.steps.push(Step::unknown(id, now));
                phase.steps.len() - 1
            }
        };
        &mut phase.steps[position]
    }

    /// The latest task with an id that has not ended; begins one if there is none.
    fn open_task(&mut self, id: &TaskId) -> &mut Task {
        let now = self.now_ms;
        let tasks = &mut self.open_step(&id.step).tasks;
        let position = match tasks.iter().rposition(|task| task.id == *id && task.outcome.is_none()) {
            Some(position) => position,
            None => {
                tasks.push(Task {
                    id: id.clone(),
                    start_ms: now,
                    took_ms: None,
                    attempts: 0,
                    doing: Doing::Probing,
                    outcome: None,
                    result: None,
                    failure: None,
                    retries: Vec::new(),
                    changes: Vec::new(),
                });
                tasks.len() - 1
            }
        };
        &mut tasks[position]
    }
}

impl Step {
    /// A step of which nothing but its id is known.
    fn unknown(id: &str, now_ms: u64) -> Self {
        Self {
            id: id.to_owned(),
            name: id.to_owned(),
            module: String::new(),
            place: String::new(),
            budget_ms: None,
            targets: Vec::new(),
            depth: 0,
            start_ms: now_ms,
            took_ms: None,
            outcome: None,
            attempts: 0,
            reason: None,
            tasks: Vec::new(),
            gate: None,
        }
    }
}
