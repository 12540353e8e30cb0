//! A run's report as a document: every text ready, nothing about markup. HTML and Markdown are drawn from it.

use cutover_protocol::event::{Outcome, Verb};
use cutover_protocol::failure::RecordedFailure;
use cutover_protocol::text::Text;
use serde::Serialize;

use super::super::clock::{coarse, exact, planned, since};
use super::super::line::count;
use super::super::narration::params;
use super::super::outcome::{class, exit_meaning, is_good, since as ended, standing, step_label, total_label, verdict};
use super::super::palette::Tone;
use super::super::table::sums;
use super::super::timeline::{Header, Phase, Step, Task, Timeline, over};
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
    pub(super) outcome: String,
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
    /// Empty for a failure that is of the step as a whole.
    pub(super) target: String,
    pub(super) class: &'static str,
    pub(super) allowed: bool,
    pub(super) attempts: u32,
    pub(super) message: String,
    pub(super) details: Vec<String>,
    pub(super) help: String,
    pub(super) place: String,
    /// What was seen of the target last; empty if it was not looked at.
    pub(super) seen: String,
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
    /// The names under which it is kept; empty if the run did not come to that.
    pub(super) names: String,
    pub(super) value: String,
}

impl Document {
    /// The report of a run.
    pub(super) fn of(timeline: &Timeline) -> Self {
        let title = timeline.header.as_ref().map_or("A run without a beginning", |header| &header.playbook).to_owned();
        let mut rows: Vec<Row> = Vec::new();
        for phase in &timeline.phases {
            rows.push(Row::phase(timeline, phase));
            rows.extend(phase.steps.iter().map(|step| Row::step(timeline, step)));
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
            standing: timeline
                .end
                .iter()
                .flat_map(|end| &end.standing)
                .map(|change| standing(timeline, change))
                .collect(),
            changes: timeline.changes.iter().map(|made| ChangeView::of(timeline, made)).collect(),
            results: Vec::new(),
            notices: timeline.notices.iter().map(|notice| (since(notice.at_ms), notice.message.to_string())).collect(),
        };
        for step in timeline.steps() {
            step.tasks.iter().for_each(|task| document.task(step, task));
            if let Some(failure) = &step.failure {
                let allowed = step.outcome.is_some_and(is_good);
                let failure = FailureView { allowed, attempts: step.attempts, ..FailureView::of(&step.name, failure) };
                document.failures.push(failure);
            }
        }
        document
    }

    fn task(&mut self, step: &Step, task: &Task) {
        let names = || (step.name_in(&task.id), task.id.target.to_string());
        if let Some(failure) = &task.failure {
            let (step, target) = names();
            let seen = task.seen.as_ref().filter(|seen| !seen.is_null());
            self.failures.push(FailureView {
                target,
                allowed: task.outcome.is_some_and(is_good),
                attempts: task.attempts,
                seen: seen.map(|seen| serde_json::to_string_pretty(seen).unwrap_or_default()).unwrap_or_default(),
                ..FailureView::of(&step, failure)
            });
        }
        self.retries.extend(task.retries.iter().map(|retry| RetryView {
            at: since(retry.at_ms),
            step: step.name_in(&task.id),
            target: task.id.target.to_string(),
            attempt: format!("{} of {}, then {} of pause", retry.attempt, retry.attempts, coarse(retry.delay_ms)),
            message: retry.message.to_string(),
        }));
        if let Some(result) = task.result.as_ref().filter(|result| !result.is_null()) {
            let registered = step.registered.join(", ");
            let (step, target) = names();
            let value = serde_json::to_string_pretty(result).unwrap_or_default();
            self.results.push(ResultView { step, target, names: registered, value });
        }
    }
}

impl FailureView {
    fn of(step: &str, failure: &RecordedFailure) -> Self {
        Self {
            step: step.to_owned(),
            target: String::new(),
            class: class(failure.class),
            allowed: false,
            attempts: 1,
            message: failure.message.to_string(),
            details: failure.details.iter().map(Text::to_string).collect(),
            help: failure.help.as_ref().map(Text::to_string).unwrap_or_default(),
            place: failure.place.clone().unwrap_or_default(),
            seen: String::new(),
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
    fields.extend(header.again.iter().map(|(verb, at)| {
        let word = if *verb == Verb::Undo { "undo begun" } else { "resumed" };
        (word.to_owned(), format!("{at:.0}"))
    }));
    fields.extend(undone(timeline).map(|words| ("undone".to_owned(), words)));
    fields.push(("operator".to_owned(), header.operator.clone().unwrap_or_else(|| "not known".to_owned())));
    fields.push(("took".to_owned(), exact(timeline.now_ms)));
    fields.extend(timeline.outage_words().map(|words| ("outage".to_owned(), words)));
    fields.extend(header.window_ms.map(|window| ("window".to_owned(), counted(window, header))));
    fields.push(("version".to_owned(), format!("cutover {}, seed {}", header.version, header.seed)));
    fields
}

/// A window, and since when it counts if that is not the beginning of the run.
fn counted(window_ms: u64, header: &Header) -> String {
    let window = planned(window_ms);
    match header.window_from.filter(|from| from.duration_since(header.started).as_millis() > 0) {
        Some(from) => format!("{window}, counted from {from:.0}"),
        None => window,
    }
}

/// How far the run was undone; none if that was never begun.
fn undone(timeline: &Timeline) -> Option<String> {
    let begun = timeline.header.as_ref()?.again.iter().any(|(verb, _)| *verb == Verb::Undo);
    let totals = timeline.totals();
    if !begun && totals.undone == 0 {
        return None;
    }
    let all = timeline.changes.iter().filter(|made| !made.undoes).count();
    let latest = timeline.changes.iter().filter_map(|made| made.undo.as_ref()?.at_ms).max();
    let at = latest.map_or_else(String::new, |at| format!(", the last one at {}", since(at)));
    Some(format!("{} of {}{at}", totals.undone, count(all, "change")))
}

/// The name of an outcome's tone, as the style sheet knows it.
pub(super) fn tone(outcome: Option<Outcome>) -> &'static str {
    tone_name(super::super::outcome::tone(outcome))
}

fn tone_name(tone: Tone) -> &'static str {
    match tone {
        Tone::Quiet | Tone::Strong => "quiet",
        Tone::Good => "good",
        Tone::Warning | Tone::Active => "warning",
        Tone::Bad => "bad",
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
                tone: tone_name(verdict(timeline, end).tone),
                word: capital(&verdict(timeline, end).word),
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
    fn phase(timeline: &Timeline, phase: &Phase) -> Self {
        let actual = phase.actual_ms(timeline.now_ms);
        let number = if phase.index == 0 { String::new() } else { phase.index.to_string() };
        Self {
            level: "phase",
            number,
            title: phase.name.clone(),
            note: if phase.point_of_no_return { "point of no return".to_owned() } else { String::new() },
            outcome: ended(phase.outcome, timeline.undone_of_phase(phase)),
            over: over(phase.spent_ms(timeline.now_ms), phase.budget_ms).map_or_else(String::new, exact),
            ..Self::timed(actual, phase.budget_ms, phase.outcome)
        }
    }

    fn step(timeline: &Timeline, step: &Step) -> Self {
        Self {
            title: step.name.clone(),
            indent: step.depth,
            module: step.kind.as_ref().map(|kind| kind.name().to_owned()).unwrap_or_default(),
            place: step.place.clone(),
            attempts: if step.attempts > 0 { step.attempts.to_string() } else { String::new() },
            note: step.reason.as_ref().map(Text::to_string).unwrap_or_default(),
            outcome: step_label(timeline, step),
            over: over(step.spent_ms(timeline.now_ms), step.budget_ms).map_or_else(String::new, exact),
            ..Self::timed(step.actual_ms(timeline.now_ms), step.budget_ms, step.outcome)
        }
    }

    fn total(timeline: &Timeline) -> Self {
        let budget = Some(timeline.totals().budget_ms).filter(|ms| *ms > 0);
        let outcome = timeline.end.as_ref().map(|end| end.outcome);
        let (title, label) = ("total".to_owned(), total_label(timeline));
        Self { level: "total", title, outcome: label, ..Self::timed(timeline.now_ms, budget, outcome) }
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
            outcome: String::new(),
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
