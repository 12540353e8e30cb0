//! Which variables a step needs before its templates can be rendered.

use std::collections::BTreeSet;

use crate::playbook::option::OPTIONS;
use crate::playbook::{Step, StepKind};
use crate::source::Node;
use crate::template;

/// Adds the names that a tree mentions; `expression` says that its scalars are expressions without braces.
pub(super) fn of_node(node: &Node, expression: bool, needs: &mut BTreeSet<String>) {
    needs.extend(template::mentions(node, expression).iter().map(|mention| mention.root().to_owned()));
}

/// Whether a step's own templates mention a name.
pub(crate) fn mentions(step: &Step, name: &str) -> bool {
    of_step(step).contains(name)
}

/// The names that a step's own templates mention; not those of the steps inside it.
pub(super) fn of_step(step: &Step) -> BTreeSet<String> {
    let mut needs = BTreeSet::new();
    for templates in OPTIONS.iter().filter_map(|option| option.templates) {
        if let Some(node) = (templates.of)(step) {
            of_node(node, templates.expression, &mut needs);
        }
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
