//! What steps register is recorded in the order of the playbook, also where a run goes on: a step that is done only now comes
//! before one that was done earlier and registers the same name, and whoever reads the journal has to see it so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

use serde_json::Value;

use super::Executor;
use super::past::{Past, Registration};
use crate::event::EventKind;
use crate::path::Path;
use crate::walk::Names;

/// Who has registered which name.
pub(super) struct Registrants {
    /// The step that has registered a name last, as the journal tells it.
    last: BTreeMap<String, Path>,
    /// The steps that this execution has come past, by the name that they register.
    passed: BTreeMap<String, BTreeSet<Path>>,
}

impl Registrants {
    /// Those of earlier executions.
    pub(super) fn of(past: &Past) -> Self {
        let last = past.registrations().map(|known| (known.name.clone(), known.path.clone())).collect();
        Self { last, passed: BTreeMap::new() }
    }

    fn registered(&mut self, path: &Path, name: &str) {
        self.last.insert(name.to_owned(), path.clone());
        self.passed(path, name);
    }

    fn passed(&mut self, path: &Path, name: &str) {
        self.passed.entry(name.to_owned()).or_default().insert(path.clone());
    }

    /// Whether the journal tells of a name last what a step before this one has registered.
    fn is_overtaken(&self, path: &Path, name: &str) -> bool {
        let passed = |last: &&Path| self.passed.get(name).is_some_and(|passed| passed.contains(*last));
        self.last.get(name).filter(passed).is_some_and(|last| last != path)
    }
}

impl Executor<'_> {
    /// Records what a step registers.
    pub(super) fn registered(&self, path: &Path, name: &str, value: Value, withheld: bool) {
        self.registrants.lock().unwrap_or_else(PoisonError::into_inner).registered(path, name);
        let (path, name) = (path.clone(), name.to_owned());
        self.recorder().emit(EventKind::Registered { path, name, value, withheld });
    }

    /// Tells names what earlier executions have registered at a path and further in.
    pub(super) fn register_again(&self, path: &Path, names: &mut Names) {
        for known in self.settings.past.registrations().filter(|known| known.path.is_within(path)) {
            known.tell(names);
            let Registration { path, name, value } = known;
            let mut registrants = self.registrants.lock().unwrap_or_else(PoisonError::into_inner);
            let overtaken = registrants.is_overtaken(path, name);
            registrants.passed(path, name);
            drop(registrants);
            if overtaken {
                self.registered(path, name, value.clone().unwrap_or_default(), value.is_none());
            }
        }
    }
}
