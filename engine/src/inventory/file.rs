//! An inventory as it is written: its shape alone. `load` resolves it and decides whether it is valid.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Connection, Kubernetes, Roles, Ssh};

/// An inventory file: two sites, which of them is active, and the replicated pairs between them.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InventoryFile {
    /// The sites by name.
    pub sites: IndexMap<String, SiteFile>,
    /// Which site is active and which is passive. Failback is the same playbook with these swapped.
    pub roles: Roles,
    /// The replicated pairs. The first carries the data of replica 0, the second of replica 1, and so on.
    #[serde(default)]
    pub pairs: Vec<PairFile>,
    /// Variables for playbooks.
    #[serde(default)]
    pub vars: Map<String, Value>,
    /// Secrets by name; each becomes a variable whose value is never shown.
    #[serde(default)]
    pub secrets: IndexMap<String, SecretSource>,
}

/// A site: one cluster and its nodes.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SiteFile {
    /// The cluster.
    #[serde(default)]
    pub kubernetes: Kubernetes,
    /// How commands reach the nodes.
    #[serde(default)]
    pub connection: Connection,
    /// SSH settings for the nodes.
    #[serde(default)]
    pub ssh: Ssh,
    /// The nodes by name, which is also their Kubernetes node name.
    pub nodes: IndexMap<String, MachineFile>,
    /// Variables for playbooks.
    #[serde(default)]
    pub vars: Map<String, Value>,
}

/// A node.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MachineFile {
    /// The address it is reached at.
    pub address: String,
    /// What `hostname` prints on it; the node's name if absent.
    #[serde(default)]
    pub hostname: Option<String>,
    /// Variables for playbooks.
    #[serde(default)]
    pub vars: Map<String, Value>,
}

/// A replicated pair: one DRBD resource with a member on each site.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PairFile {
    /// The DRBD resource's name.
    pub resource: String,
    /// The TCP port of the replication.
    #[serde(default)]
    pub port: Option<u16>,
    /// The DRBD device: `/dev/drbd0`.
    #[serde(default)]
    pub device: Option<String>,
    /// The backing disk, best by `/dev/disk/by-id`.
    #[serde(default)]
    pub disk: Option<String>,
    /// The member on each site, by the site's name.
    pub members: IndexMap<String, MemberFile>,
}

/// One site's end of a pair. Fields that are absent here are taken from the pair.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberFile {
    /// The node's name.
    pub node: String,
    /// DRBD's node id, 0 to 16; different on the two members.
    pub node_id: u8,
    /// The address of the replication; the node's if absent.
    #[serde(default)]
    pub address: Option<String>,
    /// The TCP port here.
    #[serde(default)]
    pub port: Option<u16>,
    /// The DRBD device here.
    #[serde(default)]
    pub device: Option<String>,
    /// The backing disk here.
    #[serde(default)]
    pub disk: Option<String>,
}

/// Where a secret comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecretSource {
    /// An environment variable's name.
    Env(String),
    /// A file's path; a trailing newline is not part of the secret.
    File(String),
    /// A command whose standard output is the secret.
    Command(Vec<String>),
}

impl SecretSource {
    /// The environment variable that it is in.
    pub(super) fn variable(self) -> Option<String> {
        match self {
            Self::Env(name) => Some(name),
            Self::File(_) | Self::Command(_) => None,
        }
    }
}
