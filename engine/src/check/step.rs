//! Checks one step: the names in its options, and its parameters as its module will decode them.

use super::names::Known;
use super::{Checker, target, written};
use crate::failure::Failure;
use crate::module::{AnyModule, Bound, Facts, TargetKind};
use crate::playbook::option::{OPTIONS, Sees, Templates};
use crate::playbook::{Step, StepKind};
use crate::run::builtins;
use crate::source::{Fault, Kind, Location, Node};
use crate::template::{self, Scope};
use crate::walk::{Names, StepVisit, approves};

impl Checker<'_> {
    /// Checks a step's own options; returns the names in its scope.
    pub(super) fn step(&mut self, visit: &StepVisit<'_>, names: &Names) -> Known {
        let step = visit.step;
        let mut known = self.known(&visit.environment, names);
        self.options(step, Sees::Outside, &known);
        if let Some(target) = &step.target {
            self.target(target);
        }
        let target = step.target.as_ref().or(visit.environment.target);
        let kinds = target::kinds(target);
        if let Some(node) = &step.delegate_to {
            self.delegate(node, target);
        }
        if let Some(name) = step.register.as_deref().filter(|name| builtins::is_one(name)) {
            let fault =
                Fault::at(&step.at, format!("`register: {name}`: every step knows something else by this name"));
            self.faults.push(fault.help("give the result a name of its own"));
        }
        if step.loop_over.is_some() {
            known.learn(["item", "item_index"]);
        }
        self.vars(&step.vars, &mut known);
        let own = self.with_target(step, &known, kinds.as_deref());
        self.options(step, Sees::Task, &own);
        let title = Node { at: step.at.clone(), kind: Kind::Str(step.name.clone()) };
        self.mentions(&title, false, &known);
        match &step.kind {
            StepKind::Module { module, at, params } => {
                self.mentions(params, false, &own);
                if let Some(module) = self.registry.get(module) {
                    self.literal_target(module, step, at, kinds.as_deref());
                    self.literal_params(module, step, (at, params), target);
                }
            }
            StepKind::Gate(gate) => {
                self.mentions(&gate.question, false, &own);
                if let Some(confirm) = &gate.confirm {
                    self.mentions(confirm, false, &own);
                    let literal = target::literal(confirm).map(|phrase| approves(confirm, phrase));
                    self.faults.0.extend(literal.and_then(Result::err));
                }
            }
            StepKind::Block { .. } => {}
        }
        own
    }

    /// Checks the options that see the result.
    pub(super) fn until(&mut self, step: &Step, known: &Known, names: &Names) {
        let mut known = known.clone();
        known.learn(["result"]);
        known.learn(names.registered.keys().map(String::as_str));
        known.learn_shapes(&self.shapes);
        // `until` is evaluated over each task's own result, under both names.
        let module = step.kind.module().and_then(|module| self.registry.get(module));
        if let Some(shape) = module.map(|module| self.modules.single(module)) {
            let own = step.register.iter().map(String::as_str).chain(["result"]);
            own.for_each(|name| known.learn_shape(name, shape.clone()));
        }
        self.options(step, Sees::Result, &known);
    }

    /// Checks the templates of the options with a given view of the scope.
    fn options(&mut self, step: &Step, sees: Sees, known: &Known) {
        let of_stage = |templates: &Templates| templates.sees == sees;
        for templates in OPTIONS.iter().filter_map(|option| option.templates).filter(of_stage) {
            if let Some(node) = (templates.of)(step) {
                self.mentions(node, templates.expression, known);
            }
        }
    }

    /// The names in scope for targets of these kinds: a site has no `pair`, and a gate or block has no target at all.
    fn with_target(&self, step: &Step, known: &Known, kinds: Option<&[TargetKind]>) -> Known {
        let mut own = known.clone();
        let kinds = match (&step.kind, kinds) {
            (StepKind::Module { .. }, None) => return own,
            (StepKind::Module { .. }, Some(kinds)) => kinds,
            (StepKind::Gate(_) | StepKind::Block { .. }, _) => &[TargetKind::Controller],
        };
        for name in builtins::sometimes() {
            let everywhere = kinds.iter().all(|kind| builtins::of_kind(*kind).contains(name));
            let defined = self.common.contains(*name) || step.vars.iter().any(|(own, _)| own == name);
            if !everywhere && !defined {
                own.forget(name);
            }
        }
        own
    }

    /// A target that is written out has to be of a kind that the module works on.
    fn literal_target(&mut self, module: &dyn AnyModule, step: &Step, at: &Location, kinds: Option<&[TargetKind]>) {
        for kind in kinds.unwrap_or_default() {
            if let Err(failure) = module.targets().accept(module.name(), *kind) {
                let at = step.target.as_ref().map_or(at, |target| &target.at);
                let fault = Fault::at(at, failure.message.to_string());
                self.faults.push(match failure.help {
                    Some(help) => fault.help(help.to_string()),
                    None => fault,
                });
                return;
            }
        }
    }

    /// Decodes and judges parameters as the module will, on every target that is written out; with templates in them, what is
    /// written out beside those is decoded.
    fn literal_params(
        &mut self,
        module: &dyn AnyModule,
        step: &Step,
        (key, params): (&Location, &Node),
        target: Option<&Node>,
    ) {
        let places = key.range.start..=params.at.range.end;
        let within = |at: &Location| at.file == key.file && places.contains(&at.range.start);
        if self.reported.iter().any(within) {
            return;
        }
        let judged = match params.at.text().contains("{{") || params.at.text().contains("{%") {
            true => written::fault(module, params).map_or(Ok(()), Err),
            false => match template::render(params, &Scope::default()) {
                Ok(value) => module.bind(value).and_then(|bound| self.judge_on_targets(module, &*bound, step, target)),
                Err(_) => return,
            },
        };
        if let Err(failure) = judged {
            let at = &params.deepest(failure.pointer.as_deref().unwrap_or_default()).at;
            let fault = Fault::at(at, format!("`{}`: {}", module.name(), failure.message));
            self.faults.push(match failure.help {
                Some(help) => fault.help(help.to_string()),
                None => fault,
            });
        }
    }

    /// Judges parameters on every target that is written out.
    fn judge_on_targets(
        &self,
        module: &dyn AnyModule,
        bound: &dyn Bound,
        step: &Step,
        target: Option<&Node>,
    ) -> Result<(), Failure> {
        let Some(inventory) = self.inventory else { return Ok(()) };
        let delegate = match &step.delegate_to {
            None => None,
            Some(node) => match target::literal(node) {
                Some(name) => Some(name),
                None => return Ok(()),
            },
        };
        let targets = target::written_out(target, inventory).into_iter();
        let accepted = targets.filter(|target| module.targets().contains(TargetKind::of(target)));
        let judge = |target| bound.judge_on(&Facts::of(target, delegate, inventory), inventory);
        let mut judged = accepted.map(judge);
        // A `when` may skip exactly the targets that would be refused.
        if step.when.is_some() {
            let all: Vec<_> = judged.collect();
            return if all.iter().all(Result::is_err) { all.into_iter().next().unwrap_or(Ok(())) } else { Ok(()) };
        }
        judged.find(Result::is_err).unwrap_or(Ok(()))
    }
}
