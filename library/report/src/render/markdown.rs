//! The report as Markdown, for a ticket or a wiki: short enough to read there, with the commands in code blocks.

use std::fmt::Write;

use super::super::line::clean_text;
use super::super::timeline::Timeline;
use super::change::{ActionView, ChangeView};
use super::document::{Document, FailureView};

/// The report of a run.
pub(super) fn markdown(timeline: &Timeline) -> String {
    let document = Document::of(timeline);
    let mut out = format!("# {}\n\n", escape(&document.title));
    out += &format!("**{}** {}\n\n", escape(&document.verdict.word), escape(&document.verdict.text));
    list(&mut out, "What was changed and still stands", document.standing.iter().map(|line| escape(line)));
    if !document.failures.is_empty() {
        out += "## Failures\n\n";
        document.failures.iter().for_each(|failure| self::failure(&mut out, failure));
    }
    let fields = document.header.iter().map(|(name, value)| format!("{name}: {}", escape(value)));
    let params = document.params.iter().map(|(name, value)| format!("{} = {}", escape(name), escape(value)));
    list(&mut out, "The run", fields.chain(params));
    steps(&mut out, &document);
    if !document.gates.is_empty() {
        out += "## Gates\n\n";
        table(&mut out, &["Asked", "Question", "To type", "Answer", "By", "Typed, or reason", "Answered"]);
        for gate in &document.gates {
            let question = if gate.question.is_empty() { &gate.step } else { &gate.question };
            let cells = [&gate.asked, question, &gate.confirm, &gate.answer, &gate.by, &gate.typed, &gate.answered];
            row(&mut out, cells.map(String::as_str));
        }
        out.push('\n');
    }
    list(&mut out, "Notices", document.notices.iter().map(|(at, message)| format!("{at} {}", escape(message))));
    let retries = document.retries.iter();
    list(
        &mut out,
        "Retries",
        retries.map(|r| {
            let (step, target) = (escape(&r.step), escape(&r.target));
            format!("{} {step} on {target}, attempt {}: {}", r.at, r.attempt, escape(&r.message))
        }),
    );
    if !document.changes.is_empty() {
        out += "## Changes, with the commands and requests that made them\n\n";
        document.changes.iter().for_each(|change| self::change(&mut out, change));
    }
    if !document.results.is_empty() {
        out += "## Registered results\n\n";
        for result in &document.results {
            let names = if result.names.is_empty() { String::new() } else { format!(", as {}", escape(&result.names)) };
            out += &format!(
                "{} on {}{names}\n\n{}\n",
                escape(&result.step),
                escape(&result.target),
                fence("json", &result.value)
            );
        }
    }
    out
}

fn steps(out: &mut String, document: &Document) {
    *out += "## Steps\n\n";
    table(out, &["#", "Step", "Budget", "Actual", "Over by", "Attempts", "Outcome"]);
    for step in &document.rows {
        let mut title = escape(&step.title);
        if step.level == "step" {
            title = format!("{}{title}", "&emsp;".repeat(step.indent + 1));
        } else {
            title = format!("**{title}**");
        }
        if !step.note.is_empty() {
            let _ = write!(title, " ({})", escape(&step.note));
        }
        let cells = [&step.number, &title, &step.budget, &step.actual, &step.over, &step.attempts];
        let cells: Vec<&str> = cells.into_iter().map(String::as_str).chain([step.outcome.as_str()]).collect();
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    }
    out.push('\n');
    for line in &document.sums {
        let _ = writeln!(out, "- {line}");
    }
    out.push('\n');
}

fn failure(out: &mut String, failure: &FailureView) {
    let allowed = if failure.allowed { ", allowed" } else { "" };
    let attempts = if failure.attempts > 1 { format!(", after {} attempts", failure.attempts) } else { String::new() };
    let on = if failure.target.is_empty() { String::new() } else { format!(" on {}", escape(&failure.target)) };
    *out += &format!("### {}{on} ({}{allowed}{attempts})\n\n", escape(&failure.step), failure.class);
    let mut text = failure.message.clone();
    for line in &failure.details {
        text.push('\n');
        text += line;
    }
    *out += &fence("text", &text);
    if !failure.help.is_empty() {
        *out += &format!("\n{}\n", escape(&failure.help));
    }
    if !failure.place.is_empty() {
        *out += &format!("\n{}\n", escape(&failure.place));
    }
    if !failure.seen.is_empty() {
        *out += &format!("\nSeen last:\n\n{}", fence("json", &failure.seen));
    }
    out.push('\n');
}

fn change(out: &mut String, change: &ChangeView) {
    let once = if change.once { " (at most once)" } else { "" };
    let confirmed = match (change.applied, change.declared) {
        (false, _) => " **not confirmed**",
        (true, true) => " **declared done**",
        (true, false) => "",
    };
    let undoes = if change.undoes { " (undoes another change)" } else { "" };
    let undone = change.undone.as_ref().map_or_else(String::new, |undone| format!(" **{}**", undone.word));
    let (summary, target) = (escape(&change.summary), escape(&change.target));
    *out += &format!("- {} {target}: {summary}{once}{undoes}{confirmed}{undone}\n\n", change.at);
    actions(out, &change.actions);
    let Some(undone) = &change.undone else { return };
    let at = if undone.at.is_empty() { String::new() } else { format!(" ({})", undone.at) };
    let by = if undone.actions.is_empty() { ": nothing had to be sent" } else { " by" };
    *out += &format!("  {}{at}{by}\n\n", undone.word);
    actions(out, &undone.actions);
}

/// Commands and requests in a code block of a list's item.
fn actions(out: &mut String, actions: &[ActionView]) {
    if actions.is_empty() {
        return;
    }
    let lines: Vec<&str> = actions.iter().map(|action| action.line.as_str()).collect();
    for line in fence("text", &lines.join("\n")).lines() {
        *out += &format!("  {line}\n");
    }
    out.push('\n');
}

fn list(out: &mut String, title: &str, items: impl Iterator<Item = String>) {
    let items: Vec<String> = items.map(|item| format!("- {item}\n")).collect();
    if !items.is_empty() {
        *out += &format!("## {title}\n\n{}\n", items.concat());
    }
}

fn table(out: &mut String, heads: &[&str]) {
    *out += &format!("| {} |\n|{}\n", heads.join(" | "), " --- |".repeat(heads.len()));
}

fn row<const N: usize>(out: &mut String, cells: [&str; N]) {
    *out += &format!("| {} |\n", cells.map(escape).join(" | "));
}

/// Text as Markdown that shows it: one line, nothing in it is markup.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in clean_text(text).chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' => out.extend(['\\', c]),
            '\n' => out += "<br>",
            c => out.push(c),
        }
    }
    out
}

/// A code block whose fence is longer than any in the text.
fn fence(language: &str, text: &str) -> String {
    let text = clean_text(text);
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let ticks = "`".repeat(longest.max(2) + 1);
    format!("{ticks}{language}\n{}\n{ticks}\n", text.trim_end())
}
