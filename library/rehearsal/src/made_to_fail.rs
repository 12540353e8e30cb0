//! Detects whether a step was made to fail, which a run's outcome does not tell if the failure was allowed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cutover_engine::event::{Event, EventKind};
use cutover_engine::execute::MADE_TO_FAIL;
use cutover_engine::record::Reader;

/// Whether a step was made to fail.
#[derive(Debug, Clone, Default)]
pub struct MadeToFail(Arc<AtomicBool>);

impl MadeToFail {
    /// Whether one was.
    pub fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// A reader that watches for it and passes every event on.
    pub fn noticed(&self, inner: Box<dyn Reader>) -> Box<dyn Reader> {
        Box::new(Noticing { made_to_fail: self.clone(), inner })
    }
}

struct Noticing {
    made_to_fail: MadeToFail,
    inner: Box<dyn Reader>,
}

impl Reader for Noticing {
    fn event(&mut self, event: &Event) {
        if let EventKind::TaskFinished { failure, .. } | EventKind::StepFinished { failure, .. } = &event.kind
            && failure.as_ref().is_some_and(|failure| failure.message.id() == Some(MADE_TO_FAIL))
        {
            self.made_to_fail.0.store(true, Ordering::Relaxed);
        }
        self.inner.event(event);
    }
}
