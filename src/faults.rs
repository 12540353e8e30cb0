//! Shows the faults of files: drawn as compilers draw them where there are colours, as plain lines that a CI log and `grep`
//! can use elsewhere. The place is always in the text as `file:line:col`.

use std::fmt::Write as _;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use console::Term;
use cutover_engine::source::{Fault, Faults, Location};
use serde_json::{Value, json};

/// Renders all faults as text, for standard output or standard error.
pub(crate) fn shown(faults: &Faults, graphical: bool) -> String {
    faults.0.iter().map(|fault| if graphical { drawn(fault) } else { plain(fault) }).collect()
}

fn drawn(fault: &Fault) -> String {
    let mut group = Group::with_title(Level::ERROR.primary_title(fault.message.as_str()));
    if let Some(at) = &fault.at {
        let marked = AnnotationKind::Primary.span(at.range.clone()).label(fault.label.as_deref());
        let path = at.file.path.display().to_string();
        group = group.element(Snippet::source(at.file.text.as_str()).path(path).annotation(marked));
    }
    if let Some(help) = &fault.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    let width = usize::from(Term::stdout().size().1).clamp(40, 120);
    let renderer = Renderer::styled().decor_style(DecorStyle::Unicode).term_width(width);
    renderer.render(&[group]) + "\n\n"
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
