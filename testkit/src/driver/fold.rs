//! Folds a journal: how each path ended in the end, which results were registered, and which changes stand, in a form that does
//! not depend on how often the run was interrupted.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use cutover_engine::action::Action;
use cutover_engine::event::{Event, EventKind, Outcome, StepKind};
use cutover_engine::execute::Past;
use cutover_engine::failure::FailureClass;
use cutover_engine::module::Class;
use cutover_engine::task::TaskId;
use serde_json::Value;

/// Keys of an event whose texts are structure, not of foreign origin.
const STRUCTURE: &[&str] = &[
    "kind", "path", "step", "module", "section", "outcome", "class", "run", "verb", "target", "site", "node", "name",
    "id",
];

/// A folded journal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Folded {
    /// How steps ended, by path. `done` is in sync or changed: which of them depends on where a run was interrupted.
    pub steps: BTreeMap<String, String>,
    /// How tasks ended, by path and target.
    pub tasks: BTreeMap<String, String>,
    /// The last value of each name.
    pub registered: BTreeMap<String, Value>,
    /// The changes that stand: task and sentence, sorted.
    pub standing: Vec<String>,
    /// How often a gate was approved, by path.
    pub approved: BTreeMap<String, usize>,
}

/// A change that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The path of its step, as one would type it for `--repeat`.
    pub path: String,
    /// Its task: path and target.
    pub task: String,
    /// Its sentence.
    pub summary: String,
    /// Its commands, as `PLACE$ ARGV`.
    pub lines: Vec<String>,
    /// Whether it was completed.
    pub complete: bool,
    /// Whether it must be made at most once.
    pub once: bool,
}

impl Standing {
    /// Whether an effect's line is one of its commands. Texts that the journal hides (`***`) match anything.
    pub fn is(&self, effect: &str) -> bool {
        self.lines.iter().any(|line| {
            let mut pieces = line.split("***");
            let Some(mut rest) = pieces.next().and_then(|first| effect.strip_prefix(first)) else { return false };
            let ends = line.rsplit("***").next().unwrap_or_default();
            for piece in pieces {
                match rest.find(piece) {
                    Some(at) => rest = &rest[at + piece.len()..],
                    None => return false,
                }
            }
            effect.ends_with(ends) && (line.contains("***") || rest.is_empty())
        })
    }
}

fn word(outcome: Outcome) -> String {
    match outcome {
        Outcome::InSync | Outcome::Changed => "done".to_owned(),
        other => {
            serde_json::to_value(other).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
        }
    }
}

/// A task as text: its path, its position in a loop, its target.
fn task_words(task: &TaskId) -> String {
    format!("{} {}", task.path, task.target)
}

/// Folds a journal of a run and of all its resumptions.
pub fn fold(events: &[Event]) -> Folded {
    let mut folded = Folded::default();
    let mut blocks = BTreeSet::new();
    for event in events {
        match &event.kind {
            EventKind::StepStarted { path, step: StepKind::Block, .. } => drop(blocks.insert(path.clone())),
            // A block's outcome is that of its steps. A path that a resume skips as done keeps its earlier outcome.
            EventKind::StepFinished { path, outcome, reason, .. } if !blocks.contains(path) => {
                let passed = reason.as_ref().is_some_and(|reason| reason.id() == Some("engine.done-before"));
                if !passed {
                    folded.steps.insert(path.to_string(), word(*outcome));
                }
            }
            EventKind::TaskFinished { task, outcome, .. } => {
                folded.tasks.insert(task_words(task), word(*outcome));
            }
            EventKind::Registered { name, value, .. } => drop(folded.registered.insert(name.clone(), value.clone())),
            EventKind::GateAnswered { path, approved: true, .. } => {
                *folded.approved.entry(path.to_string()).or_insert(0) += 1;
            }
            _ => {}
        }
    }
    folded.standing = standing(events).into_iter().map(|made| format!("{}: {}", made.task, made.summary)).collect();
    folded.standing.sort();
    folded
}

/// The changes that stand, in the order they were made.
pub(super) fn standing(events: &[Event]) -> Vec<Standing> {
    Past::of(events)
        .standing()
        .iter()
        .map(|made| Standing {
            path: made.task.to_string(),
            task: task_words(&made.task),
            summary: made.change.summary.to_string(),
            lines: made.change.actions.iter().filter_map(line).collect(),
            complete: made.complete,
            once: made.change.class == Class::AtMostOnce,
        })
        .collect()
}

/// A command as the model knows it.
fn line(action: &Action) -> Option<String> {
    match action {
        Action::Exec { place, command } => Some(format!("{place}$ {}", command.argv.join(" "))),
        _ => None,
    }
}

/// Whether the last execution in a journal refused a task because of a change in doubt.
pub(super) fn refused_in_doubt(events: &[Event]) -> bool {
    let from = events.iter().rposition(|event| matches!(event.kind, EventKind::RunStarted { .. })).unwrap_or(0);
    events[from..].iter().any(|event| match &event.kind {
        EventKind::TaskFinished { failure: Some(failure), .. } => failure.class == FailureClass::OutcomeUnknown,
        _ => false,
    })
}

/// Paths of a journal without positions: everything that was executed or undone.
pub(super) fn paths(events: &[Event]) -> BTreeSet<String> {
    let path = |event: &Event| match &event.kind {
        EventKind::StepStarted { path, .. } => Some(path.id()),
        _ => None,
    };
    events.iter().filter_map(path).collect()
}

/// The journal's lines, as they would stand in a file.
pub(super) fn lines(events: &[Event]) -> Vec<String> {
    events.iter().map(|event| serde_json::to_string(event).unwrap_or_default()).collect()
}

/// The lines that hold a text, plain or encoded.
pub(super) fn lines_with(events: &[Event], text: &str) -> Vec<String> {
    let encoded = base64::engine::general_purpose::STANDARD.encode(text);
    lines(events).into_iter().filter(|line| line.contains(text) || line.contains(&encoded)).collect()
}

/// The structure of each line: its keys, numbers of events, ids and kinds. All other texts are left out.
pub(super) fn shapes(events: &[Event]) -> Vec<String> {
    events.iter().map(|event| shape(&serde_json::to_value(event).unwrap_or_default(), false).to_string()).collect()
}

fn shape(value: &Value, keep: bool) -> Value {
    match value {
        Value::String(text) => Value::String(if keep { text.clone() } else { "...".to_owned() }),
        Value::Array(items) => Value::Array(items.iter().map(|item| shape(item, keep)).collect()),
        Value::Object(map) => {
            // What a step or module returned is of foreign origin, whatever its keys are.
            let structural =
                |key: &str| !["value", "result", "state", "params"].contains(&key) && STRUCTURE.contains(&key);
            let titled = map.get("kind").is_some_and(|kind| kind == "step_started" || kind == "phase_started");
            // Where secrets stood differs with the secrets.
            map.iter()
                .filter(|(key, _)| *key != "hidden")
                .map(|(key, value)| (key.clone(), shape(value, structural(key) && !(titled && key == "name"))))
                .collect()
        }
        other => other.clone(),
    }
}
