//! The inventory: two sites, their roles, their nodes, and the replicated pairs between them. Not how to reach them.

mod file;
mod load;
mod roles;
mod site;
#[cfg(test)]
mod tests;
mod validate;

pub use file::{InventoryFile, MachineFile, MemberFile, PairFile, SecretSource, SiteFile};
pub use load::{Secrets, load};
pub use site::{Connection, Kubernetes, Machine, Roles, Site, Ssh};

use std::path::PathBuf;
use std::sync::Arc;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::secrets::SecretValues;
use crate::source::SourceFile;

/// An inventory as loaded and checked.
#[derive(Clone)]
pub struct Inventory {
    /// The file it came from.
    pub source: Arc<SourceFile>,
    /// The sites by name, in the order of the file.
    pub sites: IndexMap<String, Site>,
    /// Which site is active and which is passive.
    pub roles: Roles,
    /// The file that says which site is active now, if there is one; playbooks rewrite it when a switch is committed.
    pub roles_file: PathBuf,
    /// The replicated pairs by ordinal: pair 0 carries the data of pod 0.
    pub pairs: Arc<Vec<Pair>>,
    /// Variables for playbooks. Secrets are already resolved into it under their names.
    pub vars: Map<String, Value>,
    /// The values of all secrets, by name. They must never be shown.
    pub secrets: SecretValues,
    /// The environment variables that secrets were taken from. No program that is started gets them.
    pub secret_variables: Vec<String>,
    /// SHA-256 of the file, in hex.
    pub digest: String,
}

impl Inventory {
    /// The site in the active role.
    pub fn active(&self) -> &Site {
        &self.sites[&self.roles.active]
    }

    /// The site in the passive role.
    pub fn passive(&self) -> &Site {
        &self.sites[&self.roles.passive]
    }

    /// The other site of the two roles.
    pub fn peer_of(&self, site: &str) -> &Site {
        if site == self.roles.active { self.passive() } else { self.active() }
    }
}

impl std::fmt::Debug for Inventory {
    /// Without variables: secrets are among them.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { source, sites, roles, pairs, vars: _, secrets, roles_file: _, secret_variables: _, digest } = self;
        f.debug_struct("Inventory")
            .field("path", &source.path)
            .field("sites", sites)
            .field("roles", roles)
            .field("pairs", pairs)
            .field("secrets", secrets)
            .field("digest", digest)
            .finish_non_exhaustive()
    }
}

/// One replicated pair: a DRBD resource with a member on each site.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// The ordinal of the replica whose data it carries.
    pub ordinal: usize,
    /// The DRBD resource's name.
    pub resource: String,
    /// The members by site name. Exactly two.
    pub members: IndexMap<String, PairMember>,
}

/// One site's end of a pair.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PairMember {
    /// The site's name.
    pub site: String,
    /// The node's name in the inventory.
    pub node: String,
    /// The node's hostname, as in `on <hostname>` of the resource file.
    pub hostname: String,
    /// The address DRBD replicates over; the node's address by default.
    pub address: String,
    /// The TCP port DRBD replicates over.
    pub port: u16,
    /// The DRBD device: `/dev/drbd0`.
    pub device: String,
    /// The backing disk, best by `/dev/disk/by-id`.
    pub disk: String,
    /// DRBD's node id, 0 to 16 (drbd.conf(5)); unique within the resource.
    pub node_id: u8,
}
