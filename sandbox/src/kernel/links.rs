//! The network between machines: who reaches whom, how fast. Not what runs over it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// The links of the world. Every machine reaches every other unless cut.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Links {
    cut: BTreeSet<(String, String)>,
}

impl Links {
    /// Cuts or heals the link between two addresses, both directions.
    pub(crate) fn set(&mut self, a: &str, b: &str, up: bool) {
        let pair = if a < b { (a.to_owned(), b.to_owned()) } else { (b.to_owned(), a.to_owned()) };
        if up {
            self.cut.remove(&pair);
        } else {
            self.cut.insert(pair);
        }
    }

    /// Whether packets pass between two addresses.
    pub(crate) fn connected(&self, a: &str, b: &str) -> bool {
        let pair = if a < b { (a.to_owned(), b.to_owned()) } else { (b.to_owned(), a.to_owned()) };
        !self.cut.contains(&pair)
    }
}
