//! A site: one cluster, its nodes, and how they are reached.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::duration::HumanDuration;

/// Which site plays which role. Failback is the same playbook with the roles swapped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Roles {
    /// The site that serves.
    pub active: String,
    /// The site on standby.
    pub passive: String,
}

/// One cluster and its nodes.
#[derive(Debug, Clone, PartialEq)]
pub struct Site {
    /// The site's name.
    pub name: String,
    /// Its Kubernetes cluster.
    pub kubernetes: Kubernetes,
    /// How its nodes are reached.
    pub connection: Connection,
    /// SSH settings for its nodes.
    pub ssh: Ssh,
    /// Its nodes by name, in the order of the file.
    pub nodes: IndexMap<String, Machine>,
    /// Variables for playbooks (`site.vars`, or by the role's name: `active.vars`).
    pub vars: Map<String, Value>,
}

/// How to reach a site's API server. The context is always explicit.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Kubernetes {
    /// Path of the kubeconfig file; relative to the inventory.
    pub kubeconfig: String,
    /// The context in it.
    pub context: String,
    /// The cluster's identity: the UID of its namespace `kube-system`. A cluster with another one is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
}

/// How commands reach a site's nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Connection {
    /// By SSH.
    #[default]
    Ssh,
    /// By a container engine's exec: nodes are containers (kind).
    Container,
    /// The node is the machine `cutover` runs on.
    Local,
}

/// SSH settings. With neither `key` nor `password` the agent at `SSH_AUTH_SOCK` is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Ssh {
    /// The login name.
    pub user: String,
    /// The TCP port.
    pub port: u16,
    /// Path of the private key; relative to the inventory. A public key (`FILE.pub`) chooses one of the agent's keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The name of the secret (below `secrets`) that decrypts the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passphrase: Option<String>,
    /// The name of the secret (below `secrets`) to log in with instead of a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Runs every command as root through `sudo -n`; the user must be allowed to without a password.
    pub r#become: bool,
    /// A jump host, as `user@host:port`; reached with the same key or password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jump: Option<String>,
    /// Path of the known-hosts file, relative to the inventory; `~/.ssh/known_hosts` if absent. A host that is not in it
    /// is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known_hosts: Option<String>,
    /// Whether `~/.ssh/config` and `/etc/ssh/ssh_config` are read, with a node's address as the host's name. What they say of a host comes before
    /// `user` and `port`; `key`, `password`, `jump` and `known_hosts` come before what they say.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub config: bool,
    /// How long connecting and logging in to a host may take. One that was silent the last time is waited for 2 s until it answers at all.
    pub connect_timeout: HumanDuration,
}

impl Default for Ssh {
    fn default() -> Self {
        Self {
            user: "root".to_owned(),
            port: 22,
            key: None,
            passphrase: None,
            password: None,
            r#become: false,
            jump: None,
            known_hosts: None,
            config: false,
            connect_timeout: HumanDuration(std::time::Duration::from_secs(10)),
        }
    }
}

/// A node of a site.
#[derive(Debug, Clone, PartialEq)]
pub struct Machine {
    /// Its name in the inventory, which is also its Kubernetes node name.
    pub name: String,
    /// The address `cutover` and its peers reach it at.
    pub address: String,
    /// What `hostname` prints on it; the node's name by default.
    pub hostname: String,
    /// Variables for playbooks (`node.vars`).
    pub vars: Map<String, Value>,
}
