//! Records registered results in the order of the playbook, also in a resumed run: a step that is done only now may come before
//! one that was done earlier and registers the same name, and the journal has to end with the value of the later step.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

use serde_json::Value;

use super::Executor;
use super::past::{Past, Registration};
use crate::event::EventKind;
use crate::path::Path;
use crate::walk::Names;

/// Which step registered which name last.
pub(super) struct Registrants {
    /// The step that registered a name last, according to the journal.
    last: BTreeMap<String, Path>,
    /// The steps that this execution has passed, by the name that they register.
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

    /// Whether the journal's last value of a name comes from a step before this one.
    fn is_overtaken(&self, path: &Path, name: &str) -> bool {
        let passed = |last: &&Path| self.passed.get(name).is_some_and(|passed| passed.contains(*last));
        self.last.get(name).filter(passed).is_some_and(|last| last != path)
    }
}

impl Executor<'_> {
    /// Records a step's result under its name.
    pub(super) fn registered(&self, path: &Path, name: &str, value: Value, withheld: bool) {
        self.registrants.lock().unwrap_or_else(PoisonError::into_inner).registered(path, name);
        let (path, name) = (path.clone(), name.to_owned());
        self.recorder().emit(EventKind::Registered { path, name, value, withheld });
    }

    /// Takes over the names that earlier executions registered at a path and inside it.
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
