//! The report as JUnit XML: phases are suites, steps are cases. A failure that was allowed passes, with its text kept as
//! output; a step that never ended, or that could not be tried, is an error.

use cutover_protocol::event::Outcome;
use cutover_protocol::text::Text;
use serde::Serialize;

use super::super::line;
use super::super::outcome::{label, step_label, verdict};
use super::super::timeline::{Made, Phase, Step, Timeline};
use super::RenderError;
use super::template::rendered;

/// What the template shows. Times are seconds.
#[derive(Serialize)]
struct Junit {
    name: String,
    counts: Counts,
    time: String,
    properties: Vec<(&'static str, String)>,
    suites: Vec<Suite>,
}

#[derive(Serialize)]
struct Suite {
    name: String,
    counts: Counts,
    time: String,
    cases: Vec<Case>,
}

#[derive(Serialize)]
struct Case {
    name: String,
    path: String,
    time: String,
    status: Status,
    r#type: &'static str,
    message: String,
    text: String,
    properties: Vec<(&'static str, String)>,
    output: String,
}

/// How a case ended; what did not pass is an element of this name.
#[derive(Serialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Status {
    Passed,
    Skipped,
    Failure,
    Error,
}

#[derive(Serialize)]
struct Counts {
    tests: usize,
    skipped: usize,
    failures: usize,
    errors: usize,
}

impl Counts {
    fn of<'a>(cases: impl Iterator<Item = &'a Case> + Clone) -> Self {
        let ended = |wanted: fn(Status) -> bool| cases.clone().filter(|case| wanted(case.status)).count();
        Self {
            tests: ended(|_| true),
            skipped: ended(|status| matches!(status, Status::Skipped)),
            failures: ended(|status| matches!(status, Status::Failure)),
            errors: ended(|status| matches!(status, Status::Error)),
        }
    }
}

/// The XML of a run.
pub(super) fn junit(timeline: &Timeline) -> Result<String, RenderError> {
    let suites: Vec<Suite> = timeline.phases.iter().map(|phase| suite(timeline, phase)).collect();
    let counts = Counts::of(suites.iter().flat_map(|suite| &suite.cases));
    let mut properties = Vec::new();
    if let Some(header) = &timeline.header {
        properties.push(("run", header.run.clone()));
        properties.push(("started", header.started.to_string()));
        properties.push(("playbook", header.playbook_file.1.clone()));
        properties.push(("inventory", header.inventory_file.1.clone()));
    }
    properties.extend(timeline.outage_words().map(|words| ("outage", words)));
    if let Some(end) = &timeline.end {
        properties.push(("verdict", verdict(timeline, end).word.to_owned()));
    }
    let name = timeline.header.as_ref().map_or("cutover", |header| &header.playbook).to_owned();
    let report = Junit { name, counts, time: seconds(timeline.now_ms), properties, suites };
    rendered(&[("junit.xml", include_str!("junit.xml"))], &report)
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

fn suite(timeline: &Timeline, phase: &Phase) -> Suite {
    // A block says nothing that its steps do not say, unless none of them ran.
    let silent = |step: &Step| step.section.is_some() || step.is_block() && step.outcome != Some(Outcome::Skipped);
    let listed = |step: &&Step| !silent(step) || step.failure.is_some();
    let cases: Vec<Case> = phase.steps.iter().filter(listed).map(|step| case(timeline, step)).collect();
    let time = seconds(phase.actual_ms(timeline.now_ms));
    Suite { name: phase.name.clone(), counts: Counts::of(cases.iter()), time, cases }
}

fn case(timeline: &Timeline, step: &Step) -> Case {
    let word = label(step.outcome);
    let status = match step.outcome {
        Some(Outcome::InSync | Outcome::Changed | Outcome::FailedAllowed) => Status::Passed,
        Some(Outcome::Skipped) => Status::Skipped,
        Some(Outcome::Failed | Outcome::Blocked) => Status::Failure,
        Some(Outcome::Unreachable | Outcome::Stopped) | None => Status::Error,
    };
    let message = match status {
        Status::Passed => String::new(),
        Status::Skipped => step.reason.as_ref().map_or_else(|| "skipped".to_owned(), Text::to_string),
        Status::Failure | Status::Error => first_line(step).unwrap_or_else(|| word.to_owned()),
    };
    let mut output = Vec::new();
    if step.outcome == Some(Outcome::FailedAllowed) {
        output.push(failures(step));
    }
    let mut properties = Vec::new();
    let undone = undone(timeline, step);
    if !undone.is_empty() {
        properties.push(("outcome", step_label(timeline, step)));
        output.extend(undone);
    }
    Case {
        name: step.name.clone(),
        path: step.path.to_string(),
        time: seconds(step.actual_ms(timeline.now_ms)),
        status,
        r#type: word,
        message,
        text: failures(step),
        properties,
        output: output.join("\n"),
    }
}

/// The changes of a step that were undone, with what undid them.
fn undone(timeline: &Timeline, step: &Step) -> Vec<String> {
    let of_step = |made: &&Made| made.task.path.step() == step.path && made.is_undone() && !step.undoes();
    let mut lines = Vec::new();
    for made in timeline.changes.iter().filter(of_step) {
        lines.push(format!("undone: {}: {}", made.task.target, made.change.summary));
        lines.extend(timeline.undone_by(made).iter().map(|line| format!("  {line}")));
    }
    lines
}

fn first_line(step: &Step) -> Option<String> {
    let failure = step.tasks.iter().find_map(|task| task.failure.as_ref()).or(step.failure.as_ref())?;
    Some(line::first_line(&failure.message)).filter(|line| !line.is_empty())
}

/// All failures of a step's tasks in full.
fn failures(step: &Step) -> String {
    let mut lines = Vec::new();
    let of_tasks = step.tasks.iter().filter_map(|task| Some((Some(&task.id.target), task.failure.as_ref()?)));
    for (target, failure) in of_tasks.chain(step.failure.iter().map(|failure| (None, failure))) {
        lines.push(target.map_or_else(String::new, |target| format!("{target}: ")) + &failure.message.to_string());
        lines.extend(failure.details.iter().map(|line| format!("  {line}")));
        lines.extend(failure.help.iter().map(|help| format!("help: {help}")));
        lines.extend(failure.place.iter().map(|place| format!("at {place}")));
    }
    lines.join("\n")
}
