//! One thing that `doctor` checked.

use std::fmt;

/// The verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// As it should be.
    Good,
    /// Not every run needs it.
    Doubtful,
    /// A run needs it, and it is wrong.
    Wrong,
}

/// What was checked, and the result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) mark: Mark,
    what: String,
    seen: String,
    help: Option<String>,
}

impl Finding {
    /// As it should be.
    pub(super) fn good(what: impl Into<String>, seen: impl Into<String>) -> Self {
        Self { mark: Mark::Good, what: what.into(), seen: seen.into(), help: None }
    }

    /// Perhaps not as it should be.
    pub(super) fn doubtful(what: impl Into<String>, seen: impl Into<String>, help: impl Into<String>) -> Self {
        Self { mark: Mark::Doubtful, what: what.into(), seen: seen.into(), help: Some(help.into()) }
    }

    /// Not as a run needs it.
    pub(super) fn wrong(what: impl Into<String>, seen: impl Into<String>, help: impl Into<String>) -> Self {
        Self { mark: Mark::Wrong, what: what.into(), seen: seen.into(), help: Some(help.into()) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.mark {
            Mark::Good => console::style("ok   ").green(),
            Mark::Doubtful => console::style("note ").yellow(),
            Mark::Wrong => console::style("wrong").red(),
        };
        writeln!(f, "{mark}  {}: {}", self.what, self.seen)?;
        self.help.iter().try_for_each(|help| writeln!(f, "       help: {help}"))
    }
}
