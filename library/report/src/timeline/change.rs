//! What a run has changed: each change once, by its number, with what came of its actions, and how it was undone.

use cutover_protocol::action::Done;
use cutover_protocol::change::{Change, Class};
use cutover_protocol::event::{EventKind, Outcome};
use cutover_protocol::path::{Path, Segment};
use cutover_protocol::task::{ChangeId, TaskId};

use super::{Doing, Phase, Step, Timeline};

/// A change that was begun.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Made {
    /// Its number.
    pub(crate) number: ChangeId,
    /// The task that makes it.
    pub(crate) task: TaskId,
    /// The title of its step.
    pub(crate) step: String,
    /// When it was begun first.
    pub(crate) at_ms: u64,
    /// The change as it was begun last, with what undoes it as it was recorded first.
    pub(crate) change: Change,
    /// How often it was begun: more than once if its outcome was not known.
    pub(crate) begun: u32,
    /// Its actions that returned something.
    pub(crate) acted: Vec<Acted>,
    /// Whether all its actions succeeded.
    pub(crate) applied: bool,
    /// Whether a person declared it done.
    pub(crate) declared: bool,
    /// Whether it undoes another change, as one of a step's `undo:` steps.
    pub(crate) undoes: bool,
    /// How far it was undone; none if that was never begun.
    pub(crate) undo: Option<Undo>,
}

/// An action that returned something.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Acted {
    /// Its place in the list of actions, from 0.
    pub(crate) index: usize,
    /// What it returned.
    pub(crate) done: Done,
    /// How long it took.
    pub(crate) took_ms: u64,
}

/// How a change was undone.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Undo {
    /// Its recorded undo actions that returned something.
    pub(crate) acted: Vec<Acted>,
    /// The changes of its step's `undo:` steps that undid it instead.
    pub(crate) by: Vec<ChangeId>,
    /// When it was undone; none as long as that is not known to be complete.
    pub(crate) at_ms: Option<u64>,
    /// How long that took.
    pub(crate) took_ms: u64,
}

/// How much of something was undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Undone {
    /// Nothing, or it has changed nothing.
    No,
    /// Some of its changes.
    Partly,
    /// All of them.
    Wholly,
}

impl Made {
    /// Whether it counts as a change of the run: it leaves something behind, and undoes nothing.
    pub(crate) fn counts(&self) -> bool {
        !self.undoes && self.change.class != Class::Transient
    }

    /// Whether it was undone to the end.
    pub(crate) fn is_undone(&self) -> bool {
        self.undo.as_ref().is_some_and(|undo| undo.at_ms.is_some())
    }
}

impl Undone {
    /// In a word; none if nothing was undone.
    pub(crate) fn word(self) -> Option<&'static str> {
        match self {
            Self::No => None,
            Self::Partly => Some("partly undone"),
            Self::Wholly => Some("undone"),
        }
    }

    fn of<'a>(changes: impl Iterator<Item = &'a Made>) -> Self {
        let (mut undone, mut standing) = (0, 0);
        for made in changes.filter(|made| made.counts()) {
            if made.is_undone() { undone += 1 } else { standing += 1 }
        }
        match (undone, standing) {
            (0, _) => Self::No,
            (_, 0) => Self::Wholly,
            _ => Self::Partly,
        }
    }
}

impl Timeline {
    /// Takes in an event of a change.
    pub(super) fn change_event(&mut self, kind: &EventKind) {
        match kind {
            EventKind::Applying { task, number, change } => self.begun(task, *number, change),
            EventKind::Acted { number, action, undo, done, took_ms, .. } => {
                let Some(made) = self.change_mut(*number) else { return };
                let acted = match undo {
                    true => &mut made.undo.get_or_insert_default().acted,
                    false => &mut made.acted,
                };
                acted.retain(|acted| acted.index != *action);
                acted.push(Acted { index: *action, done: done.clone(), took_ms: *took_ms });
            }
            EventKind::Applied { task, number } => {
                self.open_task(task).doing = Doing::Probing;
                if let Some(made) = self.change_mut(*number) {
                    made.applied = true;
                }
            }
            EventKind::DeclaredDone { number, .. } => {
                if let Some(made) = self.change_mut(*number) {
                    (made.applied, made.declared) = (true, true);
                }
            }
            EventKind::NotSent { number, .. } => self.changes.retain(|made| made.number != *number),
            EventKind::Undone { task, number } => self.end_undo(task, *number),
            _ => {}
        }
    }

    fn begun(&mut self, id: &TaskId, number: ChangeId, change: &Change) {
        let (at_ms, undoes) = (self.now_ms, self.undoes());
        self.open_task(id).doing = Doing::Applying(change.summary.clone());
        if let Some(made) = self.change_mut(number) {
            // What undoes it was right when it was recorded first.
            let undo = made.change.undo.take();
            made.change = Change { undo, ..change.clone() };
            made.begun += 1;
            made.acted.clear();
            made.applied = false;
            return;
        }
        let step = self.step(&id.path.step()).map_or_else(|| id.path.to_string(), |step| step.name_in(id));
        let (task, change) = (id.clone(), change.clone());
        let acted = Vec::new();
        self.changes.push(Made {
            number,
            task,
            step,
            at_ms,
            change,
            begun: 1,
            acted,
            applied: false,
            declared: false,
            undoes,
            undo: None,
        });
    }

    /// Takes in that a change was undone: by what was recorded with it, or by its step's own steps just before.
    fn end_undo(&mut self, task: &TaskId, number: ChangeId) {
        let now = self.now_ms;
        let began = self.step(&task.path.step()).filter(|step| step.undoes()).map_or(now, |step| step.start_ms);
        let own = |made: &&Made| made.undoes && made.at_ms >= began && is_inside(&made.task.path, &task.path);
        let own: Vec<&Made> = self.changes.iter().filter(own).collect();
        let (by, first): (Vec<_>, _) =
            (own.iter().map(|made| made.number).collect(), own.first().map(|made| made.at_ms));
        // One change of a task after the other is undone.
        let before = self.changes.iter().filter(|made| made.task == *task);
        let before = before.filter_map(|made| made.undo.as_ref()?.at_ms).max().unwrap_or(0);
        let Some(made) = self.change_mut(number) else { return };
        let undo = made.undo.get_or_insert_default();
        undo.at_ms = Some(now);
        undo.by = by;
        undo.took_ms = now.saturating_sub(first.unwrap_or(began.max(before)));
    }

    fn change_mut(&mut self, number: ChangeId) -> Option<&mut Made> {
        self.changes.iter_mut().rev().find(|made| made.number == number)
    }

    /// A change by its number.
    pub(crate) fn change(&self, number: ChangeId) -> Option<&Made> {
        self.changes.iter().rev().find(|made| made.number == number)
    }

    /// What undid a change: the exact commands and requests, or the changes of its step's own `undo:` steps with theirs.
    pub(crate) fn undone_by(&self, made: &Made) -> Vec<String> {
        let Some(undo) = &made.undo else { return Vec::new() };
        let recorded = made.change.undo.as_deref().unwrap_or_default();
        let acted = undo.acted.iter().filter_map(|acted| recorded.get(acted.index)).map(ToString::to_string);
        let own = undo.by.iter().filter_map(|number| self.change(*number));
        acted.chain(own.flat_map(|made| &made.change.actions).map(ToString::to_string)).collect()
    }

    /// How much of what a step has changed was undone.
    pub(crate) fn undone_of_step(&self, step: &Step) -> Undone {
        let idle = matches!(step.outcome, Some(Outcome::Skipped | Outcome::InSync));
        let of_step = |made: &&Made| is_inside(&made.task.path, &step.path);
        if idle || step.undoes() { Undone::No } else { Undone::of(self.changes.iter().filter(of_step)) }
    }

    /// How much of what a phase has changed was undone.
    pub(crate) fn undone_of_phase(&self, phase: &Phase) -> Undone {
        let idle = matches!(phase.outcome, Some(Outcome::Skipped | Outcome::InSync));
        let of_phase = |made: &&Made| phase.steps.iter().any(|step| is_inside(&made.task.path, &step.path));
        if idle || phase.undoes { Undone::No } else { Undone::of(self.changes.iter().filter(of_phase)) }
    }

    /// How much of what the run has changed was undone.
    pub(crate) fn undone(&self) -> Undone {
        Undone::of(self.changes.iter())
    }
}

/// Whether a path is another one or further in, in whichever pass of a loop that does not say which.
fn is_inside(path: &Path, outer: &Path) -> bool {
    let (own, outer) = (path.segments(), outer.segments());
    let position = |segment: &Segment| segment.item.as_ref().map(|item| item.position);
    let fits = |(own, outer): (&Segment, &Segment)| {
        own.name == outer.name && position(outer).is_none_or(|pass| position(own) == Some(pass))
    };
    own.len() >= outer.len() && own.iter().zip(outer).all(fits)
}
