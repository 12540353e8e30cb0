//! Which variables a step needs before its templates can be rendered.

use std::collections::BTreeSet;

use crate::playbook::{Step, StepKind};
use crate::source::Node;
use crate::template::mentions;

/// Adds the names that a tree mentions; `expression` says that its scalars are expressions without braces.
pub(super) fn of_node(node: &Node, expression: bool, needs: &mut BTreeSet<String>) {
    needs.extend(mentions(node, expression).iter().map(|mention| mention.root().to_owned()));
}

/// Whether a step's own templates mention one of these names.
pub(crate) fn mentions_any(step: &Step, names: &[String]) -> bool {
    let needs = of_step(step);
    names.iter().any(|name| needs.contains(name))
}

/// The names that a step's own templates mention; not those of the steps inside it.
pub(super) fn of_step(step: &Step) -> BTreeSet<String> {
    let mut needs = BTreeSet::new();
    for node in [&step.target, &step.delegate_to, &step.loop_over, &step.timeout].into_iter().flatten() {
        of_node(node, false, &mut needs);
    }
    for node in [&step.when, &step.until].into_iter().flatten() {
        of_node(node, true, &mut needs);
    }
    match &step.kind {
        StepKind::Module { params, .. } => of_node(params, false, &mut needs),
        StepKind::Gate(gate) => {
            of_node(&gate.question, false, &mut needs);
            gate.confirm.iter().for_each(|node| of_node(node, false, &mut needs));
        }
        StepKind::Block { .. } => {}
    }
    needs
}
