//! The fold itself: one event into the timeline. Takes any stream, also one that begins in the middle or was cut off.

use cutover_protocol::event::{Event, EventKind, Outcome, Section, StepKind, Verb};
use cutover_protocol::path::Path;
use cutover_protocol::task::TaskId;
use cutover_protocol::text::Text;
use jiff::Timestamp;

use super::{Answer, Doing, End, Gate, Header, Notice, Phase, Retry, Step, Stopping, Task, Timeline};

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
            EventKind::PhaseStarted { index, count, name, budget_ms, point_of_no_return } => {
                let phase = Phase {
                    begun_ms: self.phase_begun_ms(*index, name),
                    index: *index,
                    count: *count,
                    budget_ms: *budget_ms,
                    point_of_no_return: *point_of_no_return,
                    ..self.new_phase(name)
                };
                self.phases.push(phase);
            }
            EventKind::PhaseFinished { index, outcome, took_ms, .. } => {
                if let Some(phase) = self.phases.iter_mut().rev().find(|phase| phase.index == *index) {
                    phase.took_ms = Some(*took_ms);
                    phase.outcome = Some(*outcome);
                }
            }
            EventKind::Notice { message } => self.notices.push(Notice { at_ms: now, message: message.clone() }),
            EventKind::Stopping { at_once } => {
                let at_ms = self.stopping.map_or(now, |stopping| stopping.at_ms);
                self.stopping = Some(Stopping { at_ms, at_once: *at_once });
                let message = Text::verbatim(format!("stopping {}", Stopping::meaning(*at_once)));
                self.notices.push(Notice { at_ms: now, message });
            }
            EventKind::RunFinished { outcome, exit_code, standing, .. } => {
                self.end = Some(End { outcome: *outcome, exit_code: *exit_code, standing: standing.clone() });
            }
            EventKind::StepStarted { .. }
            | EventKind::SectionStarted { .. }
            | EventKind::SectionFinished { .. }
            | EventKind::StepFinished { .. }
            | EventKind::Registered { .. }
            | EventKind::GateOpened { .. }
            | EventKind::GateAnswered { .. } => self.step_event(&event.kind),
            EventKind::TaskStarted { .. }
            | EventKind::Probed { .. }
            | EventKind::Waiting { .. }
            | EventKind::Retrying { .. }
            | EventKind::TaskFinished { .. } => self.task_event(&event.kind),
            EventKind::Applying { .. }
            | EventKind::Acted { .. }
            | EventKind::Applied { .. }
            | EventKind::NotSent { .. }
            | EventKind::DeclaredDone { .. }
            | EventKind::Undone { .. } => self.change_event(&event.kind),
            EventKind::LookedAgain { .. } | EventKind::OutageBegan { .. } | EventKind::OutageEnded { .. } => {
                self.outage_event(&event.kind);
            }
        }
    }

    fn step_event(&mut self, kind: &EventKind) {
        let now = self.now_ms;
        match kind {
            EventKind::StepStarted { path, name, step, place, budget_ms, targets } => {
                let begun = Step {
                    begun_ms: if *step == StepKind::Undo { now } else { self.step_begun_ms(path) },
                    name: format!("{}{}", name, passes(path)),
                    kind: Some(step.clone()),
                    place: place.clone(),
                    budget_ms: *budget_ms,
                    targets: targets.clone(),
                    ..Step::unknown(path, now)
                };
                self.begin_step(begun);
            }
            EventKind::SectionStarted { path, section } => self.begin_section(path, *section),
            EventKind::SectionFinished { path, section, outcome, failure } => match section {
                Section::Block => {
                    // Why the next section runs.
                    let why = failure.as_ref().map(|failure| failure.message.clone());
                    self.reason = why.map(|why| (path.clone(), why));
                }
                Section::Rescue | Section::Always => self.end_section(path, *outcome),
            },
            EventKind::StepFinished { path, outcome, took_ms, attempts, reason, failure } => {
                self.end_sections(path, *outcome);
                let step = self.open_step(path);
                step.outcome = Some(*outcome);
                step.took_ms = Some(*took_ms);
                step.attempts = *attempts;
                step.reason.clone_from(reason);
                step.failure.clone_from(failure);
            }
            EventKind::Registered { path, name, .. } => self.open_step(path).registered.push(name.clone()),
            EventKind::GateOpened { path, question, confirm } => {
                let gate = Gate { question: question.clone(), confirm: confirm.clone(), opened_ms: now, answer: None };
                self.open_step(path).gate = Some(gate);
            }
            EventKind::GateAnswered { path, approved, by, reason } => {
                let answer = Answer { at_ms: now, approved: *approved, by: by.clone(), reason: reason.clone() };
                let gate = self.open_step(path).gate.get_or_insert_with(|| Gate {
                    question: String::new(),
                    confirm: String::new(),
                    opened_ms: now,
                    answer: None,
                });
                gate.answer = Some(answer);
            }
            _ => {}
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
            EventKind::Probed { task, state, .. } => {
                let task = self.open_task(task);
                task.doing = Doing::Probing;
                task.seen = Some(state.clone());
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
            window_from,
            verb,
            version,
            seed,
            operator,
            phases,
        } = &event.kind
        else {
            return;
        };
        let earlier = self.recalled.as_ref().and_then(|before| Some((before.header.clone()?, before.now_ms)));
        if let (None, Some((header, now_ms))) = (&self.header, earlier) {
            self.now_ms = self.now_ms.max(now_ms);
            self.header = Some(header);
        }
        let (started, again) = match self.header.take() {
            Some(before) => (before.started, [before.again, vec![(*verb, event.at)]].concat()),
            None => (event.at, Vec::new()),
        };
        let since =
            |at: Timestamp| at.as_millisecond().saturating_sub(started.as_millisecond()).try_into().unwrap_or(0);
        self.stretch_ms = since(event.at).max(self.now_ms);
        self.window_from_ms = window_from.map_or(0, since);
        (self.end, self.stopping) = (None, None);
        self.cut_off();
        self.header = Some(Header {
            run: event.run.clone(),
            started,
            again,
            playbook: playbook.clone(),
            playbook_file: (playbook_path.clone(), playbook_digest.clone()),
            inventory_file: (inventory_path.clone(), inventory_digest.clone()),
            params: params.clone(),
            window_ms: *window_ms,
            window_from: *window_from,
            verb: *verb,
            version: version.clone(),
            seed: *seed,
            operator: operator.clone(),
            planned: phases.clone(),
        });
    }

    /// Ends what an interrupted stretch of the run left open, at the time of its last event.
    pub(super) fn cut_off(&mut self) {
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

    /// Begins a step beneath the blocks and sections that are open.
    fn begin_step(&mut self, begun: Step) {
        let phase = self.open_phase();
        let around = |step: &&Step| step.runs() && (step.is_block() || step.section.is_some() || step.undoes());
        let depth = phase.steps.iter().filter(around).count();
        phase.steps.push(Step { depth, ..begun });
    }

    fn begin_section(&mut self, path: &Path, section: Section) {
        let block = path.step();
        let name = self.step(&block).map_or_else(|| block.to_string(), |step| step.name.clone());
        let word = match section {
            Section::Block => "block",
            Section::Rescue => "rescue",
            Section::Always => "always",
        };
        let pass = path.item().map_or_else(String::new, |item| format!(" [{}]", item.position));
        let reason = self.reason.take_if(|(of, _)| of == path && section == Section::Rescue);
        let begun = Step {
            name: format!("{word}: {name}{pass}"),
            section: Some(section),
            reason: reason.map(|(_, why)| why),
            ..Step::unknown(path, self.now_ms)
        };
        self.begin_step(begun);
    }

    /// Ends the open section of a block's pass.
    fn end_section(&mut self, path: &Path, outcome: Outcome) {
        let now = self.now_ms;
        let steps = self.phases.last_mut().into_iter().flat_map(|phase| &mut phase.steps);
        for section in steps.filter(|step| step.section.is_some() && step.runs() && step.path == *path) {
            section.took_ms = Some(section.actual_ms(now));
            section.outcome = Some(outcome);
        }
    }

    /// Ends the sections of a block that were left in the middle, with the block.
    fn end_sections(&mut self, block: &Path, outcome: Outcome) {
        let steps = self.phases.last().into_iter().flat_map(|phase| &phase.steps);
        let open = steps.filter(|step| step.section.is_some() && step.runs() && step.path.step() == *block);
        let paths: Vec<Path> = open.map(|step| step.path.clone()).collect();
        paths.iter().for_each(|path| self.end_section(path, outcome));
    }

    fn new_phase(&self, name: &str) -> Phase {
        Phase {
            index: 0,
            count: 0,
            name: name.to_owned(),
            budget_ms: None,
            point_of_no_return: false,
            undoes: self.undoes(),
            start_ms: self.now_ms,
            begun_ms: self.now_ms,
            took_ms: None,
            outcome: None,
            steps: Vec::new(),
        }
    }

    /// Whether the run is being undone.
    pub(super) fn undoes(&self) -> bool {
        self.header.as_ref().is_some_and(|header| header.verb == Verb::Undo)
    }

    fn open_phase(&mut self) -> &mut Phase {
        if self.phases.last().is_none_or(|phase| phase.outcome.is_some()) {
            self.phases.push(self.new_phase("(outside of any phase)"));
        }
        let last = self.phases.len() - 1;
        &mut self.phases[last]
    }

    /// The latest step with a path that has not ended; begins one if there is none.
    fn open_step(&mut self, path: &Path) -> &mut Step {
        let now = self.now_ms;
        let phase = self.open_phase();
        let open = |step: &Step| step.path == *path && step.section.is_none() && step.runs();
        let position = match phase.steps.iter().rposition(open) {
            Some(position) => position,
            None => {
                phase.steps.push(Step::unknown(path, now));
                phase.steps.len() - 1
            }
        };
        &mut phase.steps[position]
    }

    /// The latest task with an id that has not ended; begins one if there is none.
    pub(super) fn open_task(&mut self, id: &TaskId) -> &mut Task {
        let now = self.now_ms;
        let tasks = &mut self.open_step(&id.path.step()).tasks;
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
                    seen: None,
                    result: None,
                    failure: None,
                    retries: Vec::new(),
                });
                tasks.len() - 1
            }
        };
        &mut tasks[position]
    }
}

/// The passes of the loops that a path stands in, as they are shown behind a title.
fn passes(path: &Path) -> String {
    let positions = path.segments().iter().filter_map(|segment| segment.item.as_ref()).map(|item| item.position);
    positions.map(|position| format!(" [{position}]")).collect()
}

impl Step {
    /// A step of which nothing but its path is known.
    fn unknown(path: &Path, now_ms: u64) -> Self {
        Self {
            path: path.clone(),
            name: path.to_string(),
            kind: None,
            section: None,
            place: String::new(),
            budget_ms: None,
            targets: Vec::new(),
            depth: 0,
            start_ms: now_ms,
            begun_ms: now_ms,
            took_ms: None,
            outcome: None,
            attempts: 0,
            reason: None,
            failure: None,
            registered: Vec::new(),
            tasks: Vec::new(),
            gate: None,
        }
    }
}
