//! The outcomes of comparing the wanted state with the probed one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::change::Change;
use crate::text::Text;

/// The outcome of comparing the wanted state with the probed one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Diff {
    /// Nothing to do.
    InSync,
    /// These changes, in order. Afterwards the engine probes and compares again until it sees `InSync`.
    Change(Vec<Change>),
    /// These changes, whose effect a probe cannot see (an arbitrary command). Carried out once; success is that the
    /// actions succeeded.
    Run(Vec<Change>),
    /// Nothing to do but wait: the world is converging. The engine probes again until the step's timeout.
    Waiting(Waiting),
    /// Refused: doing it would be unsafe, or a condition does not hold. All reasons, not only the first.
    Blocked(Vec<Text>),
}

impl Diff {
    /// Waiting without a measure of progress.
    pub fn waiting(why: Text) -> Self {
        Self::Waiting(Waiting { why, progress: None })
    }

    /// Refused for these reasons.
    pub fn refused(reasons: impl IntoIterator<Item = Text>) -> Self {
        Self::Blocked(reasons.into_iter().collect())
    }

    /// Refused for one reason.
    pub fn blocked(why: Text) -> Self {
        Self::Blocked(vec![why])
    }
}

/// What is waited for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Waiting {
    /// A sentence: `2 of 3 pods are ready`.
    pub why: Text,
    /// How far it has come, if that can be measured.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub progress: Option<Progress>,
}

/// How far something has come.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Progress {
    /// 0 to 100.
    pub percent: f64,
    /// Estimated seconds until it is finished.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub eta_seconds: Option<u64>,
}
