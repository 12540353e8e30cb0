//! Validates an inventory: names exist, and ids, ports, devices and disks do not collide.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::Inventory;
use super::file::PairFile;
use super::load::named;
use crate::source::{Fault, Faults, Location, Node};

/// DRBD's largest node id: the range in drbd.conf(5) of DRBD 9 is 0 to 16.
const MAX_NODE_ID: u8 = 16;

/// Adds every fault.
pub(super) fn validate(inventory: &Inventory, files: &[PairFile], tree: &Node, faults: &mut Faults) {
    roles(inventory, tree, faults);
    nodes(inventory, tree, faults);
    members(inventory, files, tree, faults);
    collisions(inventory, tree, faults);
}

fn roles(inventory: &Inventory, tree: &Node, faults: &mut Faults) {
    let roles = &inventory.roles;
    for (role, site) in [("active", &roles.active), ("passive", &roles.passive)] {
        if !inventory.sites.contains_key(site) {
            let at = &tree.deepest(&format!("/roles/{role}")).at;
            let fault = Fault::at(at, format!("role `{role}` names the site `{site}`, which does not exist"));
            faults.push(named(fault, site, inventory.sites.keys()));
        }
    }
    if roles.active == roles.passive {
        let at = &tree.deepest("/roles/passive").at;
        faults.push(Fault::at(at, format!("`{}` cannot be active and passive at once", roles.active)));
    }
}

fn nodes(inventory: &Inventory, tree: &Node, faults: &mut Faults) {
    let place = |site: &str, node: &str| tree.deepest(&format!("/sites/{site}/nodes/{node}/address")).at.clone();
    for site in inventory.sites.values() {
        let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
        for node in site.nodes.values() {
            if let Some(first) = seen.insert(&node.address, &node.name) {
                let message = format!("`{}` and `{first}` have the same address {}", node.name, node.address);
                faults.push(Fault::at(&place(&site.name, &node.name), message));
            }
        }
    }
}

fn members(inventory: &Inventory, files: &[PairFile], tree: &Node, faults: &mut Faults) {
    let mut resources: BTreeMap<&str, usize> = BTreeMap::new();
    for (pair, file) in inventory.pairs.iter().zip(files) {
        let place = |rest: &str| tree.deepest(&format!("/pairs/{}{rest}", pair.ordinal)).at.clone();
        if let Some(first) = resources.insert(&pair.resource, pair.ordinal) {
            let message = format!("pairs {first} and {} have the same resource `{}`", pair.ordinal, pair.resource);
            faults.push(Fault::at(&place("/resource"), message));
        }
        let good = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        if pair.resource.is_empty() || !pair.resource.chars().all(good) || pair.resource.starts_with(['-', '.']) {
            faults.push(Fault::at(&place("/resource"), format!("`{}` cannot be a resource's name", pair.resource)));
        }
        for role in [&inventory.roles.active, &inventory.roles.passive] {
            if !file.members.contains_key(role) && inventory.sites.contains_key(role) {
                faults
                    .push(Fault::at(&place("/members"), format!("pair `{}` has no member on `{role}`", pair.resource)));
            }
        }
        if file.members.len() > 2 {
            faults.push(Fault::at(&place("/members"), format!("pair `{}` has more than two members", pair.resource)));
        }
        let mut ids: BTreeMap<u8, &str> = BTreeMap::new();
        for (site, member) in &file.members {
            let at = place(&format!("/members/{site}/node_id"));
            if member.node_id > MAX_NODE_ID {
                faults.push(
                    Fault::at(&at, format!("node_id {} is out of range", member.node_id))
                        .help("DRBD takes 0 to 16 (drbd.conf(5))"),
                );
            }
            if let Some(other) = ids.insert(member.node_id, site) {
                faults.push(Fault::at(&at, format!("`{other}` and `{site}` have the same node_id {}", member.node_id)));
            }
        }
        for (site, member) in &pair.members {
            if member.address.parse::<IpAddr>().is_err() {
                let at = place(&format!("/members/{site}/address"));
                faults.push(
                    Fault::at(&at, format!("DRBD needs an IP address, and `{}` is none", member.address))
                        .help("set the member's `address`"),
                );
            }
            for (what, path) in [("device", &member.device), ("disk", &member.disk)] {
                let at = field(tree, pair.ordinal, site, what);
                // A fault that both members inherit from the pair is reported once.
                let reported = || faults.0.iter().any(|fault| fault.at.as_ref() == Some(at));
                if !path.starts_with("/dev/") && !reported() {
                    faults.push(Fault::at(at, format!("{what} `{path}` is not a path below /dev")));
                }
            }
        }
    }
}

/// The things that no two pairs may share on one node.
fn collisions(inventory: &Inventory, tree: &Node, faults: &mut Faults) {
    let mut seen: BTreeMap<(String, &str, String), &str> = BTreeMap::new();
    for pair in inventory.pairs.iter() {
        for member in pair.members.values() {
            let node = format!("{}/{}", member.site, member.node);
            let uses = [
                ("device", node.clone(), member.device.clone()),
                ("disk", node.clone(), member.disk.clone()),
                ("port", member.address.clone(), member.port.to_string()),
            ];
            for (what, of, value) in uses {
                if let Some(first) = seen.insert((of, what, value.clone()), &pair.resource) {
                    let at = field(tree, pair.ordinal, &member.site, what);
                    let message = format!("`{first}` and `{}` both use {what} {value} on {node}", pair.resource);
                    faults.push(Fault::at(at, message));
                }
            }
        }
    }
}

/// Where a member's field is set: on the member itself, or for the whole pair.
fn field<'t>(tree: &'t Node, ordinal: usize, site: &str, what: &str) -> &'t Location {
    let member = tree.deepest(&format!("/pairs/{ordinal}/members/{site}"));
    match member.get(what) {
        Some(own) => &own.at,
        None => &tree.deepest(&format!("/pairs/{ordinal}/{what}")).at,
    }
}
