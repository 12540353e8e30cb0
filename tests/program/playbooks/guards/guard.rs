//! The guards of a playbook: everything in it that changes nothing, and can be taken out. Found by what a run did, not by a list of names.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use cutover_engine::event::{Event, EventKind, Outcome};
use cutover_engine::module::Class;
use cutover_engine::playbook::{Playbook, Step, StepKind};
use cutover_engine::source::{Node, SourceFile, parse};

/// Something that can be taken out of a playbook.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Guard {
    /// A step.
    Step(String),
    /// The mark `before_outage` of a step.
    Before(String),
    /// The mark `outage` of a step.
    Outage(String),
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Step(id) => write!(f, "{id}"),
            Self::Before(id) => write!(f, "{id} (before_outage)"),
            Self::Outage(id) => write!(f, "{id} (outage)"),
        }
    }
}

/// All guards of a playbook, by a run of it that ended well: gates, steps that left nothing changed, and marks.
///
/// A step that the run has left out is one, unless the same lines stand in it a second time (an include) and did something there.
pub(super) fn guards(playbook: &Playbook, run: &[Event]) -> Vec<Guard> {
    let mut busy: BTreeSet<String> = BTreeSet::new();
    let mut skipped: BTreeSet<String> = BTreeSet::new();
    for event in run {
        match &event.kind {
            EventKind::Applying { task, change, .. } if change.class != Class::Transient => {
                busy.insert(task.path.id());
            }
            EventKind::StepFinished { path, outcome: Outcome::Skipped, .. } => {
                skipped.insert(path.id());
            }
            _ => {}
        }
    }
    let steps = playbook.steps();
    let elsewhere = |step: &Step| steps.iter().any(|other| other.at == step.at && !skipped.contains(&other.id));
    // A mark on a block is one mark, and handed down to what is in it.
    let (mut found, mut marked) = (Vec::new(), Vec::<String>::new());
    for step in &steps {
        let id = &step.id;
        let is_block = matches!(step.kind, StepKind::Block { .. });
        let did_nothing = !busy.contains(id) && (!skipped.contains(id) || !elsewhere(step));
        if !is_block && did_nothing {
            found.push(Guard::Step(id.clone()));
        }
        if step.before_outage.is_some() && !marked.iter().any(|outer| id.starts_with(outer.as_str())) {
            found.push(Guard::Before(id.clone()));
            marked.extend(is_block.then(|| format!("{id}/")));
        }
        if step.outage.is_some() {
            found.push(Guard::Outage(id.clone()));
        }
    }
    found
}

/// The playbook without it. An outage that begins or ends with a step begins or ends with the next one. Later steps that need the result of a
/// step get what it found in the good run, so that they go on without a look at this world.
pub(super) fn without(playbook: &Playbook, guard: &Guard, run: &[Event]) -> Arc<Playbook> {
    let mut playbook = playbook.clone();
    if let Guard::Step(id) = guard {
        playbook.vars.extend(remembered(&playbook, id, run));
    }
    let found = playbook.phases.iter_mut().any(|phase| take_out(&mut phase.steps, guard));
    assert!(found, "no {guard} in {}", playbook.name);
    Arc::new(playbook)
}

/// What a step registers, with its value in a run.
fn remembered(playbook: &Playbook, id: &str, run: &[Event]) -> Option<(String, Node)> {
    let step = playbook.steps().into_iter().find(|step| step.id == id)?;
    let (wanted, others) = (step.register.as_ref()?, playbook.steps());
    let elsewhere = others.iter().any(|other| other.id != id && other.register.as_ref() == Some(wanted));
    let value = run.iter().find_map(|event| match &event.kind {
        EventKind::Registered { path, name, value, .. } if name == wanted && path.id() == id => Some(value),
        _ => None,
    })?;
    let node = parse(&SourceFile::new("remembered", value.to_string())).unwrap_or_else(|faults| panic!("{faults}"));
    (!elsewhere).then(|| (wanted.clone(), node))
}

fn unmark(step: &mut Step) {
    step.before_outage = None;
    if let StepKind::Block { block, rescue, always } = &mut step.kind {
        [block, rescue, always].into_iter().flatten().for_each(unmark);
    }
}

fn take_out(steps: &mut Vec<Step>, guard: &Guard) -> bool {
    let (Guard::Step(id) | Guard::Before(id) | Guard::Outage(id)) = guard;
    if let Some(index) = steps.iter().position(|step| step.id == *id) {
        match guard {
            Guard::Step(_) => {
                let gone = steps.remove(index);
                if let (Some(mark), Some(next)) = (gone.outage, steps.get_mut(index)) {
                    next.outage = Some(mark);
                }
            }
            Guard::Before(_) => unmark(&mut steps[index]),
            Guard::Outage(_) => steps[index].outage = None,
        }
        return true;
    }
    let inner = |step: &mut Step| match &mut step.kind {
        StepKind::Block { block, rescue, always } => {
            [block, rescue, always].into_iter().any(|section| take_out(section, guard))
        }
        _ => false,
    };
    steps.iter_mut().any(inner)
}
