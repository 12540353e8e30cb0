//! Walks the tree of a playbook: the one place that knows the order of steps, the scope of each, and the effect of loops,
//! conditions, tags and sections. Execution, undo, plan and check all ask a [`Cursor`] for the next visit, and report to it how
//! the last one ended.

mod access;
mod cursor;
mod enter;
mod environment;
mod expressions;
mod frame;
mod needs;
mod prepare;
mod ready;
mod targets;

pub(crate) use cursor::{Cursor, Mode, Reached, Visit};
pub(crate) use enter::{changed, enter};
pub(crate) use environment::{Element, Environment, Names, Unrendered};
pub(crate) use expressions::{approves, decide, gate_texts, why_not};
pub(crate) use needs::mentions;
pub(crate) use prepare::{Task, targets_of, title};
pub(crate) use ready::prepare;
pub(crate) use targets::resolve;

use crate::event::Outcome;
use crate::failure::{Failure, FailureClass};
use crate::path::Path;
use crate::playbook::Step;
use crate::text::Text;

/// A step that is visited.
#[derive(Clone)]
pub(crate) struct StepVisit<'a> {
    /// The step.
    pub(crate) step: &'a Step,
    /// Its path: with the passes of the loops around it, without that of its own.
    pub(crate) path: Path,
    /// The variables around it; not its own.
    pub(crate) environment: Environment<'a>,
    /// The decision of tags and, for a block, of its condition.
    pub(crate) decision: Decision,
    /// Whether it registers that it was skipped, if it is. In a pass of a loop that is passed over it does not:
    /// another pass may have left one.
    pub(crate) leaves_result: bool,
}

/// Whether a step runs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Decision {
    /// It runs. The condition of a module's step is asked for each task.
    Run,
    /// It is skipped.
    Skip(Text),
    /// That depends on the result of a step that has not run: its path.
    Unknown(Path),
    /// Its condition or its loop cannot be evaluated.
    Fault(Failure),
}

/// How a part of a run ended.
#[derive(Debug, Clone)]
pub(crate) struct End {
    /// The worst outcome in it.
    pub(crate) outcome: Outcome,
    /// What went wrong first.
    pub(crate) failure: Option<Failure>,
    /// Whether something in it was interrupted, whatever else went wrong.
    interrupted: bool,
}

impl End {
    /// Nothing happened yet.
    pub(crate) fn new() -> Self {
        Self::of(Outcome::Skipped, None)
    }

    /// It ended well.
    pub(crate) fn well(outcome: Outcome) -> Self {
        Self::of(outcome, None)
    }

    /// A failure.
    pub(crate) fn failed(failure: Failure) -> Self {
        Self::of(outcome_of(failure.class), Some(failure))
    }

    /// An outcome, with what went wrong.
    pub(crate) fn of(outcome: Outcome, failure: Option<Failure>) -> Self {
        let interrupts = |failure: &Failure| failure.class == FailureClass::Stopped || failure.unanswered;
        Self { outcome, interrupted: failure.as_ref().is_some_and(interrupts), failure }
    }

    /// Adds how a part of it ended.
    pub(crate) fn absorb(&mut self, part: Self) {
        self.outcome = self.outcome.max(part.outcome);
        self.interrupted |= part.interrupted;
        // A failure that a person has to decide outweighs one that the playbook may handle.
        let is_question = |end: &Self| end.failure.as_ref().is_some_and(|failure| failure.unanswered);
        if self.failure.is_none() || is_question(&part) && !is_question(self) {
            self.failure = part.failure;
        }
    }

    /// Whether it was interrupted: the operator stopped it, or a person has to look before it goes on. It is resumed where it
    /// stopped; `rescue` and `allow_failure` do not apply.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.interrupted
    }

    /// How it counts for the run if its failure is allowed.
    pub(crate) fn allowed(mut self) -> Self {
        if self.outcome > Outcome::FailedAllowed && !self.is_interrupted() {
            self = Self::well(Outcome::FailedAllowed);
        }
        self
    }
}

/// The outcome that a failure of a class makes.
pub(crate) fn outcome_of(class: FailureClass) -> Outcome {
    match class {
        FailureClass::Blocked => Outcome::Blocked,
        FailureClass::Unreachable => Outcome::Unreachable,
        FailureClass::Stopped => Outcome::Stopped,
        FailureClass::Failed
        | FailureClass::Invalid
        | FailureClass::OutcomeUnknown
        | FailureClass::TimedOut
        | FailureClass::Unsimulated => Outcome::Failed,
    }
}
