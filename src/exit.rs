//! The exit codes of `cutover`: one list that every command, the help and the documents use.

use std::fmt::Write as _;
use std::process::ExitCode;

/// The exit code of a command, as scripts see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything was done, or was so already.
    Done = 0,
    /// A step failed, or something on this machine did (a full disk, a directory that cannot be written), or a campaign of faults has
    /// found an unsafe case.
    Failed = 1,
    /// The playbook, the inventory or the command line is wrong. Nothing was touched.
    Wrong = 2,
    /// A safety check refused, or a gate was not approved.
    Blocked = 3,
    /// A node or an API server could not be reached.
    Unreachable = 4,
    /// The operator stopped the run; `cutover resume` goes on with it.
    Stopped = 5,
    /// Another run holds the lock.
    Locked = 6,
    /// `undo`: everything that stood was undone.
    Undone = 7,
    /// `undo`: a change could not be undone.
    UndoFailed = 8,
    /// `rehearse`: the playbook asks for something that the sandbox does not simulate.
    Unsimulated = 9,
    /// A bug in `cutover` (`EX_SOFTWARE` of sysexits.h).
    Bug = 70,
}

impl Exit {
    /// All codes with a short description each, in order.
    const ALL: &[(Self, &str)] = &[
        (Self::Done, "done"),
        (Self::Failed, "a step failed"),
        (Self::Wrong, "playbook, inventory or command line wrong; nothing was touched"),
        (Self::Blocked, "refused by a safety check, or a gate was not approved"),
        (Self::Unreachable, "a node or API server could not be reached"),
        (Self::Stopped, "stopped by the operator; can be resumed"),
        (Self::Locked, "another run holds the lock"),
        (Self::Undone, "undo: everything was undone"),
        (Self::UndoFailed, "undo: a change could not be undone"),
        (Self::Unsimulated, "rehearse, plan --sandbox: the sandbox does not simulate what was asked for"),
        (Self::Bug, "a bug in cutover"),
    ];

    /// The exit of a run, from the code in its last event.
    pub(crate) fn of_run(code: u8) -> Self {
        Self::ALL.iter().map(|(exit, _)| *exit).find(|exit| *exit as u8 == code).unwrap_or(Self::Failed)
    }

    /// The codes as a section of a help text.
    pub(crate) fn help() -> String {
        Self::ALL.iter().fold("Exit codes:".to_owned(), |mut text, (exit, words)| {
            // Writing to a `String` cannot fail.
            let _ = write!(text, "\n  {:>2}  {words}", *exit as u8);
            text
        })
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
