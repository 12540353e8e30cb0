//! From a step to its tasks: one for each target and loop element, each with its own variables.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::environment::{Element, Unrendered, scope};
use super::{Environment, Names, StepVisit, needs, targets};
use crate::failure::Failure;
use crate::module::{Bound, Context, Registry, TargetKind};
use crate::playbook::{Step, StepKind};
use crate::redact::Redactor;
use crate::run::Run;
use crate::source::{Fault, Kind, Node};
use crate::target::Target;
use crate::task::TaskId;
use crate::template::{self, Scope};
use crate::text;
use crate::world::{Caller, World};

/// The time an attempt may take if its step has no `timeout`.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(300);

/// A step's tasks.
pub(crate) struct Prepared {
    /// The tasks whose `when` holds, in the order of targets and elements.
    pub(crate) tasks: Vec<Task>,
    /// Whether the result is a list.
    pub(crate) plural: bool,
}

/// One task.
pub(crate) struct Task {
    /// Its name.
    pub(crate) id: TaskId,
    /// The element of its step's loop.
    pub(crate) element: Option<Element>,
    /// Its variables.
    pub(crate) scope: Scope,
    /// Its view of the world.
    pub(crate) context: Context,
    /// The time one attempt may take.
    pub(crate) timeout: Duration,
}

impl Task {
    /// The module of its step, with its parameters.
    pub(crate) fn bind(&self, step: &Step, registry: Registry) -> Result<Box<dyn Bound>, Failure> {
        let StepKind::Module { module, params, .. } = &step.kind else {
            return Err(Failure::invalid(text!("engine.no-module", "this step names no module")));
        };
        let known = registry.get(module);
        let unknown = || Failure::invalid(text!("engine.unknown-module", "unknown module `{module}`", module));
        let known = known.ok_or_else(unknown)?;
        known.targets().accept(module, TargetKind::of(&self.id.target))?;
        let bound = known.bind(template::render(params, &self.scope)?)?;
        bound.judge_on(self.context.facts(), self.context.inventory())?;
        Ok(bound)
    }
}

/// Prepares a step that names a module.
pub(super) fn prepare(
    run: &Run,
    visit: &StepVisit<'_>,
    names: &Names,
    world: &Arc<dyn World>,
) -> Result<Prepared, Unrendered> {
    let step = visit.step;
    let environment = visit.environment.with(&step.vars);
    // Only the elements of a loop are named in paths, and a redactor takes a while to build.
    let redactor = step.loop_over.as_ref().map_or_else(Redactor::default, |_| Redactor::new(run.secrets.clone()));
    let wanted = needs::of_step(step);
    let (targets, mut plural) = find_targets(run, step, &environment, names)?;
    plural |= step.loop_over.is_some();
    let mut tasks = Vec::new();
    for target in &targets {
        let outer = || scope(run, &environment, names, Some(target), None, wanted.clone());
        let items: Vec<Option<Element>> = match &step.loop_over {
            Some(list) => Element::all(elements(list, &outer()?)?, &redactor).into_iter().map(Some).collect(),
            None => vec![None],
        };
        for element in items {
            let scope = scope(run, &environment, names, Some(target), element.as_ref(), wanted.clone())?;
            if let Some(when) = &step.when
                && !template::condition(when, &scope)?
            {
                continue;
            }
            let delegate = match &step.delegate_to {
                Some(node) => Some(delegate(run, target, node, &scope)?),
                None => None,
            };
            let timeout = match &step.timeout {
                Some(node) => duration(node, &scope)?,
                None => DEFAULT_TIMEOUT,
            };
            let path = element.as_ref().map_or_else(|| visit.path.clone(), |element| element.path(&visit.path));
            let id = TaskId { path, target: target.clone() };
            let world = world.called_by(Caller::look(id.clone())).unwrap_or_else(|| Arc::clone(world));
            let context = Context::new(target.clone(), delegate, Arc::clone(&run.inventory), world);
            tasks.push(Task { id, element, scope, context, timeout });
        }
    }
    if step.run_once {
        tasks.truncate(1);
        plural = false;
    }
    Ok(Prepared { tasks, plural })
}

/// A step's title. If it depends on the target, it stays as written.
pub(crate) fn title(run: &Run, visit: &StepVisit<'_>, names: &Names) -> String {
    let StepVisit { step, environment, .. } = visit;
    let node = Node { at: step.at.clone(), kind: Kind::Str(step.name.clone()) };
    let mut wanted = std::collections::BTreeSet::new();
    needs::of_node(&node, false, &mut wanted);
    let environment = environment.with(&step.vars);
    let scope = scope(run, &environment, names, None, None, wanted);
    scope.ok().and_then(|scope| template::render_text(&node, &scope).ok()).unwrap_or_else(|| step.name.clone())
}

/// The targets of a step, as far as they can be known; for showing.
pub(crate) fn targets_of(run: &Run, visit: &StepVisit<'_>, names: &Names) -> Vec<Target> {
    let StepVisit { step, environment, .. } = visit;
    if !matches!(step.kind, StepKind::Module { .. }) {
        return Vec::new();
    }
    let environment = environment.with(&step.vars);
    find_targets(run, step, &environment, names).map(|(targets, _)| targets).unwrap_or_default()
}

pub(super) fn find_targets(
    run: &Run,
    step: &Step,
    environment: &Environment<'_>,
    names: &Names,
) -> Result<(Vec<Target>, bool), Unrendered> {
    let Some(node) = step.target.as_ref().or(environment.target) else {
        return Ok((vec![Target::Controller], false));
    };
    let mut wanted = std::collections::BTreeSet::new();
    needs::of_node(node, false, &mut wanted);
    let scope = scope(run, environment, names, None, None, wanted)?;
    let texts = match template::render(node, &scope)? {
        Value::String(text) => vec![text],
        Value::Array(items) if items.iter().all(Value::is_string) => {
            items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        _ => return Err(Fault::at(&node.at, "a target is text or a list of texts").into()),
    };
    // An undo runs only on the targets that were changed.
    let changed_on = environment.changed_on.as_ref().filter(|_| step.target.is_none());
    let (mut targets, mut plural) = (Vec::new(), texts.len() != 1);
    for text in &texts {
        let (found, set) = targets::resolve(text, &run.inventory).map_err(|why| Fault::at(&node.at, why))?;
        plural |= set;
        for target in found {
            if !targets.contains(&target) {
                targets.push(target);
            }
        }
    }
    if let Some(changed_on) = changed_on {
        targets.clone_from(changed_on);
    }
    Ok((targets, plural))
}

pub(crate) fn elements(list: &Node, scope: &Scope) -> Result<Vec<Value>, Fault> {
    match template::render(list, scope)? {
        Value::Array(items) => Ok(items),
        _ => Err(Fault::at(&list.at, "`loop` needs a list")),
    }
}

fn delegate(run: &Run, target: &Target, node: &Node, scope: &Scope) -> Result<String, Fault> {
    let name = template::render_text(node, scope)?;
    let site = target.site().and_then(|site| run.inventory.sites.get(site));
    let Some(site) = site else {
        return Err(Fault::at(
            &node.at,
            "`delegate_to` names a node of the target's site, and this target has no site",
        ));
    };
    if site.nodes.contains_key(&name) {
        return Ok(name);
    }
    let fault = Fault::at(&node.at, format!("site `{}` has no node `{name}`", site.name));
    Err(fault.help(format!("its nodes are {}", site.nodes.keys().cloned().collect::<Vec<_>>().join(", "))))
}

fn duration(node: &Node, scope: &Scope) -> Result<Duration, Fault> {
    let text = template::render_text(node, scope)?;
    let parsed = text.parse::<crate::duration::HumanDuration>();
    parsed.map(|duration| duration.0).map_err(|why| Fault::at(&node.at, why))
}

impl From<Unrendered> for Failure {
    fn from(unrendered: Unrendered) -> Self {
        match unrendered {
            Unrendered::Fault(fault) => (*fault).into(),
            Unrendered::Unknown(path) => {
                Self::failed(text!("engine.result-unknown", "the result of step {path} is not known", path))
            }
            Unrendered::Withheld(name, path) => Self::blocked(text!(
                "engine.result-withheld",
                "`{name}` is the result of {path}, which the journal does not have: journals do not store secrets, nor what a step \
                 that was declared done returned",
                name,
                path
            ))
            .help(text!("engine.result-withheld.help", "finish by hand, or undo the run and begin a new one")),
        }
    }
}
