//! Why a step could not be done, as a journal records it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::text::Text;

/// The class of a failure; decides the exit code and what the engine may do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// The step was tried and failed. Retried while attempts are left.
    Failed,
    /// The value of a template or parameter is wrong. Never retried.
    Invalid,
    /// Refused because it would be unsafe, or because a check does not hold. Retried only if the step has `retry`.
    Blocked,
    /// The target could not be reached, or the connection was lost before anything was sent.
    Unreachable,
    /// The connection was lost, time ran out, or a program gave up waiting, after an action was sent: it may or may not have
    /// happened.
    OutcomeUnknown,
    /// An attempt's `timeout` ran out.
    TimedOut,
    /// The operator stopped the run.
    Stopped,
    /// A rehearsal asked for something that is not simulated: its outcome in the real world is not known.
    Unsimulated,
}

impl FailureClass {
    /// Whether it is unknown what was done.
    pub fn leaves_doubt(self) -> bool {
        matches!(self, Self::OutcomeUnknown | Self::TimedOut | Self::Stopped)
    }
}

/// A failure as recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RecordedFailure {
    /// Its class.
    pub class: FailureClass,
    /// What went wrong.
    pub message: Text,
    /// More lines.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub details: Vec<Text>,
    /// What to type next.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub help: Option<Text>,
    /// The place in the playbook, as `file:line:col`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub place: Option<String>,
}
