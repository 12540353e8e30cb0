//! The course of an execution, according to its events.

use cutover_engine::event::{Event, EventKind, Outcome};
use cutover_engine::execute::Ending;
use cutover_engine::module::Class;

/// The course of an execution.
pub(crate) struct Ran {
    pub(crate) ending: Ending,
    /// All events, with those before it.
    pub(crate) events: Vec<Event>,
    /// How many there were before it.
    pub(crate) before: usize,
}

impl Ran {
    /// The events of this execution alone.
    pub(crate) fn own(&self) -> &[Event] {
        &self.events[self.before..]
    }

    /// It must have ended well.
    pub(crate) fn well(self) -> Self {
        assert_eq!(self.ending.exit_code, 0, "{}", self.summary());
        self
    }

    /// The failure, with its details.
    pub(crate) fn words(&self) -> String {
        self.ending.failure.as_ref().map(ToString::to_string).unwrap_or_default()
    }

    /// All failures of its steps, with their details: a phase that checks everything has several.
    pub(crate) fn failures(&self) -> String {
        let words = |event: &Event| match &event.kind {
            EventKind::TaskFinished { failure: Some(failure), .. } => Some(
                std::iter::once(&failure.message)
                    .chain(&failure.details)
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join("\n"),
            ),
            _ => None,
        };
        self.own().iter().filter_map(words).collect::<Vec<_>>().join("\n")
    }

    /// How it ended, for a failed assertion.
    pub(crate) fn summary(&self) -> String {
        format!("exit {}, at {:?}: {}", self.ending.exit_code, self.failed(), self.words())
    }

    /// The path of the first step that ended badly.
    pub(crate) fn failed(&self) -> Option<String> {
        self.own().iter().find_map(|event| match &event.kind {
            EventKind::StepFinished { path, outcome, .. } if *outcome > Outcome::FailedAllowed => {
                Some(path.to_string())
            }
            _ => None,
        })
    }

    /// The standing changes.
    pub(crate) fn standing(&self) -> Vec<String> {
        let standing = |event: &Event| match &event.kind {
            EventKind::RunFinished { standing, .. } => {
                Some(standing.iter().map(|change| format!("{}: {}", change.task.target, change.summary)).collect())
            }
            _ => None,
        };
        self.own().iter().rev().find_map(standing).expect("an end")
    }
}

/// The lasting changes in events, as in the list of standing changes.
pub(crate) fn changed(events: &[Event]) -> Vec<String> {
    let change = |event: &Event| match &event.kind {
        EventKind::Applying { task, change, .. } if change.class != Class::Transient => {
            Some(format!("{}: {}", task.target, change.summary))
        }
        _ => None,
    };
    events.iter().filter_map(change).collect()
}
