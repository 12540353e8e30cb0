//! Shows the faults of files: drawn by miette where there are colours, as plain lines that a CI log and `grep` can use
//! elsewhere. The place is always in the text as `file:line:col`.

use std::fmt::Write as _;

use console::Term;
use cutover_engine::source::{Fault, Faults, Location};
use miette::{GraphicalReportHandler, GraphicalTheme};
use serde_json::{Value, json};

/// Renders all faults as text, for standard output or standard error.
pub(crate) fn shown(faults: &Faults, graphical: bool) -> String {
    let mut text = String::new();
    let width = usize::from(Term::stdout().size().1).clamp(40, 120);
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode()).with_width(width).with_links(false);
    for fault in &faults.0 {
        // Writing to a `String` cannot fail.
        if graphical && handler.render_report(&mut text, fault).is_ok() {
            text.push('\n');
        } else {
            text += &plain(fault);
        }
    }
    text
}

/// Renders `file:line:col: what is wrong`, then the line with a caret, then the hint.
fn plain(fault: &Fault) -> String {
    let mut text = match &fault.at {
        Some(at) => format!("{at}: {fault}\n{}", excerpt(at, fault.label.as_deref().unwrap_or_default())),
        None => format!("error: {fault}\n"),
    };
    if let Some(help) = &fault.help {
        let _ = writeln!(text, "  help: {help}");
    }
    text
}

fn excerpt(at: &Location, label: &str) -> String {
    let (line, column) = at.file.line_column(at.range.start);
    let Some(source) = at.file.text.lines().nth(line - 1) else { return String::new() };
    let before: String = source.chars().take(column - 1).collect();
    let marked = at.text().lines().next().unwrap_or_default();
    let number = line.to_string();
    let margin = " ".repeat(number.len());
    // A tab stays a tab, so that the caret is below its character whatever the width of a tab.
    let indent: String = before
        .chars()
        .flat_map(|c| {
            let width = console::measure_text_width(c.encode_utf8(&mut [0; 4]));
            std::iter::repeat_n(if c == '\t' { '\t' } else { ' ' }, if c == '\t' { 1 } else { width })
        })
        .collect();
    let carets = "^".repeat(console::measure_text_width(marked.trim_end()).max(1));
    let label = if label.is_empty() { String::new() } else { format!(" {label}") };
    format!("  {number} | {source}\n  {margin} | {indent}{carets}{label}\n")
}

/// A fault for programs.
pub(crate) fn as_json(fault: &Fault) -> Value {
    let mut json = json!({ "message": fault.message, "help": fault.help });
    if let Some(at) = &fault.at {
        let ((line, column), (end_line, end_column)) =
            (at.file.line_column(at.range.start), at.file.line_column(at.range.end));
        json["file"] = json!(at.file.path);
        json["line"] = json!(line);
        json["column"] = json!(column);
        json["end_line"] = json!(end_line);
        json["end_column"] = json!(end_column);
    }
    json
}
