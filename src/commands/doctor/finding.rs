//! One thing that `doctor` looked at.

use std::fmt;

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// As it should be.
    Good,
    /// A run can do without it, or only some can not.
    Doubtful,
    /// A run needs it.
    Wrong,
}

/// What was looked at, and what was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) mark: Mark,
    what: String,
    said: String,
    help: Option<String>,
}

impl Finding {
    /// As it should be.
    pub(super) fn good(what: impl Into<String>, said: impl Into<String>) -> Self {
        Self { mark: Mark::Good, what: what.into(), said: said.into(), help: None }
    }

    /// Perhaps not as it should be.
    pub(super) fn doubtful(what: impl Into<String>, said: impl Into<String>, help: impl Into<String>) -> Self {
        Self { mark: Mark::Doubtful, what: what.into(), said: said.into(), help: Some(help.into()) }
    }

    /// Not as a run needs it.
    pub(super) fn wrong(what: impl Into<String>, said: impl Into<String>, help: impl Into<String>) -> Self {
        Self { mark: Mark::Wrong, what: what.into(), said: said.into(), help: Some(help.into()) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.mark {
            Mark::Good => console::style("ok   ").green(),
            Mark::Doubtful => console::style("note ").yellow(),
            Mark::Wrong => console::style("wrong").red(),
        };
        writeln!(f, "{mark}  {}: {}", self.what, self.said)?;
        self.help.iter().try_for_each(|help| writeln!(f, "       help: {help}"))
    }
}
