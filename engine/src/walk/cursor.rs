//! The cursor: asks the innermost frame for its next visit, and tells frames how their parts ended.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::frame::{BlockFrame, Frame, Phases, Steps};
use super::{Decision, End, Environment, Names, StepVisit};
use crate::event::Section;
use crate::execute::Tags;
use crate::path::Path;
use crate::playbook::{Phase, Playbook, Step, StepKind};
use crate::run::Run;
use crate::walk::expressions;

/// What a walk is for.
#[derive(Clone, Copy)]
pub(crate) enum Mode<'a> {
    /// Conditions and loops are evaluated, skipped blocks are not entered, and the ends of steps decide what comes next.
    Execute(&'a Run),
    /// Conditions and loops are evaluated as far as possible; skipped steps are visited with the reason.
    Plan(&'a Run),
    /// Nothing is evaluated, and everything in the playbook is visited once.
    Check,
}

impl Mode<'_> {
    pub(super) fn executes(self) -> bool {
        matches!(self, Self::Execute(_))
    }
}

/// One visit of a walk.
pub(crate) enum Visit<'a> {
    /// A phase begins. Its steps follow, unless it is skipped.
    PhaseBegins {
        /// Its number, from 1.
        index: usize,
        /// The phase.
        phase: &'a Phase,
        /// The variables around its steps.
        environment: Environment<'a>,
    },
    /// A phase ended.
    PhaseEnds {
        /// Its number, from 1.
        index: usize,
        /// The phase.
        phase: &'a Phase,
        /// How.
        end: End,
    },
    /// A step with a module or a gate, to be answered by [`Cursor::ended`]; or a block, to be answered by that or by
    /// [`Cursor::enter`], after which its steps follow.
    Step(StepVisit<'a>),
    /// A section of a block ended, and another one follows.
    SectionEnds {
        /// The block's path, with the pass of its loop.
        path: Path,
        /// Which section.
        section: Section,
        /// How.
        end: End,
    },
    /// The `rescue` or `always` section of a block begins.
    SectionBegins {
        /// The block's path, with the pass of its loop.
        path: Path,
        /// Which section.
        section: Section,
        /// Whether an earlier execution has been through the sections before it.
        taken_up: bool,
    },
    /// A block that was entered ended.
    BlockEnds {
        /// The block.
        visit: StepVisit<'a>,
        /// How, its `allow_failure` taken into account.
        end: End,
        /// Whether its loop had passes to make, and none of them was made.
        passed_over: bool,
    },
}

/// The section that a block had reached when a run was stopped, and how its earlier sections had ended.
#[derive(Debug, Clone)]
pub(crate) struct Reached {
    /// The section to go on with.
    pub(crate) section: Section,
    /// How the sections before it ended.
    pub(crate) before: End,
}

/// Walks a playbook, or a list of steps in it.
pub(crate) struct Cursor<'a> {
    mode: Mode<'a>,
    tags: &'a Tags,
    frames: Vec<Frame<'a>>,
    /// The block that was visited and not answered yet.
    open: Option<StepVisit<'a>>,
    /// The sections that blocks had reached, by path.
    reached: BTreeMap<Path, Reached>,
    /// The blocks, and passes of blocks, whose conditions an earlier execution found to hold.
    entered: Option<&'a BTreeSet<Path>>,
    /// Why nothing more is begun, if so.
    halted: Option<End>,
    end: End,
    /// The results registered so far.
    pub(crate) names: Names,
}

impl<'a> Cursor<'a> {
    /// A cursor at the beginning of a playbook.
    pub(crate) fn new(playbook: &'a Playbook, mode: Mode<'a>, tags: &'a Tags) -> Self {
        let environment = Environment::default().with(&playbook.vars);
        Self::on(mode, tags, Frame::Phases(Phases::new(&playbook.phases, environment)))
    }

    /// A cursor at the beginning of a list of steps, which are at a path.
    pub(crate) fn over(
        mode: Mode<'a>,
        tags: &'a Tags,
        steps: &'a [Step],
        outer: (&str, &Path),
        environment: Environment<'a>,
    ) -> Self {
        Self::on(mode, tags, Frame::Steps(Steps::new(steps, outer, environment)))
    }

    fn on(mode: Mode<'a>, tags: &'a Tags, frame: Frame<'a>) -> Self {
        Self {
            mode,
            tags,
            frames: vec![frame],
            open: None,
            reached: BTreeMap::new(),
            entered: None,
            halted: None,
            end: End::new(),
            names: Names::default(),
        }
    }

    /// Resumes blocks at the sections that an earlier execution had reached. Blocks that it entered are entered again.
    pub(crate) fn going_on(mut self, reached: BTreeMap<Path, Reached>, entered: &'a BTreeSet<Path>) -> Self {
        (self.reached, self.entered) = (reached, Some(entered));
        self
    }

    /// Starts with results that earlier steps have registered.
    pub(crate) fn with_names(mut self, names: Names) -> Self {
        self.names = names;
        self
    }

    /// Begins nothing more: what is open ends, from the inside out.
    pub(crate) fn halt(&mut self, end: End) {
        self.halted.get_or_insert(end);
    }

    /// How everything ended, once no visit is left.
    pub(crate) fn end(self) -> End {
        self.end
    }

    /// The names of results that the steps before the next one should have registered and did not, because they failed.
    pub(crate) fn unmet(&self) -> Vec<String> {
        let absent = |name: &&String| !self.names.registered.contains_key(*name);
        let of_frame = |(own, inner): (&'_ BTreeSet<String>, &'_ BTreeSet<String>)| {
            own.iter().chain(inner.iter().filter(absent)).cloned().collect::<Vec<_>>()
        };
        self.frames.iter().filter_map(Frame::unmet).flat_map(of_frame).collect()
    }

    /// The next visit; `None` at the end.
    pub(crate) fn next(&mut self) -> Option<Visit<'a>> {
        loop {
            if let Some(end) = &self.halted
                && let Some(frame) = self.frames.last_mut()
            {
                frame.halt(end.clone());
            }
            match self.frames.last_mut()? {
                Frame::Phases(phases) => match phases.next() {
                    Some((index, phase, environment)) => {
                        self.frames.push(Frame::Steps(Steps::of_phase(index, phase, environment.clone())));
                        return Some(Visit::PhaseBegins { index, phase, environment });
                    }
                    None => self.pop(),
                },
                Frame::Steps(steps) => match steps.next() {
                    Some((step, path)) => {
                        let siblings = steps.siblings();
                        let (environment, skip) = (steps.environment.clone(), steps.skip.clone());
                        let leaves_result = steps.leaves_results;
                        let decision = match skip {
                            Some(decision) => decision,
                            None => self.decide(step, &path, siblings, &environment),
                        };
                        let visit = StepVisit { step, path, environment, decision, leaves_result };
                        if matches!(step.kind, StepKind::Block { .. }) {
                            self.open = Some(visit.clone());
                        }
                        return Some(Visit::Step(visit));
                    }
                    None => {
                        if let Some(visit) = self.leave() {
                            return Some(visit);
                        }
                    }
                },
                Frame::Block(block) => {
                    if let Some(visit) = block.announce() {
                        return Some(visit);
                    }
                    let (mode, names, entered) = (self.mode, &self.names, self.entered);
                    let admits = |path: &Path, step: &Step, inner: &Environment<'_>| {
                        decided(entered, path, step).unwrap_or_else(|| admits(mode, step, inner, names))
                    };
                    match block.next(mode, &admits) {
                        Some(steps) => {
                            let begins = steps.begins.clone();
                            self.frames.push(Frame::Steps(steps));
                            if let Some((path, section, taken_up)) = begins {
                                return Some(Visit::SectionBegins { path, section, taken_up });
                            }
                        }
                        None => {
                            let Some(Frame::Block(block)) = self.frames.pop() else { return None };
                            if !block.forgives() {
                                // The run only gets past this block if it ended well, and then all its results are there again.
                                let unknown = &mut self.names.unknown;
                                unknown.retain(|name, path| block.in_question.get(name) != Some(path));
                            }
                            let (visit, mut end, passed_over) = block.into_end();
                            if visit.step.allow_failure {
                                end = end.allowed();
                            }
                            self.ended(end.clone());
                            return Some(Visit::BlockEnds { visit, end, passed_over });
                        }
                    }
                }
            }
        }
    }

    /// Reports how the visited step ended.
    pub(crate) fn ended(&mut self, end: End) {
        self.open = None;
        match self.frames.last_mut() {
            Some(Frame::Steps(steps)) => steps.ended(end),
            _ => self.end.absorb(end),
        }
    }

    /// Reports that the visited step was skipped, because it needs the result of a check that failed.
    pub(crate) fn left_unmet(&mut self, step: &Step) {
        let steps = |frame: &mut Frame<'a>| match frame {
            Frame::Steps(steps) => steps.lacks(step),
            _ => false,
        };
        self.frames.iter_mut().any(steps);
        self.ended(End::new());
    }

    /// Enters the visited block: its steps come next.
    pub(crate) fn enter(&mut self) {
        let Some(visit) = self.open.take() else { return };
        let mut inner = visit.environment.with(&visit.step.vars);
        inner.aim(visit.step.target.as_ref());
        let skip = match (&visit.decision, self.mode) {
            (Decision::Run, _) | (_, Mode::Execute(_) | Mode::Check) => None,
            (decision, Mode::Plan(_)) => Some(decision.clone()),
        };
        let elements = match (self.mode, &skip) {
            (Mode::Check, _) | (Mode::Plan(_), Some(_)) => Ok(match visit.step.loop_over {
                Some(_) => vec![Some(super::Element::unknown())],
                None => vec![None],
            }),
            (Mode::Execute(run) | Mode::Plan(run), _) => expressions::elements_of(run, visit.step, &inner, &self.names),
        };
        match elements {
            Ok(elements) => {
                let reached = std::mem::take(&mut self.reached);
                let mut frame = BlockFrame::new(visit, inner, elements, skip, &reached);
                self.reached = reached;
                if matches!(self.frames.last(), Some(Frame::Steps(steps)) if steps.is_check_all()) {
                    frame.checks_all();
                }
                self.frames.push(Frame::Block(Box::new(frame)));
            }
            Err(unrendered) if matches!(self.mode, Mode::Plan(_)) => {
                // The loop's elements are not known yet, so its steps are visited once.
                let skip = Some(match unrendered {
                    super::Unrendered::Unknown(path) => Decision::Unknown(path),
                    other => Decision::Fault(other.into()),
                });
                let elements = vec![Some(super::Element::unknown())];
                self.frames.push(Frame::Block(Box::new(BlockFrame::new(
                    visit,
                    inner,
                    elements,
                    skip,
                    &BTreeMap::new(),
                ))));
            }
            Err(unrendered) => {
                let mut frame = BlockFrame::new(visit, inner, Vec::new(), None, &BTreeMap::new());
                frame.absorb(End::failed(unrendered.into()));
                self.frames.push(Frame::Block(Box::new(frame)));
            }
        }
    }

    /// Skips the steps of the phase that has just begun, for a reason that a plan shows.
    pub(crate) fn skip_phase(&mut self, decision: Decision) {
        if let Some(Frame::Steps(steps)) = self.frames.last_mut() {
            match self.mode {
                Mode::Execute(_) => steps.finish(match decision {
                    Decision::Fault(failure) => End::failed(failure),
                    _ => End::new(),
                }),
                Mode::Plan(_) | Mode::Check => steps.skip = Some(decision),
            }
        }
    }

    /// Leaves the innermost list of steps, and reports its end to the enclosing frame.
    fn leave(&mut self) -> Option<Visit<'a>> {
        let Some(Frame::Steps(steps)) = self.frames.pop() else { return None };
        let (end, phase) = (steps.end, steps.phase);
        match self.frames.last_mut() {
            Some(Frame::Phases(phases)) => {
                phases.ended(end.clone(), self.mode);
                phase.map(|(index, phase)| Visit::PhaseEnds { index, phase, end })
            }
            Some(Frame::Block(block)) => {
                if matches!(self.mode, Mode::Plan(_)) {
                    for (name, path) in block.in_question() {
                        if let Entry::Vacant(unknown) = self.names.unknown.entry(name) {
                            block.in_question.insert(unknown.key().clone(), path.clone());
                            unknown.insert(path);
                        }
                    }
                }
                block.section_ended(end, self.mode);
                None
            }
            _ => {
                self.end.absorb(end);
                None
            }
        }
    }

    fn pop(&mut self) {
        if let Some(Frame::Phases(phases)) = self.frames.pop() {
            self.end.absorb(phases.end);
        }
    }

    fn decide(&self, step: &Step, path: &Path, siblings: &[Step], environment: &Environment<'a>) -> Decision {
        let (Mode::Execute(run) | Mode::Plan(run)) = self.mode else { return Decision::Run };
        if !self.selected(step, siblings) {
            return Decision::Skip(crate::text!("engine.not-selected", "not selected by tags"));
        }
        let (StepKind::Block { .. }, Some(when)) = (&step.kind, &step.when) else { return Decision::Run };
        if self.entered.is_some_and(|entered| entered.contains(path)) {
            return Decision::Run;
        }
        if step.loop_over.is_some() {
            // The condition may depend on the element, so it is evaluated for each pass.
            return Decision::Run;
        }
        let mut inner = environment.with(&step.vars);
        inner.aim(step.target.as_ref());
        expressions::decide(run, when, &inner, &self.names)
    }

    /// Whether tags let a step run. A gate guards the steps beside it, so it is asked if one of them runs.
    fn selected(&self, step: &Step, siblings: &[Step]) -> bool {
        match &step.kind {
            StepKind::Module { .. } => self.tags.select(&step.tags),
            StepKind::Gate(_) => {
                let mut others = siblings.iter().filter(|other| !matches!(other.kind, StepKind::Gate(_)));
                self.tags.select(&step.tags) || others.any(|other| self.any_selected(other))
            }
            // A block's steps have inherited its tags and are matched one by one.
            StepKind::Block { .. } => true,
        }
    }

    /// Whether a step, or one inside it, is selected.
    fn any_selected(&self, step: &Step) -> bool {
        match &step.kind {
            StepKind::Block { block, rescue, always } => {
                [block, rescue, always].into_iter().flatten().any(|inner| self.any_selected(inner))
            }
            _ => self.tags.select(&step.tags),
        }
    }
}

/// An earlier execution's decision about a pass of a block's loop: it was entered, or skipped before a later one.
fn decided(entered: Option<&BTreeSet<Path>>, pass: &Path, step: &Step) -> Option<Decision> {
    let (entered, when) = (entered?, step.when.as_ref()?);
    if entered.contains(pass) {
        return Some(Decision::Run);
    }
    let position = |path: &Path| path.item().map(|item| item.position);
    let later = |other: &Path| position(other) > position(pass) && other.step() == pass.step();
    entered.iter().any(later).then(|| Decision::Skip(expressions::why_not(when)))
}

/// Whether a pass of a block's loop runs.
fn admits(mode: Mode<'_>, step: &Step, inner: &Environment<'_>, names: &Names) -> Decision {
    match (mode, &step.when, &step.loop_over) {
        (Mode::Execute(run) | Mode::Plan(run), Some(when), Some(_)) => expressions::decide(run, when, inner, names),
        _ => Decision::Run,
    }
}
