//! What a journal says that decides how its run goes on, without when and after how many attempts it came about: two runs with the same
//! account in the same world have the same future.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cutover_engine::change::Class;
use cutover_engine::event::{Event, EventKind, Outcome};
use cutover_engine::task::ChangeId;
use serde_json::Value;

/// An account.
#[derive(Debug, Clone, Default)]
pub(super) struct Account {
    facts: BTreeMap<String, Arc<str>>,
    changes: BTreeMap<ChangeId, String>,
}

impl PartialEq for Account {
    /// The numbers of changes do not count.
    fn eq(&self, other: &Self) -> bool {
        self.facts == other.facts
    }
}

impl Account {
    /// Takes one more event in.
    pub(super) fn add(&mut self, event: &Event) {
        match &event.kind {
            EventKind::TaskFinished { task, outcome, result, .. } => {
                let result = result.as_ref().map(lasting).unwrap_or_default();
                self.put(format!("task {task}"), &format!("{:?} {result}", plain(*outcome)));
            }
            EventKind::StepFinished { path, outcome, .. } => {
                self.put(format!("step {path}"), &format!("{:?}", plain(*outcome)));
            }
            EventKind::Registered { path, name, value, .. } => {
                self.put(format!("registered {path} {name}"), &lasting(value).to_string());
            }
            EventKind::GateAnswered { path, approved, .. } => {
                self.put(format!("gate {path}"), &approved.to_string());
            }
            EventKind::OutageBegan { .. } => self.put("outage".to_owned(), "began"),
            EventKind::OutageEnded { .. } => self.put("outage".to_owned(), "ended"),
            EventKind::Applying { task, number, change } if change.class != Class::Transient => {
                let fact = format!("change {task} {}", change.key);
                self.put(fact.clone(), "stands");
                self.changes.insert(*number, fact);
            }
            EventKind::NotSent { number, .. } | EventKind::Undone { number, .. } => {
                if let Some(fact) = self.changes.remove(number) {
                    self.facts.remove(&fact);
                }
            }
            _ => {}
        }
    }

    /// The changes that stand.
    pub(super) fn standing(&self) -> BTreeSet<&str> {
        self.changes.values().map(String::as_str).collect()
    }

    fn put(&mut self, fact: String, is: &str) {
        self.facts.insert(fact, is.into());
    }
}

/// An outcome as it counts: whether this attempt or the one before it has made the change does not.
fn plain(outcome: Outcome) -> Outcome {
    if outcome == Outcome::Changed { Outcome::InSync } else { outcome }
}

/// A result without what tells how it came about.
fn lasting(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.iter().filter(|(name, _)| *name != "changed");
            Value::Object(fields.map(|(name, value)| (name.clone(), lasting(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(lasting).collect()),
        other => other.clone(),
    }
}
