//! Enters a playbook at a path: finds the step there, with everything around it as it was.

use super::frame::path_of;
use super::{Decision, Environment, Names, StepVisit, expressions};
use crate::failure::Failure;
use crate::path::Path;
use crate::playbook::{Step, StepKind};
use crate::run::Run;
use crate::text;

/// The step at a path; `None` if the playbook has none there.
///
/// # Errors
/// A loop around it does not have the element that it had.
pub(crate) fn enter<'a>(run: &'a Run, path: &Path, names: &Names) -> Result<Option<StepVisit<'a>>, Failure> {
    let outer = Environment::default().with(&run.playbook.vars);
    for phase in &run.playbook.phases {
        let here = (phase.id.clone(), Path::of(&phase.id));
        if path.is_within(&here.1) {
            let found = find(run, path, names, &phase.steps, &outer.with(&phase.vars), &here)?;
            if found.is_some() {
                return Ok(found);
            }
        }
    }
    Ok(None)
}

fn find<'a>(
    run: &'a Run,
    wanted: &Path,
    names: &Names,
    steps: &'a [Step],
    environment: &Environment<'a>,
    outer: &(String, Path),
) -> Result<Option<StepVisit<'a>>, Failure> {
    for step in steps {
        let path = path_of(step, outer);
        if path == wanted.step() {
            let environment = environment.clone();
            return Ok(Some(StepVisit { step, path, environment, decision: Decision::Run, leaves_result: true }));
        }
        let StepKind::Block { block, rescue, always } = &step.kind else { continue };
        let Some(pass) = pass_of(wanted, &path) else { continue };
        let mut inner = environment.with(&step.vars);
        inner.aim(step.target.as_ref());
        if let Some(item) = pass.item() {
            let elements = expressions::elements_of(run, step, &inner, names).map_err(Failure::from)?;
            let element = elements.into_iter().flatten().find(|element| element.position() == item.position);
            match element {
                Some(element) if element.path(&path).agrees_with(&pass) => inner.element = Some(element),
                _ => return Err(changed(&pass)),
            }
        }
        let here = (step.id.clone(), pass);
        for section in [block, rescue, always] {
            let found = find(run, wanted, names, section, &inner, &here)?;
            if found.is_some() {
                return Ok(found);
            }
        }
    }
    Ok(None)
}

/// The pass of a block that a path goes through.
fn pass_of(wanted: &Path, block: &Path) -> Option<Path> {
    let mut outer = wanted.parent()?;
    loop {
        if outer.segments().len() == block.segments().len() {
            return (outer.step() == *block).then_some(outer);
        }
        outer = outer.parent()?;
    }
}

/// Why a pass of a loop cannot be entered again.
pub(crate) fn changed(pass: &Path) -> Failure {
    Failure::blocked(text!(
        "engine.element-changed",
        "{pass}: the element of this loop is not the one that it was when the step ran",
        pass
    ))
    .help(text!(
        "engine.element-changed.help",
        "what the loop runs over has changed since; undo or finish by hand what was begun there"
    ))
}
