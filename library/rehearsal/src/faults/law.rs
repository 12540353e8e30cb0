//! The laws that every case of a campaign is held to, and how a breach of one is recorded.

use std::fmt;

/// A law.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Law {
    /// What was acknowledged to clients is served again.
    Writes,
    /// Of the data that was there at the beginning a whole copy is on some disk at any moment.
    Data,
    /// No DRBD resource is Primary on two nodes.
    Primaries,
    /// No pod runs on a directory over which its disk is not mounted.
    Mounted,
    /// What may be done once is done once.
    Once,
    /// What the journal says is in the world, and what is in the world is in the journal.
    Journal,
    /// The run completes, or it can be resumed or undone.
    Ends,
    /// Undo leaves the world as it was.
    Undo,
    /// An invariant of the playbook, by its title.
    Own(String),
}

impl Law {
    /// The laws of every campaign with what they demand.
    pub const ALL: &[(Self, &str)] = &[
        (Self::Writes, "no acknowledged write is lost"),
        (Self::Data, "data that was there has a whole copy at any moment"),
        (Self::Primaries, "no DRBD resource is Primary on two nodes"),
        (Self::Mounted, "no pod runs on a directory over which its disk is not mounted"),
        (Self::Once, "nothing that may be done once is done twice"),
        (Self::Journal, "the journal and the world agree"),
        (Self::Ends, "the run completes, or resume or undo bring it to a good end"),
        (Self::Undo, "undo leaves the world as it was"),
    ];
}

impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own(title) => f.write_str(title),
            law => {
                let words = Self::ALL.iter().find(|(known, _)| known == law);
                f.write_str(words.map_or("", |(_, words)| words))
            }
        }
    }
}

/// A part of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Leg {
    /// The run that is struck, with the engine's own retries.
    Run,
    /// The resume after it.
    Resume,
    /// The undo after it.
    Undo,
}

impl fmt::Display for Leg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Run => "run",
            Self::Resume => "resume",
            Self::Undo => "undo",
        })
    }
}

/// A law that was broken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Breach {
    /// Which.
    pub law: Law,
    /// In which part of the case.
    pub leg: Leg,
    /// In which step; empty before the first one.
    pub step: String,
    /// What was seen.
    pub seen: String,
}
