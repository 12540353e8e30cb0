//! The screen a reporter draws on, as seen by who has to ask a person something in between.

use std::sync::Arc;

use cutover_engine::record::Follower;

/// What a screen needs of its owner.
pub(crate) trait Suspend: Send + Sync {
    /// Shows everything said so far, then takes the footer away.
    fn pause(&self);
    /// Lets the footer come back.
    fn go_on(&self);
}

/// The screen of a reporter. Cheap to clone; does nothing for reporters that write lines only.
#[derive(Clone, Default)]
pub(crate) struct Screen {
    owner: Option<Arc<dyn Suspend>>,
    /// The reporter's reading, if it is on a thread of its own.
    reading: Option<Follower>,
}

/// Keeps the footer away as long as it lives.
#[must_use = "the footer comes back as soon as this is dropped"]
pub(crate) struct Paused {
    owner: Option<Arc<dyn Suspend>>,
}

impl Screen {
    /// A screen with a footer.
    pub(crate) fn of(owner: Arc<dyn Suspend>) -> Self {
        Self { owner: Some(owner), reading: None }
    }

    /// The screen of a reporter that reads on a thread of its own.
    #[must_use]
    pub(crate) fn after(self, reading: Follower) -> Self {
        Self { reading: Some(reading), ..self }
    }

    /// Waits until the reporter has shown what has happened, and takes the footer away until the guard is dropped; for prompts
    /// that are awaited. Lines said meanwhile are kept back. Takes as long as the terminal does.
    pub(crate) fn pause(&self) -> Paused {
        if let Some(reading) = &self.reading {
            reading.catch_up(|_| false);
        }
        if let Some(owner) = &self.owner {
            owner.pause();
        }
        Paused { owner: self.owner.clone() }
    }
}

impl Drop for Paused {
    fn drop(&mut self) {
        if let Some(owner) = &self.owner {
            owner.go_on();
        }
    }
}
