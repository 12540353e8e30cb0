//! Shows the faults of files: drawn as compilers draw them where there are colours, as plain lines that a CI log and `grep`
//! can use elsewhere. The place is always in the text as `file:line:col`.

use std::fmt::Write as _;
use std::path::Path;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use console::Term;
use cutover_engine::source::{Fault, Faults, Location};
use cutover_report::clean;
use serde_json::{Value, json};

/// How much of a line is shown, in characters: some of it before the fault, and the rest from there on.
const BEFORE: usize = 80;
const SHOWN: usize = 200;

/// How long a message or a hint may be, in characters. They quote what is in files.
const LONGEST: usize = 1000;

/// Renders all faults as text, for standard output or standard error.
pub(crate) fn shown(faults: &Faults, graphical: bool) -> String {
    let shown = |fault: &Fault| {
        let fault = harmless(fault);
        if graphical && is_drawable(&fault) { drawn(&fault) } else { plain(&fault) }
    };
    faults.0.iter().map(shown).collect()
}

/// Whether a fault can be drawn in its source as it is: nothing there would reach the terminal, or fill it.
fn is_drawable(fault: &Fault) -> bool {
    let Some(at) = &fault.at else { return true };
    let (first, _) = at.file.line_column(at.range.start);
    let (last, _) = at.file.line_column(at.range.end);
    let mut lines = at.file.text.lines().skip(first.saturating_sub(3)).take(last - first + 6);
    lines.all(|line| line.len() <= LONGEST && !line.contains(|c: char| c.is_control() && c != '\t'))
        && clean(&path(&at.file.path)) == path(&at.file.path)
}

/// A fault whose words are safe on a terminal, and not endless.
fn harmless(fault: &Fault) -> Fault {
    let words = |text: &String| bounded(&text.lines().map(clean).collect::<Vec<_>>().join("\n"));
    let Fault { message, at, label, help } = fault;
    let (label, help) = (label.as_ref().map(words), help.as_ref().map(words));
    Fault { message: words(message), at: at.clone(), label, help }
}

fn bounded(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}... ({} bytes)", &text[..end], text.len()),
        None => text.to_owned(),
    }
}

fn path(path: &Path) -> String {
    path.display().to_string()
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
        Some(at) => {
            format!("{}: {fault}\n{}", clean(&at.to_string()), excerpt(at, fault.label.as_deref().unwrap_or_default()))
        }
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
    let (skipped, from) = match column - 1 > BEFORE {
        true => ("...", column - 1 - BEFORE),
        false => ("", 0),
    };
    let before: String = source.chars().skip(from).take(column - 1 - from).collect();
    let rest = &source[source.char_indices().nth(column - 1).map_or(source.len(), |(start, _)| start)..];
    let shown = rest.char_indices().nth(SHOWN).map_or(rest.len(), |(end, _)| end);
    let more = if shown < rest.len() { "..." } else { "" };
    let marked = at.text().lines().next().unwrap_or_default();
    let marked = visible(&marked[..marked.char_indices().nth(SHOWN).map_or(marked.len(), |(end, _)| end)]);
    let (before, rest) = (format!("{skipped}{}", visible(&before)), format!("{}{more}", visible(&rest[..shown])));
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
    format!("  {number} | {before}{rest}\n  {margin} | {indent}{carets}{label}\n")
}

/// Text of a file as it can be shown, tabs included.
fn visible(text: &str) -> String {
    text.split('\t').map(clean).collect::<Vec<_>>().join("\t")
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
