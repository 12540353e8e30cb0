//! The templates of phases, blocks and gates, evaluated outside of any task.

use std::collections::BTreeSet;

use super::environment::{Element, Unrendered, scope};
use super::prepare::elements;
use super::{Decision, Environment, Names, needs};
use crate::execute::NO;
use crate::playbook::{Gate, Step};
use crate::redact::Redactor;
use crate::run::Run;
use crate::source::{Fault, Node};
use crate::text::Text;
use crate::{template, text};

/// Whether a phase's or block's condition holds.
pub(crate) fn holds(run: &Run, when: &Node, environment: &Environment<'_>, names: &Names) -> Result<bool, Unrendered> {
    let mut wanted = BTreeSet::new();
    needs::of_node(when, true, &mut wanted);
    let scope = scope(run, environment, names, None, None, wanted)?;
    Ok(template::condition(when, &scope)?)
}

/// What a block's or phase's condition decides.
pub(crate) fn decide(run: &Run, when: &Node, environment: &Environment<'_>, names: &Names) -> Decision {
    match holds(run, when, environment, names) {
        Ok(true) => Decision::Run,
        Ok(false) => Decision::Skip(why_not(when)),
        Err(Unrendered::Unknown(path)) => Decision::Unknown(path),
        Err(unrendered) => Decision::Fault(unrendered.into()),
    }
}

/// The reason for skipping something whose condition does not hold.
pub(crate) fn why_not(when: &Node) -> Text {
    text!("engine.when", "when: {when}", when = when.at.text().trim())
}

/// The elements of a step's loop, evaluated outside of any target; one `None` if it has none.
pub(super) fn elements_of(
    run: &Run,
    step: &Step,
    environment: &Environment<'_>,
    names: &Names,
) -> Result<Vec<Option<Element>>, Unrendered> {
    let Some(list) = &step.loop_over else { return Ok(vec![None]) };
    let mut wanted = BTreeSet::new();
    needs::of_node(list, false, &mut wanted);
    let scope = scope(run, environment, names, None, None, wanted)?;
    let redactor = Redactor::new(run.secrets.clone());
    Ok(Element::all(elements(list, &scope)?, &redactor).into_iter().map(Some).collect())
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
    if let (Some(node), Some(text)) = (&gate.confirm, &confirm) {
        approves(node, text)?;
    }
    Ok(Some((question, confirm)))
}

/// Refuses a phrase that nobody can type, or that means the contrary at every other gate.
pub(crate) fn approves(node: &Node, phrase: &str) -> Result<(), Fault> {
    match phrase.trim() {
        "" => Err(Fault::at(&node.at, "the phrase of the gate is empty, so that nobody can type it")),
        phrase if phrase.eq_ignore_ascii_case(NO) => {
            Err(Fault::at(&node.at, format!("`{phrase}` refuses a gate, so it cannot be the phrase that approves it")))
        }
        _ => Ok(()),
    }
}
