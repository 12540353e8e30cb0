//! Why a step could not be done, by class. Every class has its exit code. Faults of files are [`crate::source::Fault`].

use std::fmt;
use std::time::Duration;

pub use cutover_protocol::failure::{FailureClass, RecordedFailure};

use crate::source::Location;
use crate::text;
use crate::text::Text;
use crate::world::TransportFault;

/// How long a host that turns connections away is asked again.
const TURNED_AWAY: Duration = Duration::from_secs(60);

/// How something that may pass by itself is waited for. Small, because every failure has room for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Passing {
    seconds: u32,
    is_brief: bool,
}

impl Passing {
    /// The same is asked again until the step's time runs out.
    pub(crate) fn in_time(after: Duration) -> Self {
        Self { seconds: u32::try_from(after.as_secs()).unwrap_or(u32::MAX), is_brief: false }
    }

    /// The same is asked again for a minute at most.
    pub(crate) fn briefly(after: Duration) -> Self {
        Self { is_brief: true, ..Self::in_time(after) }
    }

    /// The time that is to pass before the same is asked again.
    pub(crate) fn after(self) -> Duration {
        Duration::from_secs(self.seconds.into())
    }

    /// For how long it is asked again; without it, until the step's time runs out.
    pub(crate) fn most(self) -> Option<Duration> {
        self.is_brief.then_some(TURNED_AWAY)
    }
}

/// A failure with everything that a person needs at two in the morning.
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
    /// Whether it is in the journal already, as the end of a task.
    pub(crate) recorded: bool,
    /// Whether nothing was sent, or a server has not even begun it: nothing is in doubt.
    pub(crate) unsent: bool,
    /// Whether it may pass by itself: a server that is overloaded or restarts, a host that turns connections away.
    pub(crate) passing: Option<Passing>,
    /// Whether an API server has refused a request, or a program a command: it was not carried out, and nothing is in doubt.
    pub(crate) refused: bool,
    /// Whether a person has to decide: `allow_failure` and `rescue` do not apply.
    pub(crate) unanswered: bool,
    /// JSON pointer into the step's module parameters (`/replicas`); the engine turns it into `at`.
    pub pointer: Option<String>,
}

impl Failure {
    /// A failure of a class.
    pub fn new(class: FailureClass, message: Text) -> Self {
        Self {
            class,
            message,
            details: Vec::new(),
            help: None,
            at: None,
            pointer: None,
            recorded: false,
            unsent: false,
            passing: None,
            refused: false,
            unanswered: false,
        }
    }

    /// The step was tried and failed.
    pub fn failed(message: Text) -> Self {
        Self::new(FailureClass::Failed, message)
    }

    /// A rendered value is wrong.
    pub fn invalid(message: Text) -> Self {
        Self::new(FailureClass::Invalid, message)
    }

    /// Refused: unsafe, or a check does not hold.
    pub fn blocked(message: Text) -> Self {
        Self::new(FailureClass::Blocked, message)
    }

    /// The target could not be reached.
    pub fn unreachable(message: Text) -> Self {
        Self::new(FailureClass::Unreachable, message)
    }

    /// Adds detail lines.
    #[must_use]
    pub fn details(mut self, lines: impl IntoIterator<Item = Text>) -> Self {
        self.details.extend(lines);
        self
    }

    /// Adds what to type next.
    #[must_use]
    pub fn help(mut self, help: Text) -> Self {
        self.help = Some(help);
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
            TransportFault::Unreachable(_)
            | TransportFault::Busy { .. }
            | TransportFault::Auth(_)
            | TransportFault::HostKey(_) => FailureClass::Unreachable,
            TransportFault::Forbidden(_) => FailureClass::Blocked,
            TransportFault::TimedOut(_) => FailureClass::TimedOut,
            TransportFault::Cancelled => FailureClass::Stopped,
            TransportFault::Unsimulated(what) => return unsimulated(what),
            TransportFault::Lost(_) => FailureClass::OutcomeUnknown,
        };
        let passing = match &fault {
            TransportFault::Busy { after, .. } => Some(Passing::briefly(*after)),
            _ => None,
        };
        let message = match fault {
            TransportFault::Unreachable(why) | TransportFault::Busy { why, .. } => {
                text!("engine.unreachable", "unreachable: {why}", why)
            }
            TransportFault::Forbidden(why) => text!("engine.forbidden", "refused: {why}", why),
            TransportFault::Auth(why) => text!("engine.login-refused", "login refused: {why}", why),
            TransportFault::HostKey(why) => {
                text!("engine.identity-refused", "host key or identity refused: {why}", why)
            }
            TransportFault::TimedOut(why) => text!("engine.timed-out", "timed out: {why}", why),
            TransportFault::Cancelled | TransportFault::Unsimulated(_) => text!("engine.cancelled", "stopped"),
            TransportFault::Lost(why) => {
                text!("engine.connection-lost", "connection lost, the outcome is unknown: {why}", why)
            }
        };
        Self { passing, ..Self::new(class, message) }
    }
}

/// Something that is not simulated. `allow_failure` and `rescue` do not apply: the answer of a real machine is unknown.
fn unsimulated(what: &str) -> Failure {
    let failure = Failure::new(
        FailureClass::Unsimulated,
        text!("engine.unsimulated", "the sandbox does not simulate {what}", what),
    );
    let help = text!(
        "engine.unsimulated.help",
        "`cutover explain sandbox` lists what it does not; leave the step out of the rehearsal (`--skip-tags`) and try it \
         elsewhere"
    );
    Failure { unsent: true, unanswered: true, ..failure.help(help) }
}
