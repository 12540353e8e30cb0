//! A plan, as data: what a run would do, with every step probed and compared, and nothing changed. How it is shown is elsewhere.

mod contacts;
mod dry_run;
mod gates;
mod outage;
mod planner;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use contacts::{Contact, contacts};
pub use gates::{KnownGate, gates};
pub use planner::plan;

use crate::event::StepKind;
use crate::failure::RecordedFailure;
use crate::leaves::{Leaves, Pointer, Visitor};
use crate::module::Change;
use crate::path::Path;
use crate::playbook::Outage;
use crate::task::TaskId;
use crate::text::Text;

/// A plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// The playbook's title.
    pub playbook: String,
    /// Its digest.
    pub playbook_digest: String,
    /// The inventory's digest.
    pub inventory_digest: String,
    /// Its outage, if its steps tell of one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub outage: Option<PlannedOutage>,
    /// Its phases.
    pub phases: Vec<PlannedPhase>,
}

/// The outage of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedOutage {
    /// The number of the step with which it begins.
    pub begins: usize,
    /// The number of the step with which it ends; left out if none does.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ends: Option<usize>,
    /// How many phases it touches.
    pub phases: usize,
    /// The budgets of these phases in milliseconds, each as a whole: it is planned to take no longer.
    pub budget_ms: u64,
    /// How many of these phases have no budget, so that the forecast leaves them out.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub unbudgeted: usize,
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl Plan {
    /// All steps in order.
    pub fn steps(&self) -> impl Iterator<Item = &PlannedStep> {
        self.phases.iter().flat_map(|phase| &phase.steps)
    }

    /// The worst verdict of all steps.
    pub fn verdict(&self) -> Verdict {
        self.steps().map(|step| step.verdict.clone()).max().unwrap_or(Verdict::Skipped)
    }
}

/// A phase of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedPhase {
    /// Its title.
    pub name: String,
    /// Its budget in milliseconds.
    pub budget_ms: Option<u64>,
    /// Whether it is the point of no return.
    pub point_of_no_return: bool,
    /// Its steps, those of blocks in their place.
    pub steps: Vec<PlannedStep>,
}

/// A step of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedStep {
    /// Its number in the plan, from 1.
    pub number: usize,
    /// Its path.
    pub path: Path,
    /// Its title.
    pub name: String,
    /// What it does.
    pub step: StepKind,
    /// Its place, as `file:line:col`.
    pub place: String,
    /// The worst verdict of its tasks.
    pub verdict: Verdict,
    /// Why it is skipped, or the gate's question.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub note: Option<Text>,
    /// Whether the outage begins or ends with it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub outage: Option<Outage>,
    /// Whether it is done in the outage.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub in_outage: bool,
    /// Whether it is looked at again right before the outage.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub before_outage: bool,
    /// Its tasks.
    pub tasks: Vec<PlannedTask>,
}

/// A task of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedTask {
    /// The task's name.
    pub task: TaskId,
    /// Its verdict.
    pub verdict: Verdict,
    /// The changes it would make, with the exact commands and requests.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub changes: Vec<Change>,
    /// Why it is refused or has to wait.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub reasons: Vec<Text>,
    /// The failure of its probe.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failure: Option<RecordedFailure>,
    /// The commands and requests that the probe sent.
    pub reads: Vec<String>,
}

/// What a run would make of a step, from best to worst.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Skipped: its condition does not hold, or tags do not match.
    Skipped,
    /// Everything is as wanted already.
    InSync,
    /// A person will be asked.
    Gate,
    /// It would wait for the world to converge.
    Wait,
    /// It would make changes.
    Change,
    /// It would run something whose effect cannot be probed.
    Run,
    /// It depends on another step: on its result, or on something that the other step alters.
    Depends {
        /// That step's number in the plan.
        number: usize,
        /// Its path.
        on: Path,
    },
    /// It would be refused as things are now, but earlier changes are not made yet.
    BlockedNow,
    /// It would be refused.
    Blocked,
    /// Its target cannot be reached.
    Unreachable,
    /// Its probe failed.
    Failed,
}

impl Leaves for Plan {
    fn leaves(&mut self, at: &mut Pointer, visitor: &mut dyn Visitor) {
        self.playbook.leaves(at, visitor);
        for step in self.phases.iter_mut().flat_map(|phase| &mut phase.steps) {
            step.name.leaves(at, visitor);
            step.note.leaves(at, visitor);
            for task in &mut step.tasks {
                task.changes.leaves(at, visitor);
                task.reasons.leaves(at, visitor);
                task.failure.leaves(at, visitor);
                task.reads.leaves(at, visitor);
            }
        }
        self.phases.iter_mut().for_each(|phase| phase.name.leaves(at, visitor));
    }
}
