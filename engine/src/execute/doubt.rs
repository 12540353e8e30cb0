//! What is reported of a change whose outcome is not known.

use super::past::Doubt;
use crate::failure::{Failure, FailureClass};
use crate::module::{Change, Waiting};
use crate::target::Target;
use crate::task::TaskId;
use crate::text;
use crate::text::Text;

pub(super) fn in_doubt(change: &Change, failure: &Failure) -> Waiting {
    let why = text!(
        "engine.in-doubt",
        "not known whether this was done, looking again: {summary} ({why})",
        summary = &change.summary,
        why = &failure.message
    );
    Waiting { why, progress: None }
}

pub(super) fn is_unknown(summary: &Text) -> Text {
    text!("engine.outcome-unknown", "whether this was done is not known: {summary}", summary)
}

pub(super) fn unknown(change: &Change, failure: &Failure) -> Failure {
    if failure.unsent {
        return failure.clone();
    }
    Failure::new(FailureClass::OutcomeUnknown, is_unknown(&change.summary))
        .details(std::iter::once(failure.message.clone()).chain(failure.details.iter().cloned()))
        .help(text!(
            "engine.outcome-unknown.help",
            "look at the target, then resume: it is probed first and never done twice blindly"
        ))
}

/// The refusal to make an at-most-once change again that an earlier execution began.
pub(super) fn begun_before(doubt: &Doubt, undoing: bool) -> Failure {
    let message = text!(
        "engine.begun-before",
        "begun before the run was interrupted, and no sign that it was done: {summary}",
        summary = &doubt.summary
    );
    let failure = Failure::new(FailureClass::OutcomeUnknown, message).help(repeat_help(&doubt.task, undoing));
    // Only a person who has looked can decide this; `allow_failure` and `rescue` must not.
    Failure { unanswered: true, ..failure }
}

/// The refusal to go on over a change that a person declared done, and that a probe does not find.
pub(super) fn not_done(change: &Change, task: &TaskId) -> Failure {
    let summary = &change.summary;
    Failure::blocked(text!("engine.not-done", "it was declared done, and is not to be found: {summary}", summary)).help(
        text!(
            "engine.not-done.help",
            "look again. Once it is sure that it was not done and does not run, go on with --repeat {step}",
            step = named(task)
        ),
    )
}

/// The failure of a run that reached its end with changes in doubt.
pub(super) fn left_in_doubt(doubt: &Doubt) -> Failure {
    let message = text!(
        "engine.left-in-doubt",
        "{path}: {unknown}",
        path = &doubt.task.path,
        unknown = is_unknown(&doubt.summary)
    );
    Failure::new(FailureClass::OutcomeUnknown, message).help(text!(
        "engine.left-in-doubt.help",
        "the playbook let the run go on; look at the target, and once it is sure what became of it, resume with \
         --done {path} or --repeat {path}",
        path = &doubt.task.path
    ))
}

/// The hint on how to let a task be repeated after a person has looked.
pub(super) fn repeat_help(task: &TaskId, undoing: bool) -> Text {
    let step = named(task);
    if undoing {
        return text!(
            "engine.repeat-undo",
            "it may still be going on: look at the target. Once it is sure that it was not done and does not run, undo \
             again with --repeat {step}; that it was done, with --done {step}",
            step
        );
    }
    text!(
        "engine.repeat",
        "it may still be going on: look at the target. Once it is sure that it was not done and does not run, resume with \
         --repeat {step}; that it was done, with --done {step}",
        step
    )
}

/// A task as `--repeat` and `--done` know it.
pub(super) fn named(task: &TaskId) -> String {
    match &task.target {
        Target::Controller => task.path.to_string(),
        _ => task.to_string(),
    }
}
