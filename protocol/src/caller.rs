//! Who sends a command or a request, so that a world that records its calls can name each of them, and the grammar of such a
//! name on the command line: that of [`crate::selector`], with the part of the task that sends after a colon.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::selector::Selector;
use crate::task::TaskId;

/// The name of the calls that a probe makes.
const LOOK: &str = "look";

/// A task, and the part of it that sends something: its probe, or one of its changes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Caller {
    /// The task.
    pub task: TaskId,
    part: String,
}

impl Caller {
    /// A task's probe.
    pub fn look(task: TaskId) -> Self {
        Self { task, part: LOOK.to_owned() }
    }

    /// A change of a task: its key, or `undo` and its key where the change is undone.
    pub fn change(task: TaskId, key: &str, undo: bool) -> Self {
        Self { task, part: format!("{}{key}", if undo { "undo " } else { "" }) }
    }

    /// Whether it is a probe.
    pub fn only_looks(&self) -> bool {
        self.part == LOOK
    }
}

impl fmt::Display for Caller {
    /// `stop/scale@primary:set-replicas`. A call's name has its number after it: `stop/scale@primary:look.3`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.task, self.part)
    }
}

/// Selects calls: those of a step or task ([`Selector`]), after a colon those of its probes (`look`) or of one change (its
/// key), after a dot one of these. Without a colon, only calls that change something are selected.
///
/// `scale`, `stop/scale@primary:set-replicas`, `scale:look.3`. A call outside of any task has a name of its own,
/// `@primary/worker01:call.1`, and only the whole of it selects it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub enum CallSelector {
    /// Calls of tasks.
    Task {
        /// The steps or tasks.
        task: Selector,
        /// Which of their calls.
        part: Option<String>,
    },
    /// A call outside of any task, by its whole name.
    Outside(String),
}

impl CallSelector {
    /// Whether it selects a caller's call with this number.
    pub fn selects(&self, caller: &Caller, number: u32) -> bool {
        let Self::Task { task, part } = self else { return false };
        let fits = match part.as_deref() {
            None => !caller.only_looks(),
            Some(part) if part == caller.part => true,
            Some(part) => {
                let rest = part.strip_prefix(caller.part.as_str()).and_then(|rest| rest.strip_prefix('.'));
                rest.and_then(|rest| rest.parse().ok()) == Some(number)
            }
        };
        fits && task.selects_task(&caller.task)
    }

    /// Whether it selects a call outside of any task, by its name.
    pub fn selects_outside(&self, name: &str) -> bool {
        matches!(self, Self::Outside(own) if own == name)
    }

    /// The steps or tasks that it selects calls of.
    pub fn task(&self) -> Option<&Selector> {
        match self {
            Self::Task { task, .. } => Some(task),
            Self::Outside(_) => None,
        }
    }

    /// The same calls of another step, for a step that was named by its title.
    #[must_use]
    pub fn of(&self, step: Selector) -> Self {
        match self {
            Self::Task { part, .. } => Self::Task { task: step, part: part.clone() },
            Self::Outside(_) => self.clone(),
        }
    }
}

impl FromStr for CallSelector {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with('@') {
            return Ok(Self::Outside(text.to_owned()));
        }
        // A colon inside brackets separates a position from its element's digest: `each[2:3f5a]`.
        let mut inside = false;
        let colon = text.find(|c: char| {
            inside = c == '[' || inside && c != ']';
            c == ':' && !inside
        });
        let (task, part) = match colon {
            Some(at) => (&text[..at], Some(text[at + 1..].to_owned())),
            None => (text, None),
        };
        if part.as_deref() == Some("") {
            return Err(format!("`{text}` names no call after `:`; write `look` or a change's key"));
        }
        Ok(Self::Task { task: task.parse()?, part })
    }
}

impl fmt::Display for CallSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Task { task, part: Some(part) } => write!(f, "{task}:{part}"),
            Self::Task { task, part: None } => write!(f, "{task}"),
            Self::Outside(name) => f.write_str(name),
        }
    }
}

impl TryFrom<String> for CallSelector {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<CallSelector> for String {
    fn from(selector: CallSelector) -> Self {
        selector.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Target;

    fn task() -> TaskId {
        let target = Target::Node { site: "here".into(), node: "a".into() };
        TaskId { path: "p/each[2:9f86d081]".parse().unwrap(), target }
    }

    #[test]
    fn a_call_is_selected_by_its_step_its_part_and_its_number() {
        let look = Caller::look(task());
        let change = Caller::change(task(), "create-directory /srv/v1.2", false);
        let selects =
            |text: &str, caller: &Caller, number| text.parse::<CallSelector>().unwrap().selects(caller, number);
        for text in ["each:look", "each[2]@here/a:look.3", "p/each[2:9f86d081]:look"] {
            assert!(selects(text, &look, 3) && !selects(text, &change, 3), "{text}");
        }
        for text in ["each", "p/each@here/a", "each:create-directory /srv/v1.2", "each:create-directory /srv/v1.2.1"] {
            assert!(selects(text, &change, 1) && !selects(text, &look, 1), "{text}");
        }
        for text in ["each:look.4", "each[1]:look", "each@here/b:look", "other:look", "each:loo"] {
            assert!(!selects(text, &look, 3), "{text}");
        }
        assert!("each:".parse::<CallSelector>().is_err() && "a//b:look".parse::<CallSelector>().is_err());
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for text in ["p/each[2]@here/a:look.3", "each", "@here/a:call.1", "p/each[2]:undo mount.1"] {
            assert_eq!(text.parse::<CallSelector>().unwrap().to_string(), text);
        }
        assert_eq!(Caller::look(task()).to_string(), "p/each[2]@here/a:look");
        let outside: CallSelector = "@here/a:call.1".parse().unwrap();
        assert!(outside.selects_outside("@here/a:call.1") && !outside.selects(&Caller::look(task()), 1));
    }
}
