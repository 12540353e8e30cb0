//! The results of earlier executions of the same run, folded from their events. A finished task is not done again: its
//! postcondition may have been undone on purpose by a later step (scaled to zero, then up).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::attempt::RESULT_LOST;
use super::drive::UNMET;
use super::outage::Course;
use super::{Ledger, Made};
use crate::action::Done;
use crate::event::{Event, EventKind, Outcome, Section, StepKind, Verb};
use crate::failure::{Failure, FailureClass, RecordedFailure};
use crate::module::{Change, Class};
use crate::path::Path;
use crate::playbook::Phase;
use crate::selector::Selector;
use crate::task::{ChangeId, TaskId};
use crate::text::Text;
use crate::walk::{End, Names, Reached};

/// The finished part of a run.
#[derive(Clone, Default)]
pub struct Past {
    steps: BTreeSet<Path>,
    /// Steps that needed the result of a check that failed.
    unmet: BTreeSet<Path>,
    /// Steps and blocks that were skipped, and why.
    left_out: BTreeMap<Path, Text>,
    /// Phases, blocks and passes of blocks in which steps have begun.
    entered: BTreeSet<Path>,
    /// Phases of which no step did anything, by number and title.
    phases: BTreeSet<(usize, String)>,
    tasks: BTreeMap<TaskId, FinishedTask>,
    /// Every task that was begun, with the elements it was begun with.
    begun: BTreeSet<TaskId>,
    /// Changes that a person declared done, of tasks that did not complete, by key.
    declared: BTreeMap<TaskId, BTreeSet<String>>,
    /// Completed changes of tasks that did not complete.
    made: BTreeMap<TaskId, Vec<MadeBefore>>,
    /// Gates that were approved.
    approved: BTreeSet<Path>,
    /// The modules of steps, by path.
    modules: BTreeMap<Path, String>,
    registered: Vec<Registration>,
    /// How many of them there were when a step ended, or, if it has not ended, when it began.
    registered_at: BTreeMap<Path, usize>,
    ledger: Ledger,
    doubts: Vec<Doubt>,
    sections: BTreeMap<Path, Sections>,
    undone: bool,
    /// When the window began.
    window_from: Option<Timestamp>,
    outage: Course,
    /// What was done with the outage begun and nothing changed in it, the gate itself included.
    untouched: (Vec<Path>, Vec<TaskId>),
    /// Whether the following events belong to an undo.
    undoing: bool,
}

/// A task that ended well.
#[derive(Debug, Clone)]
pub(crate) struct FinishedTask {
    /// How.
    pub(crate) outcome: Outcome,
    /// The result that `register` stores; `None` if it is secret, contains an unknown secret, or is not registered.
    pub(crate) result: Option<Value>,
}

/// A name that a step registered.
#[derive(Debug, Clone)]
pub(super) struct Registration {
    pub(super) path: Path,
    pub(super) name: String,
    /// `None` if it is secret, or contains an unknown secret.
    pub(super) value: Option<Value>,
}

/// An at-most-once change, begun without a known end.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Doubt {
    /// Its number.
    pub(crate) number: ChangeId,
    /// Its task.
    pub(crate) task: TaskId,
    /// Its key; `None` if a secret is hidden in it.
    pub(crate) key: Option<String>,
    /// Its sentence.
    pub(crate) summary: Text,
    /// The module that asked for it.
    pub(crate) module: String,
    /// Whether the latest execution began it, so that the end of its task settles it.
    pub(crate) is_live: bool,
}

/// A change whose outcome was unknown, and which a person declared done.
#[derive(Debug, Clone)]
pub struct DeclaredDone {
    /// The task that began it.
    pub task: TaskId,
    /// Its number.
    pub number: ChangeId,
    /// Its key.
    pub key: String,
    /// Its sentence.
    pub summary: Text,
}

impl Doubt {
    /// A change that is begun now.
    pub(super) fn new(number: ChangeId, task: &TaskId, change: &Change, module: &str) -> Self {
        let (task, key, summary) = (task.clone(), Some(change.key.clone()), change.summary.clone());
        Self { number, task, key, summary, module: module.to_owned(), is_live: true }
    }
}

/// Adds a change that is begun.
pub(super) fn begin(doubts: &mut Vec<Doubt>, doubt: Doubt) {
    doubts.retain(|known| known.number != doubt.number);
    doubts.push(doubt);
}

/// Removes what the end of a task, or of one of its attempts, settles. A good end settles everything that the task ever
/// began. A failure settles what was begun in this execution, unless its own outcome is unknown; a target that could not be
/// probed proves nothing about what an earlier execution began there.
pub(super) fn settle(doubts: &mut Vec<Doubt>, task: &TaskId, class: Option<FailureClass>) {
    doubts.retain(|doubt| {
        let known = class.is_none_or(|class| doubt.is_live && !class.leaves_doubt());
        doubt.task != *task || !known
    });
}

/// A change that a task made before it was interrupted, and the results of its actions.
#[derive(Clone)]
struct MadeBefore {
    number: ChangeId,
    key: String,
    done: Vec<Done>,
    complete: bool,
}

/// How far a pass of a block had come through its sections.
#[derive(Debug, Clone, Default)]
struct Sections {
    /// The `rescue` section began.
    rescue: bool,
    /// The `always` section began and did not end.
    in_always: bool,
    /// The `always` section began.
    always: bool,
    block: Option<End>,
    rescued: Option<End>,
}

impl std::fmt::Debug for Past {
    /// Without results: they may contain secrets in the clear.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Past").field("steps", &self.steps).finish_non_exhaustive()
    }
}

impl Past {
    /// Folds events. A value with a hidden secret that was not put back ([`crate::redact::filled`]) is unknown.
    pub fn of(events: &[Event]) -> Self {
        let mut past = Self { ledger: Ledger::of(events), ..Self::default() };
        events.iter().for_each(|event| past.event(event));
        past.doubts.iter_mut().for_each(|doubt| doubt.is_live = false);
        past.forget_untouched();
        past
    }

    /// A run that was stopped between the gate and the first change of the outage goes on at the gate: what was looked at there
    /// says nothing about today.
    fn forget_untouched(&mut self) {
        if self.outage.is_untouched() {
            let (steps, tasks) = std::mem::take(&mut self.untouched);
            steps.iter().for_each(|path| {
                self.steps.remove(path);
                self.approved.remove(path);
            });
            tasks.iter().for_each(|task| drop(self.tasks.remove(task)));
        }
    }

    fn event(&mut self, event: &Event) {
        let is_whole = |part: &str| lacks(event, part).next().is_none();
        self.outage.event(&event.kind);
        if let EventKind::Applying { task, number, change } = &event.kind {
            let made = self.made.entry(task.clone()).or_default();
            // What an attempt makes again counts, not what the attempt before it had made.
            made.retain(|made| made.number != *number && made.key != change.key);
            let (number, key) = (*number, change.key.clone());
            made.push(MadeBefore { number, key, done: Vec::new(), complete: false });
        }
        if let EventKind::StepFinished { path, outcome, .. } = &event.kind
            && *outcome != Outcome::Skipped
            && !self.undoing
        {
            self.registered_at.insert(path.clone(), self.registered.len());
        }
        match &event.kind {
            EventKind::Undone { .. } => self.undone = true,
            EventKind::StepStarted { path, step, .. } => {
                self.registered_at.entry(path.clone()).or_insert(self.registered.len());
                if let StepKind::Module(module) = step {
                    self.modules.insert(path.clone(), module.clone());
                }
                let around = std::iter::successors(path.parent(), Path::parent);
                self.entered.extend(around.flat_map(|outer| [outer.step(), outer]));
            }
            EventKind::RunStarted { verb, window_from, .. } => {
                self.window_from = window_from.or(self.window_from).or(Some(event.at));
                self.undoing = *verb == Verb::Undo;
                self.doubts.iter_mut().for_each(|doubt| doubt.is_live = false);
            }
            EventKind::StepFinished { path, outcome, .. } if outcome.is_final() => {
                if self.outage.is_untouched() {
                    self.untouched.0.push(path.clone());
                }
                self.steps.insert(path.clone());
                self.unmet.remove(path);
            }
            // One that was skipped for another reason (its target was unreachable) is considered again.
            EventKind::StepFinished { path, outcome: Outcome::Skipped, reason: Some(why), failure: None, .. } => {
                // A condition on the result of a failed check is evaluated again, since the check will run again.
                match why.id() {
                    Some(UNMET) => drop(self.unmet.insert(path.clone())),
                    _ => drop(self.left_out.insert(path.clone(), why.clone())),
                }
            }
            EventKind::PhaseFinished { index, name, outcome: Outcome::Skipped, .. } => {
                self.phases.insert((*index, name.clone()));
            }
            EventKind::TaskStarted { task, .. } => drop(self.begun.insert(task.clone())),
            EventKind::GateAnswered { path, approved: true, .. } => {
                self.approved.insert(path.clone());
            }
            // What was approved was the outage as things were then.
            EventKind::LookedAgain { path, looks, .. } if looks.iter().any(|look| look.failure.is_some()) => {
                self.approved.remove(path);
            }
            EventKind::Acted { task, number, undo: false, done, .. } => {
                let mut made = self.made.get_mut(task).into_iter().flatten();
                if let Some(made) = made.find(|made| made.number == *number) {
                    made.done.push(done.clone());
                }
            }
            EventKind::Registered { path, name, value, withheld } => {
                let value = (!withheld && is_whole("/value")).then(|| value.clone());
                self.registered.push(Registration { path: path.clone(), name: name.clone(), value });
            }
            EventKind::Applying { task, number, change } if change.class == Class::AtMostOnce => {
                let module = self.modules.get(&task.path.step()).map_or("", String::as_str);
                let doubt = Doubt::new(*number, task, change, module);
                let key = doubt.key.clone().filter(|_| is_whole("/change/key"));
                begin(&mut self.doubts, Doubt { key, ..doubt });
            }
            EventKind::NotSent { task, number } => {
                self.doubts.retain(|doubt| doubt.number != *number);
                self.made.entry(task.clone()).or_default().retain(|made| made.number != *number);
            }
            EventKind::DeclaredDone { task, number, key } => self.take_as_done(task, *number, key),
            EventKind::Applied { task, number } => {
                self.doubts.retain(|doubt| doubt.number != *number);
                let made = self.made.get_mut(task).into_iter().flatten().filter(|made| made.number == *number);
                made.for_each(|made| made.complete = true);
            }
            EventKind::TaskFinished { task, outcome, result, failure, .. } => {
                // A task whose result is lost still counts as done: a later execution must not repeat its changes.
                if failure.as_ref().and_then(|failure| failure.message.id()) != Some(RESULT_LOST) {
                    self.made.remove(task);
                }
                settle(&mut self.doubts, task, failure.as_ref().map(|failure| failure.class));
                if outcome.is_final() {
                    self.declared.remove(task);
                    let result = result.clone().filter(|_| is_whole("/result"));
                    if self.outage.is_untouched() {
                        self.untouched.1.push(task.clone());
                    }
                    let finished = FinishedTask { outcome: *outcome, result };
                    self.tasks.insert(task.clone(), finished);
                }
            }
            EventKind::SectionStarted { path, section } => {
                let sections = self.sections.entry(path.clone()).or_default();
                match section {
                    Section::Block => {}
                    Section::Rescue => sections.rescue = true,
                    Section::Always => (sections.in_always, sections.always) = (true, true),
                }
            }
            EventKind::SectionFinished { path, section, outcome, failure } => {
                let failure = failure.as_ref().map(known);
                let sections = self.sections.entry(path.clone()).or_default();
                let end = Some(End::of(*outcome, failure));
                match section {
                    Section::Block => sections.block = end,
                    Section::Rescue => sections.rescued = end,
                    Section::Always => sections.in_always = false,
                }
            }
            _ => {}
        }
    }

    fn take_as_done(&mut self, task: &TaskId, number: ChangeId, key: &str) {
        self.doubts.retain(|doubt| doubt.number != number);
        self.ledger.complete(number);
        self.declared.entry(task.clone()).or_default().insert(key.to_owned());
    }

    /// Takes the changes in doubt of the selected tasks as done: a person has looked. Those of which a secret hides the key are not
    /// taken.
    pub fn declare_done(&mut self, selectors: &[Selector]) -> Vec<DeclaredDone> {
        let selected = |doubt: &&Doubt| selectors.iter().any(|selector| selector.selects_task(&doubt.task));
        let declared = self.doubts.iter().filter(selected).filter_map(|doubt| {
            let (task, number, key) = (doubt.task.clone(), doubt.number, doubt.key.clone()?);
            Some(DeclaredDone { task, number, key, summary: doubt.summary.clone() })
        });
        let declared: Vec<DeclaredDone> = declared.collect();
        declared.iter().for_each(|done| self.take_as_done(&done.task, done.number, &done.key));
        declared
    }

    /// The tasks whose at-most-once change was begun without a known end.
    pub fn in_doubt(&self) -> impl Iterator<Item = &TaskId> {
        self.doubts.iter().map(|doubt| &doubt.task)
    }

    /// Whether a person declared a change of a task done.
    pub(crate) fn is_declared_done(&self, task: &TaskId, change: &Change) -> bool {
        self.declared.get(task).is_some_and(|keys| keys.contains(&change.key))
    }

    /// Whether an interrupted task had completed a change.
    pub(crate) fn had_made(&self, task: &TaskId, change: &Change) -> bool {
        self.made.get(task).is_some_and(|made| made.iter().any(|made| made.complete && made.key == change.key))
    }

    /// The results of the actions of changes, if an interrupted task had completed all of them.
    pub(crate) fn made_before(&self, task: &TaskId, changes: &[Change]) -> Option<Vec<Done>> {
        let made = self.made.get(task)?;
        let of = |change: &Change| made.iter().find(|made| made.complete && made.key == change.key);
        let all: Option<Vec<&MadeBefore>> = changes.iter().map(of).collect();
        Some(all?.into_iter().flat_map(|made| made.done.clone()).collect())
    }

    /// Whether a gate was approved.
    pub(crate) fn is_approved(&self, gate: &Path) -> bool {
        self.approved.contains(gate)
    }

    /// The at-most-once changes that were begun without a known end.
    pub(crate) fn doubts(&self) -> &[Doubt] {
        &self.doubts
    }

    /// The changes of the run.
    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The changes that still stand.
    pub fn standing(&self) -> &[Made] {
        self.ledger.standing()
    }

    /// Since when its window counts; `None` if it was never begun.
    pub(crate) fn window_from(&self) -> Option<Timestamp> {
        self.window_from
    }

    /// How far the outage has come.
    pub(super) fn outage(&self) -> &Course {
        &self.outage
    }

    /// Whether some of it was undone.
    pub(crate) fn is_undone(&self) -> bool {
        self.undone
    }

    /// Whether a step ended well.
    pub fn has(&self, path: &Path) -> bool {
        self.steps.contains(path) && !self.unmet.iter().any(|missing| missing.is_within(path))
    }

    /// Why a step was skipped. Conditions are decided once in a run.
    pub(crate) fn left_out(&self, path: &Path) -> Option<&Text> {
        self.left_out.get(path)
    }

    /// Phases, blocks and passes of blocks that were decided to run.
    pub(crate) fn entered(&self) -> &BTreeSet<Path> {
        &self.entered
    }

    /// What was decided about a phase: whether it runs.
    pub(crate) fn phase(&self, index: usize, phase: &Phase) -> Option<bool> {
        let entered = self.entered.contains(&Path::of(&phase.id));
        (entered || self.phases.contains(&(index, phase.name.clone()))).then_some(entered)
    }

    /// A task that ended well.
    pub(crate) fn task(&self, task: &TaskId) -> Option<&FinishedTask> {
        self.tasks.get(task)
    }

    /// Whether a task was begun with other elements of the loops around it than now.
    pub(crate) fn disagrees(&self, task: &TaskId) -> bool {
        self.begun.get(task).is_some_and(|known| !known.path.agrees_with(&task.path))
    }

    /// The results that were registered when a step ended, including its own.
    pub(crate) fn names_at(&self, step: &Path) -> Names {
        let mut names = Names::default();
        let own = self.registered.iter().rposition(|known| known.path == *step).map_or(0, |last| last + 1);
        let many = self.registered_at.get(step).copied().unwrap_or(self.registered.len()).max(own);
        self.registered.iter().take(many).for_each(|known| known.tell(&mut names));
        names
    }

    /// The registered results, oldest first.
    pub(super) fn registrations(&self) -> impl Iterator<Item = &Registration> {
        self.registered.iter()
    }

    /// Whether a step has registered a result.
    pub(crate) fn has_registered(&self, step: &Path, name: &str) -> bool {
        self.registered.iter().any(|known| known.path == *step && known.name == name)
    }

    /// All registered results.
    pub(crate) fn names(&self) -> Names {
        let mut names = Names::default();
        self.registered.iter().for_each(|known| known.tell(&mut names));
        names
    }

    /// The values that its steps registered last, by name.
    pub fn registered(&self) -> Map<String, Value> {
        Arc::unwrap_or_clone(self.names().registered)
    }

    /// The sections that blocks had reached, where these are not the first.
    pub(crate) fn reached(&self) -> BTreeMap<Path, Reached> {
        let reached = |sections: &Sections| {
            let failed = |end: &Option<End>| end.as_ref().is_some_and(|end| end.failure.is_some());
            let nothing = End::new;
            if sections.in_always {
                let before = match (&sections.rescued, sections.rescue) {
                    (Some(end), true) if end.failure.is_some() => end.clone(),
                    (_, true) => End::well(Outcome::FailedAllowed),
                    (_, false) => sections.block.clone().unwrap_or_else(nothing),
                };
                return Some(Reached { section: Section::Always, before });
            }
            // If its block failed and nothing follows, the run stopped between its sections.
            if failed(&sections.block) && (sections.rescue || !sections.always) {
                let before = sections.block.clone().unwrap_or_else(nothing);
                return Some(Reached { section: Section::Rescue, before });
            }
            None
        };
        self.sections.iter().filter_map(|(path, sections)| Some((path.clone(), reached(sections)?))).collect()
    }
}

impl Registration {
    pub(super) fn tell(&self, names: &mut Names) {
        match &self.value {
            Some(value) => {
                names.withheld.remove(&self.name);
                Arc::make_mut(&mut names.registered).insert(self.name.clone(), value.clone());
            }
            None => drop(names.withheld.insert(self.name.clone(), self.path.clone())),
        }
    }
}

/// The secrets that are still hidden in a part of an event.
pub(super) fn lacks<'a>(event: &'a Event, part: &'a str) -> impl Iterator<Item = &'a str> {
    let within = move |at: &str| at.strip_prefix(part).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    event.hidden.iter().filter(move |hidden| within(&hidden.at)).map(|hidden| hidden.secret.as_str())
}

/// A failure read back from its record.
fn known(failure: &RecordedFailure) -> Failure {
    let RecordedFailure { class, message, details, help, place: _ } = failure.clone();
    Failure { details, help, ..Failure::new(class, message) }
}
