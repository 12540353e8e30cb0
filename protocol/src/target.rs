//! A target: what one task of a step works on. A step's `target:` names a set of them.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::place::Place;

/// What one task works on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The machine `cutover` runs on.
    Controller,
    /// A site: its cluster.
    Site {
        /// The site's name.
        site: String,
    },
    /// One node of a site.
    Node {
        /// The site's name.
        site: String,
        /// The node's name.
        node: String,
    },
    /// One site's member of a replicated pair: a node and its DRBD resource.
    Pair {
        /// The site's name.
        site: String,
        /// The node's name.
        node: String,
        /// The pair's ordinal, from 0: the index into the inventory's pairs.
        ordinal: usize,
    },
}

impl Target {
    /// The site, if the target has one.
    pub fn site(&self) -> Option<&str> {
        match self {
            Self::Controller => None,
            Self::Site { site } | Self::Node { site, .. } | Self::Pair { site, .. } => Some(site),
        }
    }

    /// The node, if the target has one.
    pub fn node(&self) -> Option<&str> {
        match self {
            Self::Controller | Self::Site { .. } => None,
            Self::Node { node, .. } | Self::Pair { node, .. } => Some(node),
        }
    }

    /// The pair's ordinal, for a pair member.
    pub fn ordinal(&self) -> Option<usize> {
        match self {
            Self::Pair { ordinal, .. } => Some(*ordinal),
            _ => None,
        }
    }

    /// Where this target's commands run: its node, or the controller for a site.
    pub fn place(&self) -> Place {
        match self {
            Self::Controller | Self::Site { .. } => Place::Controller,
            Self::Node { site, node } | Self::Pair { site, node, .. } => Place::node(site, node),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Controller => f.write_str("controller"),
            Self::Site { site } => f.write_str(site),
            Self::Node { site, node } | Self::Pair { site, node, .. } => write!(f, "{site}/{node}"),
        }
    }
}
