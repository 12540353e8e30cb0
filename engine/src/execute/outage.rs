//! The outage: when it begins and ends, in a run, over all its executions, and in an undo. What is looked at before it is in
//! `look_again`.

use std::collections::BTreeSet;
use std::sync::{MutexGuard, PoisonError};

use super::{Executor, Made};
use crate::event::{EventKind, Outcome};
use crate::failure::Failure;
use crate::module::Class;
use crate::path::Path;
use crate::playbook::Outage;
use crate::task::ChangeId;
use crate::walk::{End, Names, StepVisit};

/// How far the outage has come, folded from events.
#[derive(Debug, Clone, Default)]
pub(super) struct Course {
    /// With what it began, if it did.
    began: Option<Path>,
    /// Whether it goes on.
    is_open: bool,
    /// The changes that were begun in it.
    within: BTreeSet<ChangeId>,
}

impl Course {
    /// Takes in an event.
    pub(super) fn event(&mut self, kind: &EventKind) {
        match kind {
            EventKind::OutageBegan { path } => {
                self.began.get_or_insert_with(|| path.clone());
                self.is_open = true;
            }
            EventKind::OutageEnded { .. } => self.is_open = false,
            EventKind::Applying { number, change, .. } if self.is_open && change.class != Class::Transient => {
                self.within.insert(*number);
            }
            _ => {}
        }
    }

    /// Whether it goes on, and nothing was changed in it yet.
    pub(super) fn is_untouched(&self) -> bool {
        self.is_open && self.within.is_empty()
    }

    fn touches(&self, made: &[Made]) -> bool {
        made.iter().any(|made| self.within.contains(&made.number))
    }
}

impl Executor<'_> {
    fn course(&self) -> MutexGuard<'_, Course> {
        self.outage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, kind: EventKind) {
        self.course().event(&kind);
        self.recorder().emit(kind);
    }

    /// Takes in that a change is about to be begun.
    pub(super) fn in_outage(&self, applying: &EventKind) {
        self.course().event(applying);
    }

    /// Whether the outage has yet to begin, and does so with a step. One in which nothing was changed begins once more.
    pub(super) fn is_before_outage(&self, visit: &StepVisit<'_>) -> bool {
        let course = self.course();
        visit.step.outage == Some(Outage::Begins) && (course.began.is_none() || course.is_untouched())
    }

    /// Begins the outage with a step that is about to be carried out, if it is to begin with it and has not begun. What has to
    /// hold before it is looked at again.
    pub(super) async fn begin_outage(&self, visit: &StepVisit<'_>, names: &Names) -> Result<(), Failure> {
        if self.is_before_outage(visit) {
            self.look_again(visit, names, false).await?;
            self.outage_begins(&visit.path);
        }
        Ok(())
    }

    /// Records that the outage begins.
    pub(super) fn outage_begins(&self, path: &Path) {
        self.tell(EventKind::OutageBegan { path: path.clone() });
    }

    /// Ends the outage with a step that ended, if it is to end with it.
    pub(super) fn end_outage(&self, visit: &StepVisit<'_>, end: &End) {
        let well = end.failure.is_none() && matches!(end.outcome, Outcome::InSync | Outcome::Changed);
        if visit.step.outage == Some(Outage::Ends) && well && !self.undoing() && self.course().is_open {
            self.tell(EventKind::OutageEnded { path: visit.path.clone() });
        }
    }

    /// Records, in an undo, that a step is about to be undone: whoever undoes what was changed in an outage that is over begins it
    /// anew.
    pub(super) fn undo_begins(&self, path: &Path, mine: &[Made]) {
        let again = {
            let course = self.course();
            course.began.is_some() && !course.is_open && course.touches(mine)
        };
        if again {
            self.outage_begins(path);
        }
    }

    /// Records, in an undo, that the outage is over, once nothing stands that was changed in it. `path` is that of the step that was
    /// undone last.
    pub(super) fn undo_goes_on(&self, path: Option<&Path>) {
        let over = {
            let (course, ledger) = (self.course(), self.ledger());
            let path = path.or(course.began.as_ref()).filter(|_| course.is_open && !course.touches(ledger.standing()));
            path.cloned()
        };
        if let Some(path) = over {
            self.tell(EventKind::OutageEnded { path });
        }
    }
}
