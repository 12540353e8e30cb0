//! The table at the end of a run: step x budget x actual x attempts x outcome, phases with subtotals, and the sums.

use super::clock::{coarse, exact, planned};
use super::line::{clean, count, fit, pad, pad_right};
use super::outcome::{label, since, step_label, tone, total_label};
use super::palette::{Palette, Tone};
use super::timeline::{Phase, Step, Timeline, over};

/// The widths of the columns beside the step's title.
const BUDGET: usize = 8;
const ACTUAL: usize = 8;
const ATTEMPTS: usize = 3;

/// The columns that depend on how much room there is.
#[derive(Clone, Copy)]
struct Columns {
    title: usize,
    attempts: bool,
    over: bool,
}

impl Columns {
    /// Below 80 columns the attempts go, below 100 the words that say by how much a budget was exceeded.
    fn for_width(width: usize) -> Self {
        let width = width.clamp(50, 130);
        let (attempts, over) = (width >= 80, width >= 100);
        let outcome = if over { 32 } else { 15 };
        let used = 4 + (BUDGET + 2) + (ACTUAL + 3) + if attempts { ATTEMPTS + 2 } else { 0 } + outcome;
        Self { title: width - used, attempts, over }
    }
}

struct Row<'a> {
    number: String,
    title: &'a str,
    indent: usize,
    budget: String,
    actual: String,
    attempts: String,
    outcome: String,
    over: Option<u64>,
    tones: (Tone, Tone),
}

/// The table, fitted to a width.
pub(crate) fn table(timeline: &Timeline, palette: Palette, width: usize) -> Vec<String> {
    let columns = Columns::for_width(width);
    let attempts = if columns.attempts { format!("{}  ", pad_right("try", ATTEMPTS)) } else { String::new() };
    let heading = format!(
        " #  {}  {}  {}   {attempts}outcome",
        pad("step", columns.title),
        pad_right("budget", BUDGET),
        pad_right("actual", ACTUAL),
    );
    let mut lines = vec![palette.paint(Tone::Strong, &heading)];
    for phase in &timeline.phases {
        lines.push(row(&phase_row(timeline, phase), palette, columns));
        lines.extend(phase.steps.iter().map(|step| row(&step_row(timeline, step), palette, columns)));
    }
    lines.push(row(&total_row(timeline), palette, columns));
    lines
}

/// The sums below the table.
pub(crate) fn sums(timeline: &Timeline) -> Vec<String> {
    let totals = timeline.totals();
    let steps: Vec<String> = totals.steps.iter().map(|(outcome, n)| format!("{n} {}", label(*outcome))).collect();
    let mut lines = vec![format!("    steps: {}", if steps.is_empty() { "none".to_owned() } else { steps.join("; ") })];
    lines.push(format!(
        "    {}, {}, {} at gates waiting for people",
        changes(totals.changes, totals.undone),
        if totals.retries == 1 { "1 retry".to_owned() } else { format!("{} retries", totals.retries) },
        coarse(totals.gates_ms),
    ));
    lines.extend(timeline.outage_words().map(|words| format!("    outage {words}")));
    if let Some(window) = timeline.window(timeline.now_ms) {
        lines.push(match window.left_ms {
            Some(left) => format!("    window {}: {} left", planned(window.window_ms), coarse(left)),
            None => format!("    window {}: EXCEEDED by {}", planned(window.window_ms), coarse(window.exceeded_ms)),
        });
    }
    lines
}

/// How many changes were made, and how many of them were undone.
fn changes(made: usize, undone: usize) -> String {
    let made = count(made, "change");
    if undone == 0 { made } else { format!("{made}, of which {undone} undone") }
}

fn phase_row<'a>(timeline: &Timeline, phase: &'a Phase) -> Row<'a> {
    let actual = phase.actual_ms(timeline.now_ms);
    Row {
        number: if phase.index == 0 { String::new() } else { phase.index.to_string() },
        title: &phase.name,
        indent: 0,
        budget: phase.budget_ms.map_or_else(|| "-".to_owned(), planned),
        actual: exact(actual),
        attempts: String::new(),
        outcome: since(phase.outcome, timeline.undone_of_phase(phase)),
        over: over(phase.spent_ms(timeline.now_ms), phase.budget_ms),
        tones: (Tone::Strong, tone(phase.outcome)),
    }
}

fn step_row<'a>(timeline: &Timeline, step: &'a Step) -> Row<'a> {
    let actual = step.actual_ms(timeline.now_ms);
    Row {
        number: String::new(),
        title: &step.name,
        indent: 2 + 2 * step.depth.min(4),
        budget: step.budget_ms.map_or_else(String::new, planned),
        actual: exact(actual),
        attempts: if step.attempts > 0 { step.attempts.to_string() } else { String::new() },
        outcome: step_label(timeline, step),
        over: over(step.spent_ms(timeline.now_ms), step.budget_ms),
        tones: (Tone::Quiet, tone(step.outcome)),
    }
}

fn total_row(timeline: &Timeline) -> Row<'static> {
    let totals = timeline.totals();
    let budget_ms = Some(totals.budget_ms).filter(|ms| *ms > 0);
    let outcome = timeline.end.as_ref().map(|end| end.outcome);
    Row {
        number: String::new(),
        title: "total",
        indent: 0,
        budget: budget_ms.map_or_else(|| "-".to_owned(), planned),
        actual: exact(totals.actual_ms),
        attempts: String::new(),
        outcome: total_label(timeline),
        over: over(totals.actual_ms, budget_ms),
        tones: (Tone::Strong, tone(outcome)),
    }
}

fn row(row: &Row<'_>, palette: Palette, columns: Columns) -> String {
    let indent = row.indent.min(columns.title / 3);
    let title = format!("{}{}", " ".repeat(indent), fit(&clean(row.title), columns.title - indent));
    let title = pad(&title, columns.title);
    let actual = format!("{}{}", pad_right(&row.actual, ACTUAL), if row.over.is_some() { "!" } else { " " });
    let attempts = if columns.attempts { format!("{}  ", pad_right(&row.attempts, ATTEMPTS)) } else { String::new() };
    let line = format!(
        "{}  {}  {}  {}  {attempts}{}",
        pad_right(&row.number, 2),
        if row.tones.0 == Tone::Strong { palette.paint(Tone::Strong, &title) } else { title },
        pad_right(&row.budget, BUDGET),
        if row.over.is_some() { palette.paint(Tone::Warning, &actual) } else { actual },
        palette.paint(row.tones.1, &row.outcome),
    );
    match row.over {
        Some(over) if columns.over => {
            format!("{line}{}", palette.paint(Tone::Warning, &format!(", OVER by {}", coarse(over))))
        }
        _ => line,
    }
}
