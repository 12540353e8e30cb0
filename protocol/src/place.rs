//! A place where a command runs.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

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
        /// The container; if absent, the one that kubectl would take.
        container: Option<String>,
    },
}

/// The annotation of a pod that names the container which commands are meant for.
const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";

/// The container of a pod that a command is meant for if it names none, as with kubectl: the one that the pod's annotation names,
/// or the first.
pub fn default_container(pod: &Value) -> Option<&str> {
    let names = containers(pod).filter_map(|container| container["name"].as_str());
    let annotated = pod["metadata"]["annotations"][DEFAULT_CONTAINER].as_str();
    names.clone().find(|name| Some(*name) == annotated).or_else(|| names.clone().next())
}

/// The containers of a pod in which commands can be run: its own, then its sidecars (init containers that go on running), then those
/// that were added for a look at it.
pub fn containers(pod: &Value) -> impl Iterator<Item = &Value> + Clone {
    let list = |field: &str| pod["spec"][field].as_array().into_iter().flatten();
    let sidecars = list("initContainers").filter(|container| container["restartPolicy"] == "Always");
    list("containers").chain(sidecars).chain(list("ephemeralContainers"))
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
