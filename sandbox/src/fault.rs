//! Faults on purpose: what a rehearsal can break, and when.

use serde::{Deserialize, Serialize};

/// One planned fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// Matches the place and text of a command or request (`primary/worker01$ mkfs.ext4`), as a plan prints it: every
    /// fragment must occur in it.
    pub when: Vec<String>,
    /// How many matches are let through first.
    #[serde(default)]
    pub skip: usize,
    /// How often it strikes.
    pub times: usize,
    /// What happens.
    pub kind: FaultKind,
}

/// What a fault does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The command ends with this exit code (a request: with this HTTP status) and has no effect.
    Fail(i32),
    /// It never answers.
    Hang,
    /// The connection is lost before it has any effect.
    LoseBefore,
    /// It has its effect, and then the connection is lost.
    LoseAfter,
}
