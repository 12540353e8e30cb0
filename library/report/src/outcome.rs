//! The words for how things ended, and their tone.

use cutover_protocol::event::{Outcome, StandingChange, Verb};
use cutover_protocol::failure::FailureClass;

use super::palette::Tone;
use super::timeline::{End, Step, Timeline, Undone};

/// The exit code of a rehearsal in which something was not simulated.
const NOT_PROVEN: u8 = 9;

/// The word at the head of a line, at most eleven columns.
pub(crate) fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::FailedAllowed => "allowed",
        Outcome::Failed => "FAILED",
        other => label(Some(other)),
    }
}

/// The words in a table; `unfinished` for what never ended.
pub fn label(outcome: Option<Outcome>) -> &'static str {
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

/// The words for how a step ended, and what became of its changes since: `changed, undone`.
pub(crate) fn step_label(timeline: &Timeline, step: &Step) -> String {
    match step.outcome {
        Some(Outcome::Changed) if step.undoes() => "undone".to_owned(),
        outcome => since(outcome, timeline.undone_of_step(step)),
    }
}

/// The words for an outcome, and for how much of it was undone since.
pub(crate) fn since(outcome: Option<Outcome>, undone: Undone) -> String {
    let label = label(outcome);
    undone.word().map_or_else(|| label.to_owned(), |word| format!("{label}, {word}"))
}

/// The words for how an undo ended.
pub fn undo_label(outcome: Outcome) -> String {
    if is_good(outcome) { "undone".to_owned() } else { format!("undo {}", label(Some(outcome))) }
}

/// How a run ended, in a word.
pub(crate) struct Verdict {
    /// `done`, `undone`, `failed`, `undo failed`.
    pub(crate) word: String,
    /// Its tone.
    pub(crate) tone: Tone,
}

/// How a run ended. One that was undone is not done, however well that went.
pub(crate) fn verdict(timeline: &Timeline, end: &End) -> Verdict {
    let undoes = undoes(timeline);
    let good = is_good(end.outcome);
    if good && end.exit_code == NOT_PROVEN {
        let word = if undoes { "undo not proven" } else { "not proven" };
        return Verdict { word: word.to_owned(), tone: Tone::Bad };
    }
    let word = match (undoes, good) {
        (true, _) => undo_label(end.outcome),
        (false, true) => "done".to_owned(),
        (false, false) => label(Some(end.outcome)).to_owned(),
    };
    let tone = match (undoes, good) {
        (true, true) => Tone::Warning,
        (false, true) => Tone::Good,
        (_, false) => tone(Some(end.outcome)),
    };
    Verdict { word, tone }
}

/// The words for how a run ended, in a table; `changed` for one that ended well.
pub(crate) fn total_label(timeline: &Timeline) -> String {
    match &timeline.end {
        Some(end) if undoes(timeline) || timeline.undone() != Undone::No || end.exit_code == NOT_PROVEN => {
            verdict(timeline, end).word
        }
        end => label(end.as_ref().map(|end| end.outcome)).to_owned(),
    }
}

fn undoes(timeline: &Timeline) -> bool {
    timeline.header.as_ref().is_some_and(|header| header.verb == Verb::Undo)
}

/// A change that still stands, as a line.
pub(crate) fn standing(timeline: &Timeline, change: &StandingChange) -> String {
    let doubt = if change.complete { "" } else { " (begun; how far it came is not known)" };
    let made = timeline.change(change.change);
    let stuck = made.is_some_and(|made| made.change.undo.is_none());
    let stuck = if stuck { " (cannot be undone by itself)" } else { "" };
    format!("{}: {}{doubt}{stuck}", change.task.target, change.summary)
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
        FailureClass::Unsimulated => "not simulated",
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
        7 => "undone",
        8 => "a change could not be undone",
        9 => "something was not simulated",
        _ => "unknown",
    }
}
