//! The environment of a step: the variables that playbook, phase, blocks and the step define, and the results that earlier
//! steps registered. Variables are rendered when a step needs them, so that one that mentions `pair` can be defined anywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::needs;
use crate::digest::digest;
use crate::failure::Failure;
use crate::path::{Item, Path};
use crate::redact::Redactor;
use crate::run::{Run, builtins};
use crate::source::{Fault, Node};
use crate::target::Target;
use crate::template::{Scope, render};
use crate::text::Text;

/// The number of hexadecimal digits of an element's digest in a path.
const DIGEST: usize = 8;

/// The variables around a step, from the outside in.
#[derive(Clone, Default)]
pub(crate) struct Environment<'a> {
    definitions: Vec<&'a (String, Node)>,
    /// The target of the nearest block that has one.
    pub(crate) target: Option<&'a Node>,
    /// In an undo, the only targets to run on: those that were changed.
    pub(crate) changed_on: Option<Vec<Target>>,
    /// The element of the nearest loop.
    pub(crate) element: Option<Element>,
}

impl<'a> Environment<'a> {
    /// This environment with more variables inside.
    pub(crate) fn with(&self, vars: &'a [(String, Node)]) -> Self {
        let mut inner = self.clone();
        inner.definitions.extend(vars);
        inner
    }

    /// Sets the target of a block, if it has one.
    pub(crate) fn aim(&mut self, target: Option<&'a Node>) {
        if target.is_some() {
            (self.target, self.changed_on) = (target, None);
        }
    }

    /// This environment without its innermost variables.
    pub(crate) fn without(&self, vars: &[(String, Node)]) -> Self {
        let mut outer = self.clone();
        outer.definitions.truncate(outer.definitions.len().saturating_sub(vars.len()));
        outer
    }

    /// The names of its variables.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'a str> {
        self.definitions.iter().map(|(name, _)| name.as_str())
    }
}

/// An element of a loop.
#[derive(Debug, Clone)]
pub(crate) struct Element {
    position: u32,
    digest: String,
    /// Its value.
    pub(crate) value: Value,
}

impl Element {
    /// The elements of a list.
    pub(super) fn all(values: Vec<Value>, redactor: &Redactor) -> Vec<Self> {
        let element = |(position, value): (u32, Value)| {
            // A secret could be guessed from its digest, so the redacted element is digested.
            let mut shown = value.clone();
            redactor.value(&mut shown);
            let mut digest = digest([shown.to_string().as_str()]);
            digest.truncate(DIGEST);
            Self { position, digest, value }
        };
        (1..).zip(values).map(element).collect()
    }

    /// An element whose value is not known yet.
    pub(crate) fn unknown() -> Self {
        Self { position: 0, digest: String::new(), value: Value::Null }
    }

    /// Its position, from 1.
    pub(crate) fn position(&self) -> u32 {
        self.position
    }

    /// The path of a step in the pass with this element.
    pub(crate) fn path(&self, step: &Path) -> Path {
        match self.position {
            0 => step.clone(),
            position => step.at(Item { position, digest: self.digest.clone() }),
        }
    }
}

/// The results of earlier steps.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    /// Registered results.
    pub(crate) registered: Arc<Map<String, Value>>,
    /// Names that a plan cannot know yet, with the path of the step that will register them.
    pub(crate) unknown: BTreeMap<String, Path>,
    /// Names whose value was registered in an earlier execution and not recorded, because it is secret, with the step.
    pub(crate) withheld: BTreeMap<String, Path>,
}

/// Why a step's templates have no value.
#[derive(Debug)]
pub(crate) enum Unrendered {
    /// The result of a step that has not run is needed: its path.
    Unknown(Path),
    /// A secret result of an earlier execution is needed, which was not recorded: its name, and the step that had it.
    Withheld(String, Path),
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
        let failure = Self { at: fault.at, ..Self::invalid(Text::verbatim(fault.message)) };
        match fault.help {
            Some(help) => failure.help(Text::verbatim(help)),
            None => failure,
        }
    }
}

/// Returns the scope of a task: all variables that `wanted` names, and those that these mention in turn.
pub(crate) fn scope(
    run: &Run,
    environment: &Environment<'_>,
    names: &Names,
    target: Option<&Target>,
    element: Option<&Element>,
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
    if let Some((name, path)) = names.withheld.iter().find(|(name, _)| wanted.contains(*name) && !defined(name)) {
        return Err(Unrendered::Withheld(name.clone(), path.clone()));
    }
    let mut scope = run.scope.with_shared(&names.registered);
    if let Some(target) = target {
        if let Some(site) = target.site().and_then(|site| run.sites.get(site)) {
            scope = scope.with_shared(site);
        }
        scope = scope.with(builtins::of_target(target, &run.inventory));
    }
    if let Some(Element { position, value, .. }) = element.or(environment.element.as_ref()) {
        let index = position.saturating_sub(1);
        let element = [("item".to_owned(), value.clone()), ("item_index".to_owned(), Value::from(index))];
        scope = scope.with(element.into_iter().collect());
    }
    scope = scope.with(Map::new());
    for (name, node) in needed.into_iter().rev() {
        let value = render(node, &scope)?;
        scope.set(name.clone(), value);
    }
    Ok(scope)
}
