//! Why a step could not be done, by class. Every class has its exit code. Faults of files are [`crate::source::Fault`].

use std::fmt;

pub use cutover_protocol::failure::{FailureClass, RecordedFailure};

use crate::source::Location;
use crate::text::Text;
use crate::world::TransportFault;

/// A failure with all that a person needs at two in the morning.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// The class.
    pub class: FailureClass,
    /// What went wrong: lower case, no trailing period.
    pub message: Text,
    /// More lines: the command's last output, the list of unmet conditions.
    pub details: Vec<Text>,
    /// What to type next.
    pub help: Option<Text>,
    /// The place in the playbook, if a value written there is the cause.
    pub at: Option<Location>,
    /// Whether it is in the journal already, as how a task ended.
    pub(crate) recorded: bool,
    /// Whether it is a request that never left: nothing is unknown, and an API server that restarts is soon back.
    pub(crate) unsent: bool,
    /// Whether a person has to answer it: neither `allow_failure` nor `rescue` does.
    pub(crate) unanswered: bool,
    /// JSON pointer into the step's module parameters (`/replicas`); the engine turns it into `at`.
    pub pointer: Option<String>,
}

impl Failure {
    /// A failure of a class.
    pub fn new(class: FailureClass, message: impl Into<Text>) -> Self {
        Self {
            class,
            message: message.into(),
            details: Vec::new(),
            help: None,
            at: None,
            pointer: None,
            recorded: false,
            unsent: false,
            unanswered: false,
        }
    }

    /// The step was tried and failed.
    pub fn failed(message: impl Into<Text>) -> Self {
        Self::new(FailureClass::Failed, message)
    }

    /// A rendered value is wrong.
    pub fn invalid(message: impl Into<Text>) -> Self {
        Self::new(FailureClass::Invalid, message)
    }

    /// Refused: unsafe, or a check does not hold.
    pub fn blocked(message: impl Into<Text>) -> Self {
        Self::new(FailureClass::Blocked, message)
    }

    /// The target could not be reached.
    pub fn unreachable(message: impl Into<Text>) -> Self {
        Self::new(FailureClass::Unreachable, message)
    }

    /// Adds detail lines.
    #[must_use]
    pub fn details<T: Into<Text>>(mut self, lines: impl IntoIterator<Item = T>) -> Self {
        self.details.extend(lines.into_iter().map(Into::into));
        self
    }

    /// Adds what to type next.
    #[must_use]
    pub fn help(mut self, help: impl Into<Text>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// As it is recorded, without its place.
    pub(crate) fn as_recorded(&self) -> RecordedFailure {
        let Self { class, message, details, help, .. } = self.clone();
        RecordedFailure { class, message, details, help, place: None }
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
        write!(f, "{}", self.message)?;
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
