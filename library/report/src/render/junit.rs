//! The report as JUnit XML: phases are suites, steps are cases. A failure that was allowed passes, with its text kept as
//! output; a step that never ended, or that could not be tried, is an error.

use std::time::Duration;

use cutover_protocol::event::Outcome;
use cutover_protocol::text::Text;
use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};

use super::super::line;
use super::super::outcome::{label, step_label, verdict};
use super::super::timeline::{Made, Phase, Step, Timeline};
use super::RenderError;

/// The XML of a run.
pub(super) fn junit(timeline: &Timeline) -> Result<String, RenderError> {
    let title = timeline.header.as_ref().map_or("cutover", |header| &header.playbook);
    let mut report = Report::new(title);
    report.set_time(Duration::from_millis(timeline.now_ms));
    for phase in &timeline.phases {
        report.add_test_suite(suite(timeline, phase));
    }
    Ok(report.to_string()?)
}

fn suite(timeline: &Timeline, phase: &Phase) -> TestSuite {
    let mut suite = TestSuite::new(&phase.name);
    suite.set_time(Duration::from_millis(phase.actual_ms(timeline.now_ms)));
    if let Some(header) = &timeline.header {
        suite.add_property(Property::new("run", &header.run));
        suite.add_property(Property::new("started", header.started.to_string()));
        suite.add_property(Property::new("playbook", &header.playbook_file.1));
        suite.add_property(Property::new("inventory", &header.inventory_file.1));
    }
    if let Some(end) = &timeline.end {
        suite.add_property(Property::new("verdict", verdict(timeline, end).word));
    }
    // A block says nothing that its steps do not say, unless none of them ran.
    let silent = |step: &Step| step.section.is_some() || step.is_block() && step.outcome != Some(Outcome::Skipped);
    let told = |step: &&Step| !silent(step) || step.failure.is_some();
    for step in phase.steps.iter().filter(told) {
        suite.add_test_case(case(timeline, step));
    }
    suite
}

fn case(timeline: &Timeline, step: &Step) -> TestCase {
    let word = label(step.outcome);
    let failed = |kind: NonSuccessKind| {
        let mut status = TestCaseStatus::non_success(kind);
        status.set_type(word);
        status.set_message(first_line(step).unwrap_or_else(|| word.to_owned()));
        let text = failures(step);
        if !text.is_empty() {
            status.set_description(text);
        }
        status
    };
    let status = match step.outcome {
        Some(Outcome::InSync | Outcome::Changed | Outcome::FailedAllowed) => TestCaseStatus::success(),
        Some(Outcome::Skipped) => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(step.reason.as_ref().map_or_else(|| "skipped".to_owned(), Text::to_string));
            status
        }
        Some(Outcome::Failed | Outcome::Blocked) => failed(NonSuccessKind::Failure),
        Some(Outcome::Unreachable | Outcome::Stopped) | None => failed(NonSuccessKind::Error),
    };
    let mut case = TestCase::new(&step.name, status);
    case.set_classname(step.path.to_string());
    case.set_time(Duration::from_millis(step.actual_ms(timeline.now_ms)));
    let mut out = Vec::new();
    if step.outcome == Some(Outcome::FailedAllowed) {
        out.push(failures(step));
    }
    let undone = undone(timeline, step);
    if !undone.is_empty() {
        case.add_property(Property::new("outcome", step_label(timeline, step)));
        out.extend(undone);
    }
    if !out.is_empty() {
        case.set_system_out(out.join("\n"));
    }
    case
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
