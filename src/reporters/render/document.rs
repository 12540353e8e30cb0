//! A run's report as a document: every text ready, nothing about markup. HTML and Markdown are drawn from it.

use cutover_engine::event::Outcome;
use serde::Serialize;

use super::super::clock::{coarse, exact, planned, since};
use super::super::narration::params;
use super::super::outcome::{class, exit_meaning, is_good, label};
use super::super::table::sums;
use super::super::timeline::{Phase, Step, Task, Timeline, over};
use super::change::ChangeView;
use super::gantt::{Gantt, gantt};

/// A report.
#[derive(Serialize)]
pub(super) struct Document {
    pub(super) title: String,
    pub(super) verdict: Verdict,
    /// Names and values.
    pub(super) header: Vec<(String, String)>,
    pub(super) params: Vec<(String, String)>,
    pub(super) gantt: Gantt,
    pub(super) rows: Vec<Row>,
    pub(super) sums: Vec<String>,
    pub(super) gates: Vec<GateView>,
    pub(super) failures: Vec<FailureView>,
    pub(super) retries: Vec<RetryView>,
    pub(super) standing: Vec<String>,
    pub(super) changes: Vec<ChangeView>,
    pub(super) results: Vec<ResultView>,
    /// Time and words.
    pub(super) notices: Vec<(String, String)>,
}

#[derive(Serialize)]
pub(super) struct Verdict {
    /// `good`, `warning` or `bad`.
    pub(super) tone: &'static str,
    pub(super) word: String,
    pub(super) text: String,
}

/// A row of the step table.
#[derive(Serialize)]
pub(super) struct Row {
    /// `phase`, `step` or `total`.
    pub(super) level: &'static str,
    pub(super) number: String,
    pub(super) title: String,
    pub(super) indent: usize,
    pub(super) module: String,
    pub(super) place: String,
    pub(super) budget: String,
    pub(super) actual: String,
    pub(super) over: String,
    pub(super) attempts: String,
    pub(super) outcome: &'static str,
    pub(super) tone: &'static str,
    pub(super) note: String,
}

#[derive(Serialize)]
pub(super) struct GateView {
    pub(super) step: String,
    pub(super) question: String,
    pub(super) confirm: String,
    pub(super) asked: String,
    pub(super) answer: String,
    pub(super) by: String,
    pub(super) typed: String,
    pub(super) answered: String,
    pub(super) tone: &'static str,
}

#[derive(Serialize)]
pub(super) struct FailureView {
    pub(super) step: String,
    pub(super) target: String,
    pub(super) class: &'static str,
    pub(super) allowed: bool,
    pub(super) attempts: u32,
    pub(super) message: String,
    pub(super) details: Vec<String>,
    pub(super) help: String,
    pub(super) place: String,
}

#[derive(Serialize)]
pub(super) struct RetryView {
    pub(super) at: String,
    pub(super) step: String,
    pub(super) target: String,
    pub(super) attempt: String,
    pub(super) message: String,
}

#[derive(Serialize)]
pub(super) struct ResultView {
    pub(super) step: String,
    pub(super) target: String,
    pub(super) value: String,
}

impl Document {
    /// The report of a run.
    pub(super) fn of(timeline: &Timeline) -> Self {
        let title = timeline.header.as_ref().map_or("A run without a beginning", |header| &header.playbook).to_owned();
        let mut rows: Vec<Row> = Vec::new();
        for phase in &timeline.phases {
            rows.push(Row::phase(phase, timeline.now_ms));
            rows.extend(phase.steps.iter().map(|step| Row::step(step, timeline.now_ms)));
        }
        rows.push(Row::total(timeline));
        let mut document = Self {
            title,
            verdict: Verdict::of(timeline),
            header: header(timeline),
            params: timeline.header.as_ref().map(|header| params(&header.params)).unwrap_or_default(),
            gantt: gantt(timeline),
            rows,
            sums: sums(timeline).into_iter().map(|line| line.trim().to_owned()).collect(),
            gates: timeline.steps().filter_map(GateView::of).collect(),
            failures: Vec::new(),
            retries: Vec::new(),
            standing: timeline.end.as_ref().map(|end| end.standing.clone()).unwrap_or_default(),
            changes: Vec::new(),
            results: Vec::new(),
            notices: timeline.notices.iter().map(|notice| (since(notice.at_ms), notice.message.clone())).collect(),
        };
        for (step, task) in timeline.tasks() {
            document.task(step, task);
        }
        document.changes.sort_by(|a, b| a.at.cmp(&b.at));
        document
    }

    fn task(&mut self, step: &Step, task: &Task) {
        let names = || (step.name.clone(), target(task));
        if let Some(failure) = &task.failure {
            let (step, target) = names();
            self.failures.push(FailureView {
                step,
                target,
                class: class(failure.class),
                allowed: task.outcome.is_some_and(is_good),
                attempts: task.attempts,
                message: failure.message.clone(),
                details: failure.details.clone(),
                help: failure.help.clone().unwrap_or_default(),
                place: failure.place.clone().unwrap_or_default(),
            });
        }
        self.retries.extend(task.retries.iter().map(|retry| RetryView {
            at: since(retry.at_ms),
            step: step.name.clone(),
            target: target(task),
            attempt: format!("{} of {}, then {} of pause", retry.attempt, retry.attempts, coarse(retry.delay_ms)),
            message: retry.message.clone(),
        }));
        self.changes.extend(task.changes.iter().map(|made| ChangeView::of(step, task, made)));
        if let Some(result) = task.result.as_ref().filter(|result| !result.is_null()) {
            let (step, target) = names();
            let value = serde_json::to_string_pretty(result).unwrap_or_default();
            self.results.push(ResultView { step, target, value });
        }
    }
}

fn header(timeline: &Timeline) -> Vec<(String, String)> {
    let Some(header) = &timeline.header else { return Vec::new() };
    let mut fields = vec![
        ("run".to_owned(), format!("{} ({})", header.run, header.verb)),
        ("playbook".to_owned(), format!("{} ({})", header.playbook_file.0, header.playbook_file.1)),
        ("inventory".to_owned(), format!("{} ({})", header.inventory_file.0, header.inventory_file.1)),
        ("started".to_owned(), format!("{:.0}", header.started)),
    ];
    fields.extend(header.resumed.iter().map(|at| ("resumed".to_owned(), format!("{at:.0}"))));
    fields.push(("operator".to_owned(), header.operator.clone().unwrap_or_else(|| "not known".to_owned())));
    fields.push(("took".to_owned(), exact(timeline.now_ms)));
    fields.extend(header.window_ms.map(|window| ("window".to_owned(), planned(window))));
    fields.push(("version".to_owned(), format!("cutover {}, seed {}", header.version, header.seed)));
    fields
}

/// The target of a task, and which element of a loop.
pub(super) fn target(task: &Task) -> String {
    let item = task.id.item.map_or_else(String::new, |item| format!(", item {}", item + 1));
    format!("{}{item}", task.id.target)
}

/// The name of an outcome's tone, as the style sheet knows it.
pub(super) fn tone(outcome: Option<Outcome>) -> &'static str {
    match outcome {
        Some(Outcome::Skipped | Outcome::InSync) => "quiet",
        Some(Outcome::Changed) => "good",
        Some(Outcome::FailedAllowed | Outcome::Stopped) | None => "warning",
        Some(Outcome::Unreachable | Outcome::Blocked | Outcome::Failed) => "bad",
    }
}

impl Verdict {
    fn of(timeline: &Timeline) -> Self {
        let took = exact(timeline.now_ms);
        match &timeline.end {
            None => Self {
                tone: "warning",
                word: "Unfinished".to_owned(),
                text: format!("the run's end was not recorded; its last event is {took} after its start"),
            },
            Some(end) => Self {
                tone: if is_good(end.outcome) { "good" } else { tone(Some(end.outcome)) },
                word: if is_good(end.outcome) { "Done".to_owned() } else { capital(label(Some(end.outcome))) },
                text: format!("after {took}, exit code {} ({})", end.exit_code, exit_meaning(end.exit_code)),
            },
        }
    }
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

impl Row {
    fn phase(phase: &Phase, now_ms: u64) -> Self {
        let actual = phase.actual_ms(now_ms);
        let number = if phase.index == 0 { String::new() } else { phase.index.to_string() };
        Self {
            level: "phase",
            number,
            title: phase.name.clone(),
            note: if phase.point_of_no_return { "point of no return".to_owned() } else { String::new() },
            ..Self::timed(actual, phase.budget_ms, phase.outcome)
        }
    }

    fn step(step: &Step, now_ms: u64) -> Self {
        Self {
            title: step.name.clone(),
            indent: step.depth,
            module: step.module.clone(),
            place: step.place.clone(),
            attempts: if step.attempts > 0 { step.attempts.to_string() } else { String::new() },
            note: step.reason.clone().unwrap_or_default(),
            ..Self::timed(step.actual_ms(now_ms), step.budget_ms, step.outcome)
        }
    }

    fn total(timeline: &Timeline) -> Self {
        let budget = Some(timeline.totals().budget_ms).filter(|ms| *ms > 0);
        let outcome = timeline.end.as_ref().map(|end| end.outcome);
        Self { level: "total", title: "total".to_owned(), ..Self::timed(timeline.now_ms, budget, outcome) }
    }

    fn timed(actual_ms: u64, budget_ms: Option<u64>, outcome: Option<Outcome>) -> Self {
        Self {
            level: "step",
            number: String::new(),
            title: String::new(),
            indent: 0,
            module: String::new(),
            place: String::new(),
            budget: budget_ms.map_or_else(String::new, planned),
            actual: exact(actual_ms),
            over: over(actual_ms, budget_ms).map_or_else(String::new, exact),
            attempts: String::new(),
            outcome: label(outcome),
            tone: tone(outcome),
            note: String::new(),
        }
    }
}

impl GateView {
    fn of(step: &Step) -> Option<Self> {
        let gate = step.gate.as_ref()?;
        let answer = gate.answer.as_ref();
        let (word, tone) = match answer.map(|answer| answer.approved) {
            Some(true) => ("approved", "good"),
            Some(false) => ("refused", "bad"),
            None => ("not answered", "warning"),
        };
        Some(Self {
            step: step.name.clone(),
            question: gate.question.clone(),
            confirm: gate.confirm.clone(),
            asked: since(gate.opened_ms),
            answer: word.to_owned(),
            by: answer.map(|answer| answer.by.clone()).unwrap_or_default(),
            typed: answer.map(|answer| answer.reason.clone()).unwrap_or_default(),
            answered: answer.map(|answer| since(answer.at_ms)).unwrap_or_default(),
            tone,
        })
    }
}
