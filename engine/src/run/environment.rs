//! What surrounds a step: the variables that playbook, phase, blocks and the step define, and the results that earlier
//! steps registered. Variables are rendered when a step needs them, so that one that mentions `pair` can stand anywhere.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{Run, builtins, needs};
use crate::failure::Failure;
use crate::source::{Fault, Node};
use crate::target::Target;
use crate::template::{Scope, render};

/// The variables around a step, from the outside in.
#[derive(Clone, Default)]
pub(crate) struct Environment<'a> {
    definitions: Vec<&'a (String, Node)>,
    /// The target of the nearest block that has one.
    pub(crate) target: Option<&'a Node>,
    /// The element of the nearest block's `loop`.
    pub(crate) item: Option<(usize, Value)>,
}

impl<'a> Environment<'a> {
    /// This environment with more variables inside.
    pub(crate) fn with(&self, vars: &'a [(String, Node)]) -> Self {
        let mut inner = self.clone();
        inner.definitions.extend(vars);
        inner
    }
}

/// What earlier steps left.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    /// Registered results.
    pub(crate) registered: Map<String, Value>,
    /// Names that a plan cannot know yet, with the step that will register them.
    pub(crate) unknown: BTreeMap<String, String>,
}

/// Why a step's templates have no value.
#[derive(Debug)]
pub(crate) enum Unrendered {
    /// The result of a step that has not run is needed: its id.
    Unknown(String),
    /// A template is wrong.
    Fault(Box<Fault>),
}

impl From<Fault> for Unrendered {
    fn from(fault: Fault) -> Self {
        Self::Fault(Box::new(fault))
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        let failure = Self { at: fault.at, ..Self::invalid(fault.message) };
        match fault.help {
            Some(help) => failure.help(help),
            None => failure,
        }
    }
}

/// Gives the scope of a task: all variables that `wanted` names, and what these mention in turn.
pub(crate) fn scope(
    run: &Run,
    environment: &Environment<'_>,
    names: &Names,
    target: Option<&Target>,
    item: Option<&(usize, Value)>,
    mut wanted: BTreeSet<String>,
) -> Result<Scope, Unrendered> {
    let mut needed = Vec::new();
    for definition in environment.definitions.iter().rev() {
        if wanted.contains(&definition.0) {
            needs::of_node(&definition.1, false, &mut wanted);
            needed.push(*definition);
        }
    }
    let defined = |name: &str| needed.iter().any(|(known, _)| known == name);
    if let Some(step) = wanted.iter().filter(|name| !defined(name)).find_map(|name| names.unknown.get(name)) {
        return Err(Unrendered::Unknown(step.clone()));
    }
    let mut scope = run.scope.with(names.registered.clone());
    if let Some(target) = target {
        scope = scope.with(builtins::of_target(target, &run.inventory));
    }
    if let Some((index, value)) = item.or(environment.item.as_ref()) {
        let element = [("item".to_owned(), value.clone()), ("item_index".to_owned(), Value::from(*index))];
        scope = scope.with(element.into_iter().collect());
    }
    scope = scope.with(Map::new());
    for (name, node) in needed.into_iter().rev() {
        let value = render(node, &scope)?;
        scope.set(name.clone(), value);
    }
    Ok(scope)
}
