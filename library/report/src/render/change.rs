//! A change as a report shows it: the exact commands and requests, what they returned, and what undoes or has undone it.

use cutover_protocol::action::{Action, Done};
use cutover_protocol::change::Class;
use cutover_protocol::command::Command;
use serde::Serialize;

use super::super::clock::{exact, since};
use super::super::timeline::{Acted, Made, Timeline, Undo};

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
    /// Whether a person declared it done.
    pub(super) declared: bool,
    /// Whether it undoes another change.
    pub(super) undoes: bool,
    pub(super) actions: Vec<ActionView>,
    /// A diff or similar, as the plan showed it; empty if there is none.
    pub(super) preview: String,
    /// The commands and requests that would undo it; `None` if it cannot be undone by itself.
    pub(super) undo: Option<Vec<String>>,
    /// How it was undone; `None` if that was never begun.
    pub(super) undone: Option<UndoneView>,
}

/// How a change was undone.
#[derive(Serialize)]
pub(super) struct UndoneView {
    /// `undone`, or that this was begun.
    pub(super) word: &'static str,
    /// When, and how long it took.
    pub(super) at: String,
    /// The commands and requests that did it.
    pub(super) actions: Vec<ActionView>,
}

/// One of its commands or requests.
#[derive(Serialize)]
pub(super) struct ActionView {
    pub(super) line: String,
    /// What it returned, in a few words; empty if that was not recorded.
    pub(super) answer: String,
    /// Longer texts, to be folded away: a title and the text.
    pub(super) texts: Vec<(String, String)>,
}

impl ChangeView {
    /// A change of a run.
    pub(super) fn of(timeline: &Timeline, made: &Made) -> Self {
        let undo = made.change.undo.as_ref();
        Self {
            at: since(made.at_ms),
            step: made.step.clone(),
            target: made.task.target.to_string(),
            summary: made.change.summary.to_string(),
            once: made.change.class == Class::AtMostOnce,
            applied: made.applied,
            declared: made.declared,
            undoes: made.undoes,
            actions: ActionView::all(&made.change.actions, &made.acted),
            preview: made.change.preview.clone().unwrap_or_default(),
            undo: undo.map(|actions| actions.iter().map(ToString::to_string).collect()),
            undone: made.undo.as_ref().map(|undo| UndoneView::of(timeline, made, undo)),
        }
    }
}

impl UndoneView {
    fn of(timeline: &Timeline, made: &Made, undo: &Undo) -> Self {
        let recorded = made.change.undo.as_deref().unwrap_or_default();
        let mut actions = ActionView::all(recorded, &undo.acted);
        if made.is_undone() {
            // What was not sent was not needed.
            actions.retain(|action| !action.answer.is_empty());
        }
        let own = undo.by.iter().filter_map(|number| timeline.change(*number));
        actions.extend(own.flat_map(|made| ActionView::all(&made.change.actions, &made.acted)));
        match undo.at_ms {
            Some(at_ms) => {
                Self { word: "undone", at: format!("{}, took {}", since(at_ms), exact(undo.took_ms)), actions }
            }
            None => Self { word: "undo begun, its end is not known", at: String::new(), actions },
        }
    }
}

impl ActionView {
    /// All actions of a list, with what was returned by those that were carried out.
    fn all(actions: &[Action], acted: &[Acted]) -> Vec<Self> {
        let of = |(index, action): (usize, &Action)| {
            let acted = acted.iter().find(|acted| acted.index == index);
            Self::of(action, acted.map(|acted| (&acted.done, acted.took_ms)))
        };
        actions.iter().enumerate().map(of).collect()
    }

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
