//! Tasks and changes, and what identifies them in a run.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::path::Path;
use crate::target::Target;

/// Identifies a task: one target of a step, in one pass of each loop around it and of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct TaskId {
    /// The step's path; with the pass of its own loop, if it has one.
    pub path: Path,
    /// The target.
    pub target: Target,
}

impl fmt::Display for TaskId {
    /// `p/each[2]@here/a`, as `--repeat` accepts it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.path, self.target)
    }
}

/// The number of a change in a run: assigned when it is begun, never reused, the same when it is begun again after its
/// outcome was not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct ChangeId(pub u64);

impl fmt::Display for ChangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}
