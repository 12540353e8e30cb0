//! The report as JUnit XML: phases are suites, steps are cases. A failure that was allowed passes, with its text kept as
//! output; a step that never ended, or that could not be tried, is an error.

use std::time::Duration;

use cutover_engine::event::Outcome;
use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};

use super::super::outcome::label;
use super::super::timeline::{Phase, Step, Timeline};
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
    // A block says nothing that its steps do not say, unless none of them ran.
    let told = |step: &&Step| !step.is_block() || step.outcome == Some(Outcome::Skipped);
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
            status.set_message(step.reason.as_deref().unwrap_or("skipped"));
            status
        }
        Some(Outcome::Failed | Outcome::Blocked) => failed(NonSuccessKind::Failure),
        Some(Outcome::Unreachable | Outcome::Stopped) | None => failed(NonSuccessKind::Error),
    };
    let mut case = TestCase::new(&step.name, status);
    case.set_classname(&step.id);
    case.set_time(Duration::from_millis(step.actual_ms(timeline.now_ms)));
    if step.outcome == Some(Outcome::FailedAllowed) {
        case.set_system_out(failures(step));
    }
    case
}

fn first_line(step: &Step) -> Option<String> {
    let failure = step.tasks.iter().find_map(|task| task.failure.as_ref())?;
    failure.message.lines().next().map(str::to_owned)
}

/// All failures of a step's tasks in full.
fn failures(step: &Step) -> String {
    let mut lines = Vec::new();
    for task in &step.tasks {
        let Some(failure) = &task.failure else { continue };
        lines.push(format!("{}: {}", task.id.target, failure.message));
        lines.extend(failure.details.iter().map(|line| format!("  {line}")));
        lines.extend(failure.help.iter().map(|help| format!("help: {help}")));
        lines.extend(failure.place.iter().map(|place| format!("at {place}")));
    }
    lines.join("\n")
}
