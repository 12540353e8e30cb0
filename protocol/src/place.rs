//! A place where a command runs.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a command runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// The machine `cutover` runs on.
    Controller,
    /// A node of a site.
    Node {
        /// The site's name in the inventory.
        site: String,
        /// The node's name in the inventory.
        node: String,
    },
    /// A container of a pod, through the API server's exec.
    Pod {
        /// The site's name in the inventory.
        site: String,
        /// The pod's namespace.
        namespace: String,
        /// The pod's name.
        pod: String,
        /// The container; the pod's first if absent.
        container: Option<String>,
    },
}

impl Place {
    /// A node of a site.
    pub fn node(site: impl Into<String>, node: impl Into<String>) -> Self {
        Self::Node { site: site.into(), node: node.into() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Controller => f.write_str("controller"),
            Self::Node { site, node } => write!(f, "{site}/{node}"),
            Self::Pod { site, namespace, pod, container: None } => write!(f, "{site}/pod/{namespace}/{pod}"),
            Self::Pod { site, namespace, pod, container: Some(container) } => {
                write!(f, "{site}/pod/{namespace}/{pod}/{container}")
            }
        }
    }
}
