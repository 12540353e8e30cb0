//! The screen a reporter draws on, as seen by who has to ask a person something in between.

use std::sync::Arc;

/// What a screen needs of its owner.
pub(crate) trait Suspend: Send + Sync {
    /// Shows every line so far, then takes the footer away.
    fn pause(&self);
    /// Lets the footer come back; on a fresh line, if the cursor was left in one.
    fn go_on(&self, fresh_line: bool);
}

/// The screen of a reporter. Cheap to clone; does nothing for reporters that write lines only.
#[derive(Clone, Default)]
pub struct Screen {
    owner: Option<Arc<dyn Suspend>>,
}

/// Keeps the footer away as long as it lives.
#[must_use = "the footer comes back as soon as this is dropped"]
pub struct Paused {
    owner: Option<Arc<dyn Suspend>>,
    fresh_line: bool,
}

impl Paused {
    /// Says that the cursor was left in a line of a prompt: what is drawn next begins in another. Returns whether anything is
    /// drawn by this screen at all.
    pub fn leave_line(&mut self) -> bool {
        self.fresh_line = true;
        self.owner.is_some()
    }
}

impl Screen {
    /// A screen with a footer.
    pub(crate) fn of(owner: Arc<dyn Suspend>) -> Self {
        Self { owner: Some(owner) }
    }

    /// Shows every line so far, and takes the footer away until the guard is dropped; for prompts that are awaited. Lines
    /// written meanwhile are kept back. Takes as long as the terminal does.
    pub fn pause(&self) -> Paused {
        if let Some(owner) = &self.owner {
            owner.pause();
        }
        Paused { owner: self.owner.clone(), fresh_line: false }
    }
}

impl Drop for Paused {
    fn drop(&mut self) {
        if let Some(owner) = &self.owner {
            owner.go_on(self.fresh_line);
        }
    }
}
