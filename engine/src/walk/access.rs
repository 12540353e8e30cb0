//! What a run does at the API servers: asked of every step of the playbook, steps that undo included, as far as their parameters are
//! known before anything was looked at. Nothing is sent, and no step has to be listed by hand.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::environment::{Environment, Names, scope};
use super::needs;
use super::prepare::find_targets;
use super::targets::resolve;
use crate::module::Access;
use crate::playbook::{Step, StepKind};
use crate::run::Run;
use crate::source::{Key, Kind, Node};
use crate::target::Target;
use crate::template;

/// What a run does, by the name of the site whose API server it is done at.
pub(crate) fn access(run: &Run) -> BTreeMap<String, BTreeSet<Access>> {
    let mut gathering = Gathering { run, found: BTreeMap::new() };
    let outer = Environment::default().with(&run.playbook.vars);
    for phase in &run.playbook.phases {
        let environment = outer.with(&phase.vars);
        if gathering.may_run(phase.when.as_ref(), &environment, None) {
            gathering.steps(&phase.steps, &environment);
        }
    }
    gathering.found
}

struct Gathering<'a> {
    run: &'a Run,
    found: BTreeMap<String, BTreeSet<Access>>,
}

impl<'a> Gathering<'a> {
    fn steps(&mut self, steps: &'a [Step], environment: &Environment<'a>) {
        for step in steps {
            self.step(step, environment);
        }
    }

    fn step(&mut self, step: &'a Step, outer: &Environment<'a>) {
        let mut environment = outer.with(&step.vars);
        environment.aim(step.target.as_ref());
        match &step.kind {
            StepKind::Block { block, rescue, always } => {
                if !self.may_run(step.when.as_ref(), &environment, None) {
                    return;
                }
                [block, rescue, always].into_iter().for_each(|steps| self.steps(steps, &environment));
            }
            StepKind::Module { module, params, .. } => {
                if !self.module(step, (module, params), &environment) {
                    return;
                }
            }
            StepKind::Gate(_) => {}
        }
        self.steps(step.undo.as_deref().unwrap_or_default(), &environment);
    }

    /// Asks a step's module; returns whether the step may run at all.
    fn module(&mut self, step: &Step, (module, params): (&str, &Node), environment: &Environment<'_>) -> bool {
        let Some(module) = self.run.registry.get(module) else { return false };
        let Ok((targets, _)) = find_targets(self.run, step, environment, &Names::default()) else { return true };
        let mut may_run = false;
        let mut asked = BTreeSet::new();
        for target in &targets {
            if !self.may_run(step.when.as_ref(), environment, Some(target)) {
                continue;
            }
            may_run = true;
            // What is done for the members of one site differs in names alone.
            let Some(site) = target.site().filter(|site| asked.insert((*site).to_owned())) else { continue };
            let access = module.access(&self.as_known(params, environment, target));
            for access in access {
                let other = access.site.as_deref().and_then(|other| resolve(other, &self.run.inventory).ok());
                let other = other.and_then(|(targets, _)| targets.first()?.site().map(str::to_owned));
                let at = other.unwrap_or_else(|| site.to_owned());
                self.found.entry(at).or_default().insert(Access { site: None, ..access });
            }
        }
        may_run
    }

    /// Whether a condition may hold; one that depends on results may.
    fn may_run(&self, when: Option<&Node>, environment: &Environment<'_>, target: Option<&Target>) -> bool {
        let Some(when) = when else { return true };
        let mut wanted = BTreeSet::new();
        needs::of_node(when, true, &mut wanted);
        let scope = scope(self.run, environment, &Names::default(), target, None, wanted);
        scope.ok().and_then(|scope| template::condition(when, &scope).ok()).unwrap_or(true)
    }

    /// Parameters with null for each scalar that is not known yet.
    fn as_known(&self, node: &Node, environment: &Environment<'_>, target: &Target) -> Value {
        match &node.kind {
            Kind::Seq(items) => items.iter().map(|item| self.as_known(item, environment, target)).collect(),
            Kind::Map(entries) => {
                let entry = |(key, value): &(Key, Node)| (key.name.clone(), self.as_known(value, environment, target));
                Value::Object(entries.iter().map(entry).collect::<Map<_, _>>())
            }
            _ => {
                let mut wanted = BTreeSet::new();
                needs::of_node(node, false, &mut wanted);
                let scope = scope(self.run, environment, &Names::default(), Some(target), None, wanted);
                scope.ok().and_then(|scope| template::render(node, &scope).ok()).unwrap_or_default()
            }
        }
    }
}
