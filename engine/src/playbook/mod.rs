//! A playbook as loaded: phases of steps, templates still unrendered, includes already in place.

mod before;
mod decode;
mod inputs;
mod invariant;
mod load;
pub(crate) mod option;
mod params;
mod step;
#[cfg(test)]
mod tests;

pub use before::Before;
pub use decode::STEP_KINDS;
pub use inputs::resolve_params;
pub use invariant::{Invariant, NAMES as INVARIANT_NAMES};
pub use load::{ReadFile, load, load_partly};
pub use option::step_options;
pub use step::{BeforeOutage, Gate, OnUnreachable, Outage, Retry, Step, StepKind};

use std::sync::Arc;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::duration::HumanDuration;
use crate::source::{Location, Node, SourceFile};

/// A playbook.
#[derive(Debug, Clone)]
pub struct Playbook {
    /// The file it came from.
    pub source: Arc<SourceFile>,
    /// Its title.
    pub name: String,
    /// What it does, for people.
    pub description: Option<String>,
    /// The change window.
    pub window: Option<HumanDuration>,
    /// The playbooks that must have run before this one, which a rehearsal executes first.
    pub rehearse_after: Vec<Before>,
    /// What holds in the world after any fault.
    pub invariants: Vec<Invariant>,
    /// Its typed inputs.
    pub params: IndexMap<String, Param>,
    /// Its variables, unrendered, in order; later ones may use earlier ones.
    pub vars: Vec<(String, Node)>,
    /// Its phases.
    pub phases: Vec<Phase>,
    /// SHA-256 over the file and all files it includes, in hex.
    pub digest: String,
}

impl Playbook {
    /// All steps, depth first, in the order they stand (rescue and always sections, too).
    pub fn steps(&self) -> Vec<&Step> {
        self.phases.iter().flat_map(Phase::all_steps).collect()
    }
}

/// A typed input of a playbook.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Param {
    /// The type a value must have; the default's type if absent.
    #[serde(rename = "type", default)]
    pub kind: Option<ParamType>,
    /// The value if none is provided.
    #[serde(default)]
    pub default: Option<Value>,
    /// Whether a value must be provided.
    #[serde(default)]
    pub required: bool,
    /// The only values allowed.
    #[serde(default)]
    pub choices: Vec<Value>,
    /// The smallest number allowed.
    #[serde(default)]
    pub minimum: Option<f64>,
    /// The largest number allowed.
    #[serde(default)]
    pub maximum: Option<f64>,
    /// What it is, for people.
    #[serde(default)]
    pub description: Option<String>,
    /// Whether its value must never be shown.
    #[serde(default)]
    pub secret: bool,
}

/// The type of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ParamType {
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// A list.
    List,
    /// A mapping.
    Map,
    /// A duration such as `30s`.
    Duration,
    /// An absolute path below `/`, without `.` and `..`; a slash at its end is taken off.
    Path,
    /// A size that a disk has, such as `20Gi` or `500MB`.
    Size,
    /// The name of an object in Kubernetes: small letters, digits, `-` and `.`, at most 253.
    Name,
    /// The name of a label, with or without a prefix: `app`, `example.com/tenant`.
    Label,
}

/// A phase: a part of the window with its own budget.
#[derive(Debug, Clone)]
pub struct Phase {
    /// The first part of its steps' ids: the slug of its title, unique in the playbook.
    pub id: String,
    /// Its title.
    pub name: String,
    /// Its place.
    pub at: Location,
    /// The time it may take; a longer one is reported, not stopped.
    pub budget: Option<HumanDuration>,
    /// Whether it cannot be undone once one of its steps is done.
    pub point_of_no_return: bool,
    /// Whether all of its steps run even if one fails, so that the phase ends with the whole list of what does not hold.
    pub check_all: bool,
    /// Whether it runs at all: an expression.
    pub when: Option<Node>,
    /// Variables, unrendered.
    pub vars: Vec<(String, Node)>,
    /// Tags that its steps inherit.
    pub tags: Vec<String>,
    /// Its steps.
    pub steps: Vec<Step>,
}

impl Phase {
    /// All its steps, depth first.
    pub(crate) fn all_steps(&self) -> Vec<&Step> {
        all_steps(&self.steps)
    }
}

/// Steps with all that are inside of them, depth first.
pub(crate) fn all_steps<'a>(steps: impl IntoIterator<Item = &'a Step>) -> Vec<&'a Step> {
    steps.into_iter().flat_map(|step| std::iter::once(step).chain(step.inner())).collect()
}
