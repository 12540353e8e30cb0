//! The chart of a run: for each phase the planned bar over the actual one, for each step the actual one. Lengths are
//! percentages of the whole.

use serde::Serialize;

use super::super::clock::{exact, planned, since};
use super::super::timeline::{Timeline, over};
use super::document::tone;

/// A chart.
#[derive(Serialize)]
pub(super) struct Gantt {
    pub(super) bars: Vec<Row>,
    /// Where the window ends, if that is on the chart.
    pub(super) window: Option<f64>,
    /// Marks of the time axis: place and words.
    pub(super) ticks: Vec<(f64, String)>,
}

/// A row of the chart.
#[derive(Serialize)]
pub(super) struct Row {
    pub(super) title: String,
    pub(super) is_phase: bool,
    pub(super) planned: Option<Bar>,
    pub(super) actual: Option<Bar>,
    pub(super) tone: &'static str,
    pub(super) over: bool,
    /// All of it in words.
    pub(super) hint: String,
}

/// A bar: left edge and width.
#[derive(Serialize, Clone, Copy, Debug, PartialEq)]
pub(super) struct Bar {
    pub(super) left: f64,
    pub(super) width: f64,
}

/// Draws a run.
pub(super) fn gantt(timeline: &Timeline) -> Gantt {
    let ahead = timeline.header.as_ref().map_or(&[][..], |header| &header.planned);
    let budgets: u64 = ahead.iter().filter_map(|phase| phase.budget_ms).sum();
    let window_ms = timeline.window_end_ms();
    let mut whole = timeline.now_ms.max(budgets).max(1);
    // The window's end belongs on the chart unless it would push everything else to the edge.
    let window = window_ms.filter(|window| *window <= whole.saturating_mul(3) / 2);
    whole = whole.max(window.unwrap_or(0));
    let percent = |ms: u64| (ms as f64 / whole as f64 * 10_000.0).round() / 100.0;
    let bar = |start: u64, length: u64| Bar { left: percent(start), width: percent(length) };

    let mut bars = Vec::new();
    let mut begins = 0;
    for phase in &timeline.phases {
        let actual = phase.actual_ms(timeline.now_ms);
        bars.push(Row {
            title: phase.name.clone(),
            is_phase: true,
            planned: phase.budget_ms.map(|budget| bar(begins, budget)),
            actual: Some(bar(phase.start_ms, actual)),
            tone: tone(phase.outcome),
            over: over(phase.spent_ms(timeline.now_ms), phase.budget_ms).is_some(),
            hint: hint(phase.start_ms, actual, phase.budget_ms),
        });
        begins += phase.budget_ms.unwrap_or(0);
        bars.extend(phase.steps.iter().filter(|step| !step.is_block() && step.section.is_none()).map(|step| {
            let actual = step.actual_ms(timeline.now_ms);
            Row {
                title: step.name.clone(),
                is_phase: false,
                planned: step.budget_ms.map(|budget| bar(step.start_ms, budget)),
                actual: Some(bar(step.start_ms, actual)),
                tone: tone(step.outcome),
                over: over(step.spent_ms(timeline.now_ms), step.budget_ms).is_some(),
                hint: hint(step.start_ms, actual, step.budget_ms),
            }
        }));
    }
    let begun = timeline.phases.iter().map(|phase| phase.index).max().unwrap_or(0);
    for phase in ahead.iter().skip(begun) {
        bars.push(Row {
            title: phase.name.clone(),
            is_phase: true,
            planned: phase.budget_ms.map(|budget| bar(begins, budget)),
            actual: None,
            tone: "quiet",
            over: false,
            hint: phase.budget_ms.map_or_else(String::new, |budget| format!("not begun; budget {}", planned(budget))),
        });
        begins += phase.budget_ms.unwrap_or(0);
    }
    let ticks = (0..=4).map(|n| (f64::from(n) * 25.0, since(whole / 4 * u64::from(n as u8)))).collect();
    Gantt { bars, window: window.map(percent), ticks }
}

fn hint(start_ms: u64, actual_ms: u64, budget_ms: Option<u64>) -> String {
    let budget = budget_ms.map_or_else(String::new, |budget| format!(" of {}", planned(budget)));
    format!("{}, took {}{budget}", since(start_ms), exact(actual_ms))
}
