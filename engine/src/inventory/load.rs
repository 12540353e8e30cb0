//! From a file to an inventory: decodes it, resolves what is inherited, and collects every fault.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::file::{InventoryFile, PairFile, SecretSource, SiteFile};
use super::validate::validate;
use super::{Inventory, Machine, Pair, PairMember, Site};
use crate::digest::digest;
use crate::playbook::ReadFile;
use crate::secrets::SecretValues;
use crate::source::{Fault, Faults, Node, SourceFile, decode, nearest, parse};

/// Fetches the values of secrets. The engine reads no environment and runs nothing for it.
pub trait Secrets {
    /// The value of a secret, or why it is not available.
    fn resolve(&self, source: &SecretSource) -> Result<String, String>;
}

/// Loads and checks an inventory.
///
/// # Errors
/// All its faults.
pub fn load(path: &Path, read: ReadFile<'_>, secrets: &dyn Secrets) -> Result<Inventory, Faults> {
    let text = read(path).map_err(|error| Fault::bare(format!("cannot read `{}`: {error}", path.display())))?;
    let source = SourceFile::new(path, text);
    let tree = parse(&source)?;
    let file: InventoryFile = decode(&tree, "an inventory")?;
    let mut faults = Faults::default();
    secret_names(&file, &tree, &mut faults);
    let (mut vars, mut values) = (file.vars, SecretValues::default());
    for (name, from) in &file.secrets {
        match secrets.resolve(from) {
            Ok(value) => {
                let value = Value::String(value);
                values.add(name, &value);
                vars.insert(name.clone(), value);
            }
            Err(why) => {
                faults.push(Fault::at(&tree.deepest(&format!("/secrets/{name}")).at, format!("secret `{name}`: {why}")))
            }
        }
    }
    let sites: IndexMap<_, _> =
        file.sites.into_iter().map(|(name, site)| (name.clone(), as_site(name, site))).collect();
    let pairs = as_pairs(&file.pairs, &sites, &tree, &mut faults);
    let inventory = Inventory {
        digest: digest([source.text.as_str()]),
        source: Arc::clone(&source),
        sites,
        roles: file.roles,
        roles_file: super::roles::beside(path),
        pairs: Arc::new(pairs),
        vars,
        secrets: values,
        secret_variables: file.secrets.into_values().filter_map(SecretSource::variable).collect(),
    };
    validate(&inventory, &file.pairs, &tree, &mut faults);
    faults.0.sort_by_key(|fault| fault.at.as_ref().map(|at| at.range.start));
    faults.into_result(inventory)
}

/// SSH settings name secrets; those must exist.
fn secret_names(file: &InventoryFile, tree: &Node, faults: &mut Faults) {
    for (site, settings) in &file.sites {
        for (field, name) in [("password", &settings.ssh.password), ("passphrase", &settings.ssh.passphrase)] {
            let Some(name) = name.as_ref().filter(|name| !file.secrets.contains_key(*name)) else { continue };
            let at = &tree.deepest(&format!("/sites/{site}/ssh/{field}")).at;
            let fault = Fault::at(at, format!("`{field}` is the name of a secret, and no secret is named `{name}`"));
            faults.push(named(fault, name, file.secrets.keys()));
        }
    }
}

fn as_site(name: String, file: SiteFile) -> Site {
    let nodes = file.nodes.into_iter().map(|(name, node)| {
        let hostname = node.hostname.unwrap_or_else(|| name.clone());
        (name.clone(), Machine { name, address: node.address, hostname, vars: node.vars })
    });
    Site {
        name,
        kubernetes: file.kubernetes,
        connection: file.connection,
        ssh: file.ssh,
        nodes: nodes.collect(),
        vars: file.vars,
    }
}

/// Resolves the pairs. A member that cannot be resolved is a fault and left out.
fn as_pairs(files: &[PairFile], sites: &IndexMap<String, Site>, tree: &Node, faults: &mut Faults) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for (ordinal, file) in files.iter().enumerate() {
        let mut members = IndexMap::new();
        for (site_name, member) in &file.members {
            let pointer = format!("/pairs/{ordinal}/members/{site_name}");
            let at = &tree.deepest(&pointer).at;
            let Some(site) = sites.get(site_name) else {
                let members = tree.deepest(&format!("/pairs/{ordinal}/members"));
                let at = members.key(site_name).map_or(at, |key| &key.at);
                faults.push(named(Fault::at(at, format!("no site is named `{site_name}`")), site_name, sites.keys()));
                continue;
            };
            let Some(node) = site.nodes.get(&member.node) else {
                let at = &tree.deepest(&format!("{pointer}/node")).at;
                let fault = Fault::at(at, format!("site `{site_name}` has no node `{}`", member.node));
                faults.push(named(fault, &member.node, site.nodes.keys()));
                continue;
            };
            let mut missing = |what: &str| {
                faults.push(
                    Fault::at(at, format!("this member has no `{what}`"))
                        .help(format!("set `{what}` here or for the whole pair")),
                );
            };
            let port = member.port.or(file.port);
            let device = member.device.clone().or_else(|| file.device.clone());
            let disk = member.disk.clone().or_else(|| file.disk.clone());
            [("port", port.is_none()), ("device", device.is_none()), ("disk", disk.is_none())]
                .into_iter()
                .filter(|(_, absent)| *absent)
                .for_each(|(what, _)| missing(what));
            let (Some(port), Some(device), Some(disk)) = (port, device, disk) else { continue };
            members.insert(
                site_name.clone(),
                PairMember {
                    site: site_name.clone(),
                    node: member.node.clone(),
                    hostname: node.hostname.clone(),
                    address: member.address.clone().unwrap_or_else(|| node.address.clone()),
                    port,
                    device,
                    disk,
                    node_id: member.node_id,
                },
            );
        }
        pairs.push(Pair { ordinal, resource: file.resource.clone(), members });
    }
    pairs
}

/// Adds the nearest name to a fault.
pub(super) fn named<'a>(fault: Fault, word: &str, known: impl Iterator<Item = &'a String>) -> Fault {
    match nearest(word, known.map(String::as_str)) {
        Some(near) => fault.help(format!("did you mean `{near}`?")),
        None => fault,
    }
}

/// An empty inventory, for tests of playbooks that touch no site.
impl Default for Inventory {
    fn default() -> Self {
        Self {
            source: SourceFile::new("", ""),
            sites: IndexMap::new(),
            roles: super::Roles { active: String::new(), passive: String::new() },
            roles_file: PathBuf::new(),
            pairs: Arc::default(),
            vars: Map::new(),
            secrets: SecretValues::default(),
            secret_variables: Vec::new(),
            digest: String::new(),
        }
    }
}
