//! Finds a step again by its id, with everything that surrounds it.

use super::Environment;
use crate::playbook::{Playbook, Step, StepKind};

/// The step with an id, and the variables around it. A block's loop element is not known here.
pub(crate) fn surroundings<'a>(playbook: &'a Playbook, id: &str) -> Option<(&'a Step, Environment<'a>)> {
    let outer = Environment::default().with(&playbook.vars);
    playbook.phases.iter().find_map(|phase| find(&phase.steps, &outer.with(&phase.vars), id))
}

fn find<'a>(steps: &'a [Step], environment: &Environment<'a>, id: &str) -> Option<(&'a Step, Environment<'a>)> {
    steps.iter().find_map(|step| {
        if step.id == id {
            return Some((step, environment.clone()));
        }
        let StepKind::Block { block, rescue, always } = &step.kind else { return None };
        let mut inner = environment.with(&step.vars);
        if let Some(target) = &step.target {
            inner.target = Some(target);
        }
        [block, rescue, always].into_iter().find_map(|section| find(section, &inner, id))
    })
}
