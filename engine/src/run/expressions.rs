//! What phases, blocks and gates say in templates, evaluated outside of any task.

use std::collections::BTreeSet;

use serde_json::Value;

use super::environment::{Unrendered, scope};
use super::prepare::elements;
use super::{Environment, Names, Run, needs};
use crate::playbook::{Gate, Step, StepKind};
use crate::source::Node;
use crate::template;

/// Whether a phase's or block's condition holds.
pub(crate) fn holds(run: &Run, when: &Node, environment: &Environment<'_>, names: &Names) -> Result<bool, Unrendered> {
    let mut wanted = BTreeSet::new();
    needs::of_node(when, true, &mut wanted);
    let scope = scope(run, environment, names, None, None, wanted)?;
    Ok(template::condition(when, &scope)?)
}

/// The elements of a block's loop; one `None` if it has none.
pub(crate) fn block_items(
    run: &Run,
    step: &Step,
    environment: &Environment<'_>,
    names: &Names,
) -> Result<Vec<Option<(usize, Value)>>, Unrendered> {
    let Some(list) = &step.loop_over else { return Ok(vec![None]) };
    let mut wanted = BTreeSet::new();
    needs::of_node(list, false, &mut wanted);
    let scope = scope(run, environment, names, None, None, wanted)?;
    Ok(elements(list, &scope)?.into_iter().enumerate().map(Some).collect())
}

/// A gate's question and phrase; `None` if its `when` does not hold.
pub(crate) fn gate_texts(
    run: &Run,
    step: &Step,
    gate: &Gate,
    environment: &Environment<'_>,
    names: &Names,
) -> Result<Option<(String, Option<String>)>, Unrendered> {
    let environment = environment.with(&step.vars);
    let scope = scope(run, &environment, names, None, None, needs::of_step(step))?;
    if let Some(when) = &step.when
        && !template::condition(when, &scope)?
    {
        return Ok(None);
    }
    let question = template::render_text(&gate.question, &scope)?;
    let confirm = match &gate.confirm {
        Some(node) => Some(template::render_text(node, &scope)?),
        None => None,
    };
    Ok(Some((question, confirm)))
}

/// Whether a step's own templates mention one of these names.
pub(crate) fn mentions_any(step: &Step, names: &BTreeSet<String>) -> bool {
    debug_assert!(matches!(step.kind, StepKind::Module { .. }), "only modules have templates of this kind");
    !needs::of_step(step).is_disjoint(names)
}
