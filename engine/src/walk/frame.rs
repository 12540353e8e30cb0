//! The frames of a cursor: the phases, a list of steps, a block with its passes and sections. A frame knows its next part and
//! its progress.

use std::collections::{BTreeMap, BTreeSet};

use super::cursor::{Mode, Reached, Visit};
use super::{Decision, Element, End, Environment, StepVisit};
use crate::event::{Outcome, Section};
use crate::path::Path;
use crate::playbook::{Phase, Step, StepKind, all_steps};

/// One level of a walk.
pub(super) enum Frame<'a> {
    Phases(Phases<'a>),
    Steps(Steps<'a>),
    Block(Box<BlockFrame<'a>>),
}

impl Frame<'_> {
    /// Begins nothing more in it.
    pub(super) fn halt(&mut self, end: End) {
        match self {
            Self::Phases(phases) => phases.finish(end),
            Self::Steps(steps) => steps.finish(end),
            Self::Block(block) => block.finish(end),
        }
    }

    /// The results that failed steps of a phase that checks everything have not registered, and those that steps inside of
    /// them may not have.
    pub(super) fn unmet(&self) -> Option<(&BTreeSet<String>, &BTreeSet<String>)> {
        match self {
            Self::Steps(steps) => Some((&steps.unmet, &steps.inner_unmet)),
            _ => None,
        }
    }
}

/// The phases of a playbook.
pub(super) struct Phases<'a> {
    phases: &'a [Phase],
    next: usize,
    environment: Environment<'a>,
    pub(super) end: End,
}

impl<'a> Phases<'a> {
    pub(super) fn new(phases: &'a [Phase], environment: Environment<'a>) -> Self {
        Self { phases, next: 0, environment, end: End::new() }
    }

    pub(super) fn next(&mut self) -> Option<(usize, &'a Phase, Environment<'a>)> {
        let phase = self.phases.get(self.next)?;
        self.next += 1;
        Some((self.next, phase, self.environment.with(&phase.vars)))
    }

    pub(super) fn ended(&mut self, end: End, mode: Mode<'_>) {
        if end.failure.is_some() && mode.executes() {
            self.next = self.phases.len();
        }
        self.end.absorb(end);
    }

    fn finish(&mut self, end: End) {
        if self.next < self.phases.len() {
            self.next = self.phases.len();
            self.end.absorb(end);
        }
    }
}

/// A list of steps.
pub(super) struct Steps<'a> {
    steps: &'a [Step],
    next: usize,
    /// The id and path of their parent.
    outer: (String, Path),
    check_all: bool,
    unmet: BTreeSet<String>,
    /// Names that steps inside of failed blocks register, if they got so far.
    inner_unmet: BTreeSet<String>,
    pub(super) phase: Option<(usize, &'a Phase)>,
    /// The section that begins with them, and whether an earlier execution had got to it.
    pub(super) begins: Option<(Path, Section, bool)>,
    pub(super) environment: Environment<'a>,
    /// The reason why all of them are skipped or cannot run, if so.
    pub(super) skip: Option<Decision>,
    /// Whether skipped ones register that they were skipped.
    pub(super) leaves_results: bool,
    pub(super) end: End,
}

impl<'a> Steps<'a> {
    pub(super) fn new(steps: &'a [Step], (id, path): (&str, &Path), environment: Environment<'a>) -> Self {
        Self {
            steps,
            next: 0,
            outer: (id.to_owned(), path.clone()),
            check_all: false,
            unmet: BTreeSet::new(),
            inner_unmet: BTreeSet::new(),
            phase: None,
            begins: None,
            environment,
            skip: None,
            leaves_results: true,
            end: End::new(),
        }
    }

    pub(super) fn of_phase(index: usize, phase: &'a Phase, environment: Environment<'a>) -> Self {
        let steps = Self::new(&phase.steps, (&phase.id, &Path::of(&phase.id)), environment);
        Self { check_all: phase.check_all, phase: Some((index, phase)), ..steps }
    }

    pub(super) fn siblings(&self) -> &'a [Step] {
        self.steps
    }

    pub(super) fn next(&mut self) -> Option<(&'a Step, Path)> {
        let step = self.steps.get(self.next)?;
        self.next += 1;
        Some((step, path_of(step, &self.outer)))
    }

    /// Whether all of its steps run even if one fails.
    pub(super) fn is_check_all(&self) -> bool {
        self.check_all
    }

    /// Adds how the latest step ended.
    pub(super) fn ended(&mut self, end: End) {
        let (failed, stopped) = (end.failure.is_some(), end.is_interrupted());
        self.end.absorb(end);
        if failed && self.check_all && !stopped {
            let step = self.next.checked_sub(1).and_then(|index| self.steps.get(index));
            step.into_iter().for_each(|step| self.misses(step));
        } else if failed {
            self.next = self.steps.len();
        }
    }

    /// Records that a step was skipped for want of a result: the results of it and of the steps inside it are missing as well.
    /// Returns whether this list goes on after failed checks.
    pub(super) fn lacks(&mut self, step: &Step) -> bool {
        if self.check_all {
            self.misses(step);
        }
        self.check_all
    }

    fn misses(&mut self, step: &Step) {
        self.unmet.extend(step.register.clone());
        self.inner_unmet.extend(step.inner().into_iter().filter_map(|inner| inner.register.clone()));
    }

    /// Begins no further step.
    pub(super) fn finish(&mut self, end: End) {
        if self.next < self.steps.len() {
            self.next = self.steps.len();
            self.end.absorb(end);
        }
    }
}

/// The path of a step in its parent: the rest of its id.
pub(super) fn path_of(step: &Step, (id, path): &(String, Path)) -> Path {
    let rest = step.id.strip_prefix(id.as_str()).unwrap_or(&step.id);
    path.join(rest)
}

/// Decides whether a pass runs, with the variables around it.
type Admits<'f> = &'f dyn Fn(&Path, &Step, &Environment<'_>) -> Decision;

/// A block that was entered.
pub(super) struct BlockFrame<'a> {
    visit: StepVisit<'a>,
    environment: Environment<'a>,
    /// The passes that are left, the next one last: its number, its element, and where to go on in it.
    passes: Vec<(Path, Option<Element>, Reached)>,
    pass: Option<Pass>,
    skip: Option<Decision>,
    /// How the current pass has gone so far.
    left_out: Option<Decision>,
    /// Whether a pass of its loop was made.
    made: bool,
    /// A section that ended, to be announced.
    ended: Option<(Path, Section, End)>,
    /// Whether all of its steps run even if one fails, as in the list that it stands in.
    check_all: bool,
    /// Results that a plan does not know inside the block, and knows again after it.
    pub(super) in_question: BTreeMap<String, Path>,
    end: End,
}

/// The current pass.
struct Pass {
    path: Path,
    /// The section that comes next; `None` after the last one.
    next: Option<Section>,
    /// The current section.
    current: Section,
    /// Whether any of its steps was begun.
    began: bool,
    /// Whether the walk goes on in it, without the sections before.
    taken_up: bool,
    end: End,
}

impl<'a> BlockFrame<'a> {
    pub(super) fn new(
        visit: StepVisit<'a>,
        environment: Environment<'a>,
        elements: Vec<Option<Element>>,
        skip: Option<Decision>,
        reached: &BTreeMap<Path, Reached>,
    ) -> Self {
        let pass = |element: Option<Element>| {
            let path = match &element {
                Some(element) => element.path(&visit.path),
                None => visit.path.clone(),
            };
            let from_start = || Reached { section: Section::Block, before: End::new() };
            let reached = reached.get(&path).cloned().unwrap_or_else(from_start);
            (path, element, reached)
        };
        let passes = elements.into_iter().rev().map(pass).collect();
        Self {
            visit,
            environment,
            passes,
            pass: None,
            skip,
            left_out: None,
            made: false,
            ended: None,
            check_all: false,
            in_question: BTreeMap::new(),
            end: End::new(),
        }
    }

    /// Lets all of its steps run even if one fails: it stands in a list of checks. Not where a failure leads to other steps, or to
    /// the end of a loop.
    pub(super) fn checks_all(&mut self) {
        let more = [Section::Rescue, Section::Always].into_iter().any(|section| !self.steps_of(section).is_empty());
        self.check_all = !more && !self.is_looped() && !self.visit.step.allow_failure;
    }

    pub(super) fn absorb(&mut self, end: End) {
        self.end.absorb(end);
    }

    fn sections(&self) -> [(Section, &'a [Step]); 3] {
        let StepKind::Block { block, rescue, always } = &self.visit.step.kind else {
            return [(Section::Block, &[]), (Section::Rescue, &[]), (Section::Always, &[])];
        };
        [(Section::Block, block.as_slice()), (Section::Rescue, rescue.as_slice()), (Section::Always, always.as_slice())]
    }

    fn steps_of(&self, wanted: Section) -> &'a [Step] {
        self.sections().into_iter().find(|(section, _)| *section == wanted).map_or(&[], |(_, steps)| steps)
    }

    /// A section that ended and is followed by another one.
    pub(super) fn announce(&mut self) -> Option<Visit<'a>> {
        let (path, section, end) = self.ended.take()?;
        Some(Visit::SectionEnds { path, section, end })
    }

    /// The results that may be missing once the first section has ended, because something in it failed and the run went on, with
    /// the steps that register them.
    pub(super) fn in_question(&self) -> BTreeMap<String, Path> {
        let mut names = BTreeMap::new();
        let Some(pass) = self.pass.as_ref().filter(|pass| pass.current == Section::Block) else { return names };
        let goes_on = |(section, steps): &(Section, &[Step])| *section != Section::Block && !steps.is_empty();
        let left_out = matches!(self.left_out, Some(Decision::Skip(_)));
        if !left_out && (self.visit.step.allow_failure || self.sections().iter().any(goes_on)) {
            let outer = (self.visit.step.id.clone(), pass.path.clone());
            let steps = all_steps(self.steps_of(Section::Block).iter().chain(self.steps_of(Section::Rescue)));
            names.extend(steps.iter().filter_map(|step| Some((step.register.clone()?, path_of(step, &outer)))));
        }
        names
    }

    /// Whether the run goes on after the block though something in it has failed.
    pub(super) fn forgives(&self) -> bool {
        self.visit.step.allow_failure || self.visit.step.has_rescue()
    }

    /// The steps that come next.
    pub(super) fn next(&mut self, mode: Mode<'_>, admits: Admits<'_>) -> Option<Steps<'a>> {
        loop {
            if self.pass.is_none() {
                let failed = self.end.failure.is_some() && mode.executes();
                let (path, element, reached) = self.passes.pop().filter(|_| !failed)?;
                if element.is_some() {
                    self.environment.element = element;
                }
                let decision = self.skip.clone().unwrap_or_else(|| admits(&path, self.visit.step, &self.environment));
                self.left_out = (decision != Decision::Run).then(|| decision.clone());
                self.made |= !matches!(decision, Decision::Skip(_));
                match decision {
                    Decision::Skip(_) if mode.executes() => continue,
                    Decision::Fault(failure) if mode.executes() => {
                        self.end.absorb(End::failed(failure));
                        return None;
                    }
                    _ => {}
                }
                let Reached { section, before } = reached;
                let taken_up = section != Section::Block;
                self.pass =
                    Some(Pass { path, next: Some(section), current: section, began: false, taken_up, end: before });
            }
            let pass = self.pass.as_mut()?;
            let Some(section) = pass.next.take() else {
                let pass = self.pass.take()?;
                self.end.absorb(pass.end);
                continue;
            };
            (pass.current, pass.began) = (section, false);
            let (path, failed) = (pass.path.clone(), pass.end.failure.is_some());
            let wanted = match (section, mode) {
                (Section::Block | Section::Always, _) | (_, Mode::Check) => true,
                (Section::Rescue, Mode::Plan(_)) => false,
                // An interrupted `rescue` is resumed; after a good end there is nothing to rescue.
                (Section::Rescue, Mode::Execute(_)) => failed,
            };
            let list = self.steps_of(section);
            if list.is_empty() || !wanted {
                self.section_ended(End::new(), mode);
                continue;
            }
            let mut steps = Steps::new(list, (&self.visit.step.id, &path), self.environment.clone());
            steps.check_all = self.check_all;
            steps.skip.clone_from(&self.left_out);
            let passed_over =
                self.is_looped() && self.skip.is_none() && matches!(self.left_out, Some(Decision::Skip(_)));
            steps.leaves_results = self.visit.leaves_result && !passed_over;
            if let Some(pass) = &mut self.pass {
                pass.began = true;
                let taken_up = std::mem::take(&mut pass.taken_up);
                steps.begins = (section != Section::Block).then_some((path, section, taken_up));
            }
            if section == Section::Rescue
                && let Some(pass) = &mut self.pass
            {
                // A `rescue` that ends well has dealt with the failure of the block.
                pass.end = End::well(Outcome::FailedAllowed);
            }
            return Some(steps);
        }
    }

    /// Adds how a section ended.
    pub(super) fn section_ended(&mut self, end: End, mode: Mode<'_>) {
        let more = |section: Section| !self.steps_of(section).is_empty();
        let (rescue, always) = (more(Section::Rescue), more(Section::Always));
        let Some(pass) = &mut self.pass else { return };
        let stopped = end.is_interrupted();
        pass.end.absorb(end.clone());
        pass.next = match pass.current {
            _ if stopped => None,
            Section::Block => Some(Section::Rescue),
            Section::Rescue => Some(Section::Always),
            Section::Always => None,
        };
        let followed = match pass.current {
            Section::Block => rescue || always,
            Section::Rescue => rescue,
            Section::Always => always,
        };
        if mode.executes() && followed && !stopped && (pass.began || pass.current == Section::Block) {
            self.ended = Some((pass.path.clone(), pass.current, end));
        }
    }

    /// Begins no further section or pass.
    fn finish(&mut self, end: End) {
        let has = |section: Section| !self.steps_of(section).is_empty();
        let unfinished = self.pass.as_ref().is_some_and(|pass| match pass.next {
            Some(Section::Block) => true,
            Some(Section::Rescue) => has(Section::Always) || pass.end.failure.is_some() && has(Section::Rescue),
            Some(Section::Always) => has(Section::Always),
            None => false,
        });
        if let Some(pass) = &mut self.pass
            && unfinished
            && pass.next == Some(Section::Rescue)
            && pass.end.failure.is_some()
        {
            // The failure is not the block's end yet: a resumed run takes it to `rescue`.
            if self.visit.step.has_rescue() {
                pass.end = End::well(Outcome::FailedAllowed);
            }
        }
        if unfinished || !self.passes.is_empty() {
            self.end.absorb(end);
        }
        self.passes.clear();
        if let Some(pass) = &mut self.pass {
            pass.next = None;
        }
    }

    fn is_looped(&self) -> bool {
        self.visit.step.loop_over.is_some()
    }

    /// The block, how it ended, and whether no pass of its loop was made.
    pub(super) fn into_end(self) -> (StepVisit<'a>, End, bool) {
        let passed_over = self.is_looped() && self.skip.is_none() && !self.made && self.end.failure.is_none();
        (self.visit, self.end, passed_over)
    }
}
