//! The footer: phase and its budget, the running step, a row for each target, what is left of the window. Pure: a
//! timeline and a moment in, lines out.

use cutover_protocol::event::Outcome;

use super::super::clock::{coarse, exact, planned, since};
use super::super::line::{clean, count, first_line, fit, pad, pad_right};
use super::super::outcome::{label, tone};
use super::super::palette::{Palette, Tone};
use super::super::timeline::{Doing, Phase, Step, Stopping, Task, Timeline, over};

/// The rows of targets shown at most.
const ROWS: usize = 12;

/// The footer's lines; none before a run begins and after it ended. Every line is narrower than the terminal.
pub(super) fn footer(timeline: &Timeline, now_ms: u64, size: (usize, usize), palette: Palette) -> Vec<String> {
    if timeline.header.is_none() && timeline.phases.is_empty() || timeline.end.is_some() {
        return Vec::new();
    }
    let (rows, columns) = size;
    let width = columns.saturating_sub(1);
    let mut lines = vec![String::new()];
    lines.extend(timeline.stopping.map(|stopping| stopping_line(stopping, timeline, now_ms, palette)));
    lines.extend(timeline.phase().map(|phase| phase_line(phase, now_ms, width, palette)));
    if let Some(step) = timeline.running().filter(|step| !step.is_block()) {
        lines.push(step_line(step, now_ms, width, palette));
        lines.extend(task_rows(step, now_ms, rows.saturating_sub(2 + lines.len()).clamp(1, ROWS), width, palette));
    }
    lines.push(window_line(timeline, now_ms, palette));
    lines.iter().map(|line| fit(line, width)).collect()
}

/// That the run is being stopped, since when, and what is waited for.
fn stopping_line(stopping: Stopping, timeline: &Timeline, now_ms: u64, palette: Palette) -> String {
    let how = if stopping.at_once { "STOPPING AT ONCE" } else { "STOPPING" };
    let time = coarse(now_ms.saturating_sub(stopping.at_ms));
    let head = format!("{how} since {}, for {time}", since(stopping.at_ms));
    let running = timeline.running().into_iter().flat_map(|step| &step.tasks).filter(|task| task.outcome.is_none());
    let sent: Vec<String> = running
        .filter_map(|task| match &task.doing {
            Doing::Applying(summary) => Some(clean(&format!("{summary} on {}", task.id.target))),
            _ => None,
        })
        .collect();
    let waits = match (stopping.at_once, sent.as_slice()) {
        (true, _) => String::new(),
        (false, []) => "; waits for a safe point".to_owned(),
        (false, [one]) => format!("; waits for: {one}"),
        (false, [first, rest @ ..]) => format!("; waits for: {first}, and {} more", rest.len()),
    };
    format!("{}{waits}", palette.paint(Tone::Warning, &head))
}

fn phase_line(phase: &Phase, now_ms: u64, width: usize, palette: Palette) -> String {
    let actual = phase.spent_ms(now_ms);
    let time = match phase.budget_ms {
        Some(budget) => format!("{} of {}", coarse(actual), planned(budget)),
        None => coarse(actual),
    };
    let over = over(actual, phase.budget_ms);
    let fraction = phase.budget_ms.map(|budget| actual as f64 / budget.max(1) as f64);
    let room = if width >= 90 { 20 } else { 10 };
    let bar = fraction.map_or_else(String::new, |fraction| format!("{} ", bar(fraction, room)));
    let right = format!("{bar}{time}{}", if over.is_some() { " OVER" } else { "" });
    let tone = if over.is_some() { Tone::Warning } else { Tone::Active };
    let left = format!("phase {}/{}  {}", phase.index, phase.count, clean(&phase.name));
    let room = width.saturating_sub(console::measure_text_width(&right) + 2);
    format!("{}  {}", palette.paint(Tone::Strong, &pad(&left, room)), palette.paint(tone, &right))
}

fn step_line(step: &Step, now_ms: u64, width: usize, palette: Palette) -> String {
    let actual = step.spent_ms(now_ms);
    let mut right = exact(actual);
    if let Some(budget) = step.budget_ms {
        right += &format!(" of {}", planned(budget));
    }
    let total = step.targets.len().max(step.tasks.len());
    if total > 1 {
        right += &format!("  {} of {total} done", step.tasks.iter().filter(|task| task.outcome.is_some()).count());
    }
    let tone = if over(actual, step.budget_ms).is_some() { Tone::Warning } else { Tone::Quiet };
    let room = width.saturating_sub(console::measure_text_width(&right) + 2);
    format!("{}  {}", pad(&format!("  > {}", clean(&step.name)), room), palette.paint(tone, &right))
}

/// A row for each task: what failed first, then what runs, what is done last; what does not fit is summed up.
fn task_rows(step: &Step, now_ms: u64, most: usize, width: usize, palette: Palette) -> Vec<String> {
    if let Some(gate) = step.gate.as_ref().filter(|gate| gate.answer.is_none()) {
        return vec![format!(
            "    {}",
            palette.paint(Tone::Active, &format!("waits for a person: {}", clean(&gate.question)))
        )];
    }
    let mut tasks: Vec<&Task> = step.tasks.iter().collect();
    tasks.sort_by_key(|task| match task.outcome {
        Some(outcome) if outcome > Outcome::FailedAllowed => 0,
        None => 1,
        Some(_) => 2,
    });
    let shown = if tasks.len() > most { most.saturating_sub(1) } else { tasks.len() };
    let widest = tasks.iter().map(|task| console::measure_text_width(&name(task))).max().unwrap_or(0);
    let name_width = widest.min(width / 3);
    let row = |task: &&Task| format!("    {}  {}", pad(&name(task), name_width), doing(task, now_ms, palette));
    let mut rows: Vec<String> = tasks[..shown].iter().map(row).collect();
    let rest = &tasks[shown..];
    if !rest.is_empty() {
        let done = rest.iter().filter(|task| task.outcome.is_some()).count();
        let text = format!("    and {}: {done} done, {} running", count(rest.len(), "target"), rest.len() - done);
        rows.push(palette.paint(Tone::Quiet, &text));
    }
    rows
}

fn name(task: &Task) -> String {
    let item = task.id.path.item().map_or_else(String::new, |item| format!(" [{}]", item.position));
    clean(&format!("{}{item}", task.id.target))
}

fn doing(task: &Task, now_ms: u64, palette: Palette) -> String {
    let attempt = if task.attempts > 1 { format!(" (attempt {})", task.attempts) } else { String::new() };
    match (&task.doing, task.outcome) {
        (_, Some(outcome)) => {
            let time = exact(task.took_ms.unwrap_or(0));
            palette.paint(tone(Some(outcome)), &format!("{}  {time}{attempt}", label(Some(outcome))))
        }
        (Doing::Probing | Doing::Done, None) => format!("probing{attempt}"),
        (Doing::Applying(summary), None) => {
            format!("{} {}{attempt}", palette.paint(Tone::Active, "applying"), clean(&summary.to_string()))
        }
        (Doing::Waiting(waiting), None) => {
            let progress = waiting.progress.map_or_else(String::new, |progress| {
                let left = progress
                    .eta_seconds
                    .map_or_else(String::new, |s| format!(" {} left", coarse(s.saturating_mul(1000))));
                let percent = pad_right(&format!("{:.0}", progress.percent), 3);
                format!(" {} {percent} %{left}", bar(progress.percent / 100.0, 10))
            });
            format!("waiting{attempt}{progress}  {}", clean(&waiting.why.to_string()))
        }
        (Doing::Pausing(retry), None) => {
            let passed = now_ms.saturating_sub(retry.at_ms);
            let text = format!(
                "retry {}/{} in {}",
                retry.attempt.saturating_add(1),
                retry.attempts,
                coarse(retry.delay_ms.saturating_sub(passed))
            );
            format!("{}  {}", palette.paint(Tone::Warning, &text), clean(&first_line(&retry.message)))
        }
    }
}

fn window_line(timeline: &Timeline, now_ms: u64, palette: Palette) -> String {
    let mut time = since(now_ms);
    if let Some(outage) = timeline.outage_ms(now_ms).filter(|_| timeline.is_out()) {
        time += &format!("  OUTAGE for {}", coarse(outage));
    }
    let Some(window) = timeline.window(now_ms) else { return palette.paint(Tone::Quiet, &time) };
    let left = match window.left_ms {
        Some(left) => palette.paint(Tone::Quiet, &format!("{time}  {} of the window left", coarse(left))),
        None => palette.paint(Tone::Bad, &format!("{time}  window EXCEEDED by {}", coarse(window.exceeded_ms))),
    };
    match window.over_ms {
        Some(over) if window.left_ms.is_some() => {
            format!("{left}  {}", palette.paint(Tone::Warning, &format!("forecast: over by {}", coarse(over))))
        }
        _ => left,
    }
}

/// A bar of a width; a fraction above 1 fills it.
fn bar(fraction: f64, width: usize) -> String {
    let filled = ((fraction.clamp(0.0, 1.0) * width as f64).round() as usize).min(width);
    format!("[{}{}]", "#".repeat(filled), "-".repeat(width - filled))
}
