//! A generated playbook as YAML: steps as blocks, everything in them as flow values on one line.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::{Inner, Playbook, Step};

/// The text, and the files it includes. Files with the same text are one.
pub(super) fn of(playbook: &Playbook) -> (String, BTreeMap<String, String>) {
    let mut files = Files::default();
    let mut text = "name: Generated\n".to_owned();
    for (key, map) in [("params", &playbook.params), ("vars", &playbook.vars)] {
        if !map.is_empty() {
            let _ = writeln!(text, "{key}: {}", flow(&Value::Object(map.clone())));
        }
    }
    text += "phases:\n";
    for phase in &playbook.phases {
        options(&mut text, &phase.options, 0);
        text += "  steps:\n";
        steps(&mut text, &phase.steps, 2, &mut files);
    }
    (text, files.0.into_iter().map(|(text, name)| (name, text)).collect())
}

/// File names by text.
#[derive(Default)]
struct Files(BTreeMap<String, String>);

fn options(text: &mut String, options: &Map<String, Value>, indent: usize) {
    for (at, (key, value)) in options.iter().enumerate() {
        let lead = if at == 0 { "- " } else { "  " };
        let _ = writeln!(text, "{:indent$}{lead}{key}: {}", "", flow(value));
    }
}

fn steps(text: &mut String, list: &[Step], indent: usize, files: &mut Files) {
    for step in list {
        options(text, &step.options, indent);
        if let Inner::Include(inner) = &step.inner {
            let mut file = String::new();
            steps(&mut file, inner, 0, files);
            let next = format!("included-{}.yml", files.0.len() + 1);
            let name = files.0.entry(file).or_insert(next);
            let _ = writeln!(text, "{:indent$}  include: {name}", "");
        }
        for (name, inner) in step.sections().into_iter().filter(|(name, _)| *name != "include") {
            match inner.is_empty() {
                true if name == "undo" || name == "block" => {
                    let _ = writeln!(text, "{:indent$}  {name}: []", "");
                }
                true => {}
                false => {
                    let _ = writeln!(text, "{:indent$}  {name}:", "");
                    steps(text, inner, indent + 2, files);
                }
            }
        }
    }
}

/// A value in YAML's flow style.
fn flow(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let entry = |(key, value): (&String, &Value)| format!("{}: {}", word(key), flow(value));
            format!("{{{}}}", map.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
        Value::String(text) => word(text),
        other => other.to_string(),
    }
}

/// A text: plain if YAML takes it for one in any case.
fn word(text: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    let reserved =
        ["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&text.to_lowercase().as_str());
    if text.starts_with(|letter: char| letter.is_ascii_alphabetic()) && text.chars().all(plain) && !reserved {
        text.to_owned()
    } else {
        Value::String(text.to_owned()).to_string()
    }
}
