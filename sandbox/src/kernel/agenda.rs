//! What is due later, in the order in which it comes.

use std::collections::BTreeMap;
use std::time::Duration;

/// Events that are planned, by time and the order in which they were planned.
#[derive(Debug, Clone)]
pub(crate) struct Agenda<E> {
    due: BTreeMap<(Duration, u64), E>,
    /// How often each is planned.
    planned: BTreeMap<E, usize>,
    last: u64,
}

impl<E: Ord + Clone> Agenda<E> {
    /// Plans an event at a time.
    pub(crate) fn plan(&mut self, at: Duration, event: E) {
        self.last += 1;
        *self.planned.entry(event.clone()).or_default() += 1;
        self.due.insert((at, self.last), event);
    }

    /// Whether an event like this is planned.
    pub(crate) fn is_planned(&self, event: &E) -> bool {
        self.planned.contains_key(event)
    }

    /// How many events are planned.
    pub(crate) fn len(&self) -> usize {
        self.due.len()
    }

    /// When the next event is due.
    pub(crate) fn next(&self) -> Option<Duration> {
        self.due.first_key_value().map(|((due, _), _)| *due)
    }

    /// Takes the next event that is due up to a moment, with its time.
    pub(crate) fn take_due(&mut self, until: Duration) -> Option<(Duration, E)> {
        self.next().filter(|due| *due <= until)?;
        let ((due, _), event) = self.due.pop_first()?;
        if let Some(count) = self.planned.get_mut(&event) {
            *count -= 1;
            if *count == 0 {
                self.planned.remove(&event);
            }
        }
        Some((due, event))
    }
}

impl<E> Default for Agenda<E> {
    fn default() -> Self {
        Self { due: BTreeMap::new(), planned: BTreeMap::new(), last: 0 }
    }
}
