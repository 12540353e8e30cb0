//! What comes of a run in a bad world, from the best to the worst. Read from the world and the events, not from what modules say.

use std::fmt;

/// The harm that was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Harm {
    /// It was refused before anything was changed, or it ended well, and all is as it says.
    None,
    /// It was refused when it had changed something.
    Touched,
    /// It was refused when the outage had begun, or what cannot stay as it is (a take-over).
    Begun,
    /// It was refused when what the service ran on had been taken away.
    Removed,
    /// It ended well, and something is not as that says.
    Untrue,
    /// Something that was acknowledged is nowhere any more, both sides write, or what was done cannot be undone.
    Lost,
}

impl Harm {
    /// By its name in a table; `later` has none.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "touched" => Self::Touched,
            "begun" => Self::Begun,
            "removed" => Self::Removed,
            "untrue" => Self::Untrue,
            "lost" => Self::Lost,
            "later" => return None,
            other => panic!("`{other}` is not a harm"),
        })
    }
}

/// What came of a run.
#[derive(Debug)]
pub(super) struct Outcome {
    /// The harm.
    pub(super) harm: Harm,
    /// How many lasting changes it made.
    pub(super) changes: usize,
    /// How long it went on, in seconds.
    pub(super) seconds: u64,
    /// How many gates a person has opened for it.
    pub(super) asked: usize,
    /// How many lines of reasons it gave.
    pub(super) named: usize,
    /// How it ended, and what is not so.
    pub(super) words: String,
}

impl Outcome {
    /// Whether it is the same harm, only later: more was changed or approved, less was named, or much more time was lost.
    pub(super) fn is_later_than(&self, other: &Self) -> bool {
        self.harm == other.harm
            && (self.changes > other.changes
                || self.asked > other.asked
                || self.seconds > other.seconds + 20
                || self.named < other.named)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { harm, changes, seconds, asked, named, words } = self;
        write!(f, "{harm:?} ({changes} changes, {asked} gates, {seconds} s, {named} reasons): {words}")
    }
}
