//! Why a world cannot be prepared: something on the way there is not simulated.

use std::error::Error;
use std::fmt;

/// A playbook that comes before has met something that the sandbox does not simulate.
#[derive(Debug)]
pub struct NotSimulated {
    /// The playbook.
    pub(crate) playbook: String,
}

impl fmt::Display for NotSimulated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let playbook = &self.playbook;
        write!(
            f,
            "the rehearsal of {playbook}, which comes before, meets something that the sandbox does not simulate; rehearse it to see what"
        )
    }
}

impl Error for NotSimulated {}
