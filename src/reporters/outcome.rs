//! The words for how things ended, and their tone.

use cutover_engine::event::Outcome;
use cutover_engine::failure::FailureClass;

use super::palette::Tone;

/// The word at the head of a line, at most eleven columns.
pub(crate) fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::FailedAllowed => "allowed",
        Outcome::Failed => "FAILED",
        other => label(Some(other)),
    }
}

/// The words in a table; `unfinished` for what never ended.
pub(crate) fn label(outcome: Option<Outcome>) -> &'static str {
    match outcome {
        Some(Outcome::Skipped) => "skipped",
        Some(Outcome::InSync) => "in sync",
        Some(Outcome::Changed) => "changed",
        Some(Outcome::FailedAllowed) => "failed, allowed",
        Some(Outcome::Stopped) => "stopped",
        Some(Outcome::Unreachable) => "unreachable",
        Some(Outcome::Blocked) => "blocked",
        Some(Outcome::Failed) => "failed",
        None => "unfinished",
    }
}

/// The tone of an outcome.
pub(crate) fn tone(outcome: Option<Outcome>) -> Tone {
    match outcome {
        Some(Outcome::Skipped | Outcome::InSync) => Tone::Quiet,
        Some(Outcome::Changed) => Tone::Good,
        Some(Outcome::FailedAllowed | Outcome::Stopped) | None => Tone::Warning,
        Some(Outcome::Unreachable | Outcome::Blocked | Outcome::Failed) => Tone::Bad,
    }
}

/// Whether a run or step went well.
pub(crate) fn is_good(outcome: Outcome) -> bool {
    outcome <= Outcome::FailedAllowed
}

/// The words for the class of a failure.
pub(crate) fn class(class: FailureClass) -> &'static str {
    match class {
        FailureClass::Failed => "failed",
        FailureClass::Invalid => "invalid",
        FailureClass::Blocked => "blocked",
        FailureClass::Unreachable => "unreachable",
        FailureClass::OutcomeUnknown => "outcome unknown",
        FailureClass::TimedOut => "timed out",
        FailureClass::Stopped => "stopped",
    }
}

/// What an exit code means.
pub(crate) fn exit_meaning(code: u8) -> &'static str {
    match code {
        0 => "done",
        1 => "a step failed",
        2 => "playbook, inventory or usage wrong; nothing was touched",
        3 => "blocked, or a gate was refused",
        4 => "a target was unreachable",
        5 => "stopped by the operator; the run can be resumed",
        6 => "locked by another run",
        7 => "rolled back",
        8 => "the rollback failed",
        _ => "unknown",
    }
}
