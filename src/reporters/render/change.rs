//! A change as a report shows it: the exact commands and requests, what they gave back, and what takes them back.

use cutover_engine::action::{Action, Done};
use cutover_engine::module::Class;
use cutover_engine::world::Command;
use serde::Serialize;

use super::super::clock::{exact, since};
use super::super::timeline::{Made, Step, Task};
use super::document::target;

/// The longest output shown; the journal holds all of it.
const OUTPUT: usize = 4_000;

/// A change.
#[derive(Serialize)]
pub(super) struct ChangeView {
    pub(super) at: String,
    pub(super) step: String,
    pub(super) target: String,
    pub(super) summary: String,
    pub(super) once: bool,
    pub(super) applied: bool,
    pub(super) actions: Vec<ActionView>,
    /// A diff or similar, as the plan showed it; empty if there is none.
    pub(super) preview: String,
    /// `None` if nothing can take it back.
    pub(super) undo: Option<Vec<String>>,
}

/// One of its commands or requests.
#[derive(Serialize)]
pub(super) struct ActionView {
    pub(super) line: String,
    /// What it gave back, in a few words; empty if no answer was recorded.
    pub(super) answer: String,
    /// Longer texts, to be folded away: a title and the text.
    pub(super) texts: Vec<(String, String)>,
}

impl ChangeView {
    /// The change a task made.
    pub(super) fn of(step: &Step, task: &Task, made: &Made) -> Self {
        let actions = made.change.actions.iter().enumerate().map(|(index, action)| {
            let acted = made.acted.get(index);
            ActionView::of(action, acted.map(|acted| (&acted.done, acted.took_ms)))
        });
        let undo = made.change.undo.as_ref();
        Self {
            at: since(made.at_ms),
            step: step.name.clone(),
            target: target(task),
            summary: made.change.summary.clone(),
            once: made.change.class == Class::AtMostOnce,
            applied: made.applied,
            actions: actions.collect(),
            preview: made.change.preview.clone().unwrap_or_default(),
            undo: undo.map(|actions| actions.iter().map(ToString::to_string).collect()),
        }
    }
}

impl ActionView {
    fn of(action: &Action, acted: Option<(&Done, u64)>) -> Self {
        let mut texts = Vec::new();
        match action {
            Action::Exec { command, .. } => hidden(command, &mut texts),
            Action::Pipe { read, write, .. } => {
                [read, write].into_iter().for_each(|command| hidden(command, &mut texts))
            }
            Action::Request(_) => {}
        }
        let mut answer = String::new();
        if let Some((done, took_ms)) = acted {
            let took = exact(took_ms);
            answer = match done {
                Done::Output(output) => format!("{}, {took}", output.exit),
                Done::Response(_) => format!("answered, {took}"),
            };
            match done {
                Done::Output(output) => {
                    texts.push(("standard output".to_owned(), cut(&output.stdout)));
                    texts.push(("standard error".to_owned(), cut(&output.stderr)));
                }
                Done::Response(value) => {
                    texts.push(("answer".to_owned(), cut(&serde_json::to_string_pretty(value).unwrap_or_default())));
                }
            }
        }
        texts.retain(|(_, text)| !text.trim().is_empty());
        Self { line: action.to_string(), answer, texts }
    }
}

/// What a command's line does not show: a script's text, and what it is fed.
fn hidden(command: &Command, texts: &mut Vec<(String, String)>) {
    if let (Some(name), Some(script)) = (command.script_name(), command.argv.get(2)) {
        texts.push((format!("script {name}"), script.clone()));
    }
    if let Some(stdin) = &command.stdin {
        texts.push(("standard input".to_owned(), cut(stdin)));
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(OUTPUT) {
        Some((end, _)) => format!("{}\n(cut off here; the journal holds all {} bytes)", &text[..end], text.len()),
        None => text.to_owned(),
    }
}
