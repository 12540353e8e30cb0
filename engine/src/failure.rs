//! Why a step could not be done, by class. Every class has its exit code. Faults of files are [`crate::source::Fault`].

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::source::Location;
use crate::world::TransportFault;

/// The class of a failure; decides the exit code and what the engine may do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// The step was tried and failed. Retried while attempts are left.
    Failed,
    /// A value that came out of a template or parameter is wrong. Never retried.
    Invalid,
    /// Refused because it would be unsafe, or a check does not hold. Retried only if the step has `retry`.
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
}

/// A failure with all that a person needs at two in the morning.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The class.
    pub class: FailureClass,
    /// What went wrong: lower case, no trailing period.
    pub message: String,
    /// More lines: the command's last output, the list of unmet conditions.
    pub details: Vec<String>,
    /// What to type next.
    pub help: Option<String>,
    /// The place in the playbook, if a value written there is the cause.
    pub at: Option<Location>,
    /// JSON pointer into the step's module parameters (`/replicas`); the engine turns it into `at`.
    pub pointer: Option<String>,
}

impl Failure {
    /// A failure of a class.
    pub fn new(class: FailureClass, message: impl Into<String>) -> Self {
        Self { class, message: message.into(), details: Vec::new(), help: None, at: None, pointer: None }
    }

    /// The step was tried and failed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(FailureClass::Failed, message)
    }

    /// A rendered value is wrong.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(FailureClass::Invalid, message)
    }

    /// Refused: unsafe, or a check does not hold.
    pub fn blocked(message: impl Into<String>) -> Self {
        Self::new(FailureClass::Blocked, message)
    }

    /// The target could not be reached.
    pub fn unreachable(message: impl Into<String>) -> Self {
        Self::new(FailureClass::Unreachable, message)
    }

    /// Adds detail lines.
    #[must_use]
    pub fn details(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.details.extend(lines);
        self
    }

    /// Adds what to type next.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Points to the parameter that is the cause.
    #[must_use]
    pub fn pointer(mut self, pointer: impl Into<String>) -> Self {
        self.pointer = Some(pointer.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.details.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}

impl std::error::Error for Failure {}

impl From<TransportFault> for Failure {
    fn from(fault: TransportFault) -> Self {
        let class = match &fault {
            TransportFault::Unreachable(_) | TransportFault::Auth(_) | TransportFault::HostKey(_) => {
                FailureClass::Unreachable
            }
            TransportFault::TimedOut(_) => FailureClass::TimedOut,
            TransportFault::Cancelled => FailureClass::Stopped,
            TransportFault::Lost(_) => FailureClass::OutcomeUnknown,
        };
        Self::new(class, fault.to_string())
    }
}
