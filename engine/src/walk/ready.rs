//! A step's tasks with all that their modules ask the engine for.

use std::sync::Arc;

use super::access::access;
use super::prepare::{self, Prepared};
use super::{Names, StepVisit, Unrendered};
use crate::playbook::StepKind;
use crate::run::Run;
use crate::world::World;

/// Prepares a step that names a module.
pub(crate) fn prepare(
    run: &Run,
    visit: &StepVisit<'_>,
    names: &Names,
    world: &Arc<dyn World>,
) -> Result<Prepared, Unrendered> {
    let mut prepared = prepare::prepare(run, visit, names, world)?;
    let StepKind::Module { module, .. } = &visit.step.kind else { return Ok(prepared) };
    if run.registry.get(module).is_some_and(|module| module.asks_access()) {
        let all = access(run);
        for task in &mut prepared.tasks {
            let here = task.id.target.site().and_then(|site| all.get(site));
            task.context.tell_access(here.cloned().unwrap_or_default());
        }
    }
    Ok(prepared)
}
