//! Finds the faults that can be known before anything runs: variables that nothing sets, targets that do not exist or are of the
//! wrong kind, literal parameters that a module refuses. Structure and types are checked by the loader.

mod names;
mod outage;
mod results;
mod step;
mod target;
mod written;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path as FilePath;
use std::sync::Arc;

use crate::execute::Tags;
use crate::inventory::Inventory;
use crate::module::Registry;
use crate::path::Path;
use crate::playbook::{INVARIANT_NAMES, Playbook, ReadFile, StepKind, load_partly};
use crate::run::builtins;
use crate::source::{Faults, Location};
use crate::walk::{Cursor, Element, End, Mode, StepVisit, Visit};

use names::Known;
use results::{Shape, Shapes};

/// Loads a playbook and reports every fault that can be known before it runs.
pub fn check_file(
    path: &FilePath,
    inventory: Option<&Inventory>,
    registry: &Registry,
    read: ReadFile<'_>,
) -> (Option<Playbook>, Faults) {
    let (playbook, mut faults) = load_partly(path, registry, read);
    if let Some(playbook) = &playbook {
        let reported = faults.0.iter().filter_map(|fault| fault.at.clone()).collect();
        faults.0.extend(check_beside(playbook, inventory, registry, reported).faults.0);
        faults.sort();
    }
    (playbook, faults)
}

/// Reports every fault of a loaded playbook that can be known before it runs.
pub fn check(playbook: &Playbook, inventory: Option<&Inventory>, registry: &Registry) -> Faults {
    check_beside(playbook, inventory, registry, Vec::new()).faults
}

/// The paths of everything that can ever be visited: steps, including those of blocks, of `rescue`, `always` and `undo`; without
/// the passes of loops, which are not known yet.
pub fn paths(playbook: &Playbook, registry: &Registry) -> Vec<Path> {
    check_beside(playbook, None, registry, Vec::new()).paths
}

fn check_beside<'a>(
    playbook: &'a Playbook,
    inventory: Option<&'a Inventory>,
    registry: &'a Registry,
    reported: Vec<Location>,
) -> Checker<'a> {
    let vars = inventory.iter().flat_map(|inventory| inventory.vars.keys());
    let defined = playbook.params.keys().chain(vars).map(String::as_str);
    let common: BTreeSet<Arc<str>> = builtins::ALWAYS.iter().copied().chain(defined).map(Arc::from).collect();
    let mut checker = Checker {
        inventory,
        registry,
        common,
        reported,
        modules: Shapes::default(),
        shapes: Arc::default(),
        ambiguous: BTreeSet::new(),
        paths: Vec::new(),
        faults: Faults::default(),
    };
    let tags = Tags::default();
    let mut known = checker.known(&Default::default(), &Default::default());
    checker.vars(&playbook.vars, &mut known);
    checker.invariants(playbook);
    checker.walk(Cursor::new(playbook, Mode::Check, &tags));
    checker.faults.0.extend(outage::faults(playbook));
    checker.faults.sort();
    checker
}

/// Collects faults.
struct Checker<'a> {
    inventory: Option<&'a Inventory>,
    registry: &'a Registry,
    /// The names that are known everywhere.
    common: BTreeSet<Arc<str>>,
    /// Where the loader found faults, so that serde does not report them a second time.
    reported: Vec<Location>,
    /// The shapes of the modules' results.
    modules: Shapes,
    /// The results that the steps so far register, by name.
    shapes: Arc<BTreeMap<String, Shape>>,
    /// Names that steps of several kinds register.
    ambiguous: BTreeSet<String>,
    paths: Vec<Path>,
    faults: Faults,
}

impl Checker<'_> {
    /// Checks everything that a cursor visits.
    fn walk(&mut self, mut cursor: Cursor<'_>) {
        while let Some(visit) = cursor.next() {
            match visit {
                Visit::PhaseBegins { phase, environment, .. } => {
                    let outer = environment.without(&phase.vars);
                    let mut known = self.known(&outer, &cursor.names);
                    if let Some(when) = &phase.when {
                        self.mentions(when, true, &known);
                    }
                    self.vars(&phase.vars, &mut known);
                }
                Visit::Step(visit) => {
                    self.paths.push(visit.path.clone());
                    let known = self.step(&visit, &cursor.names);
                    self.undo(&visit, &cursor);
                    if matches!(visit.step.kind, StepKind::Block { .. }) {
                        // Only a step whose kind is unknown gets its result here.
                        self.learn(&visit, &mut cursor);
                        cursor.enter();
                    } else {
                        self.learn(&visit, &mut cursor);
                        self.until(visit.step, &known, &cursor.names);
                        cursor.ended(End::new());
                    }
                }
                Visit::PhaseEnds { .. }
                | Visit::SectionBegins { .. }
                | Visit::SectionEnds { .. }
                | Visit::BlockEnds { .. } => {}
            }
        }
    }

    /// Checks what the author promises: it knows the world, parameters and the inventory's variables, and nothing of the run.
    fn invariants(&mut self, playbook: &Playbook) {
        let mut known = self.known(&Default::default(), &Default::default());
        known.learn(INVARIANT_NAMES);
        for invariant in &playbook.invariants {
            self.mentions(&invariant.that, true, &known);
        }
    }

    /// Checks a step's `undo:` steps. They see its result; their own results are out of scope afterwards.
    fn undo(&mut self, visit: &StepVisit<'_>, cursor: &Cursor<'_>) {
        let Some(steps) = &visit.step.undo else { return };
        let mut environment = visit.environment.with(&visit.step.vars);
        environment.target = visit.step.target.as_ref().or(environment.target);
        if visit.step.loop_over.is_some() {
            environment.element = Some(Element::unknown());
        }
        let tags = Tags::default();
        let mut names = cursor.names.clone();
        Arc::make_mut(&mut names.registered)
            .extend(visit.step.register.iter().map(|name| (name.clone(), serde_json::Value::Null)));
        let before = Arc::clone(&self.shapes);
        if let Some((name, shape)) = self.shape(visit) {
            Arc::make_mut(&mut self.shapes).insert(name, shape);
        }
        let outer = (visit.step.id.as_str(), &visit.path);
        self.walk(Cursor::over(Mode::Check, &tags, steps, outer, environment).with_names(names));
        self.shapes = before;
    }

    /// Brings a step's result into scope for the steps that follow.
    fn learn(&mut self, visit: &StepVisit<'_>, cursor: &mut Cursor<'_>) {
        if let Some(name) = &visit.step.register {
            Arc::make_mut(&mut cursor.names.registered).insert(name.clone(), serde_json::Value::Null);
            let shape = self.shape(visit).map(|(_, shape)| shape);
            // Any of several steps may be the last to register the name.
            let agrees = match (self.shapes.get(name), &shape) {
                (None, _) => !self.ambiguous.contains(name),
                (Some(before), Some(shape)) => before.is_like(shape),
                (Some(_), None) => false,
            };
            match shape.filter(|_| agrees) {
                Some(shape) => drop(Arc::make_mut(&mut self.shapes).insert(name.clone(), shape)),
                None => {
                    Arc::make_mut(&mut self.shapes).remove(name);
                    self.ambiguous.insert(name.clone());
                }
            }
        }
    }

    /// The name and shape of a step's registered result.
    fn shape(&mut self, visit: &StepVisit<'_>) -> Option<(String, Shape)> {
        let module = self.registry.get(visit.step.kind.module()?)?;
        let name = visit.step.register.clone()?;
        Some((name, Shape::of(self.modules.single(module), visit)))
    }

    fn known(&self, environment: &crate::walk::Environment<'_>, names: &crate::walk::Names) -> Known {
        let mut known = Known::new(&self.common);
        known.learn(builtins::sometimes().iter().copied());
        known.learn(names.registered.keys().map(String::as_str));
        known.learn_shapes(&self.shapes);
        known.learn(environment.names());
        if environment.element.is_some() {
            known.learn(["item", "item_index"]);
        }
        known
    }
}
