//! The variables that every task has, as templates see them: sites, nodes and pairs of the inventory.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::inventory::{Inventory, Machine, Pair, PairMember, Site};
use crate::module::TargetKind;
use crate::target::Target;

/// Variables that every task has.
pub(crate) const ALWAYS: &[&str] = &["active", "passive", "pairs", "run", "playbook_dir", "roles_file", "target"];

/// Variables that a task has if its target is of a kind.
pub(crate) fn of_kind(kind: TargetKind) -> &'static [&'static str] {
    match kind {
        TargetKind::Controller => &[],
        TargetKind::Site => &["site", "peer_site"],
        TargetKind::Node => &["site", "peer_site", "node"],
        TargetKind::Pair => &["site", "peer_site", "node", "pair", "peer"],
    }
}

/// Whether a variable is one of these, or one that a loop or `until` defines.
pub(crate) fn is_one(name: &str) -> bool {
    ALWAYS.contains(&name) || sometimes().contains(&name) || ["item", "item_index", "result"].contains(&name)
}

/// Variables that some tasks have.
pub(crate) fn sometimes() -> &'static [&'static str] {
    of_kind(TargetKind::Pair)
}

/// `active`, `passive` and `pairs`.
pub(crate) fn common(inventory: &Inventory) -> Map<String, Value> {
    let mut variables = Map::new();
    for (role, name) in [("active", &inventory.roles.active), ("passive", &inventory.roles.passive)] {
        if let Some(value) = inventory.sites.get(name) {
            variables.insert(role.to_owned(), site(value, inventory));
        }
    }
    let pairs: Vec<Value> = inventory.pairs.iter().map(|value| pair(value, inventory)).collect();
    variables.insert("pairs".to_owned(), Value::Array(pairs));
    variables
}

/// `site` and `peer_site` for the targets on each site, by its name.
pub(crate) fn of_sites(inventory: &Inventory) -> BTreeMap<String, Arc<Map<String, Value>>> {
    let of = |own: &Site| {
        let mut variables = Map::new();
        variables.insert("site".to_owned(), site(own, inventory));
        variables.insert("peer_site".to_owned(), site(inventory.peer_of(&own.name), inventory));
        (own.name.clone(), Arc::new(variables))
    };
    inventory.sites.values().map(of).collect()
}

/// `target`, `node`, `pair` and `peer`, as far as the target has them.
pub(crate) fn of_target(target: &Target, inventory: &Inventory) -> Map<String, Value> {
    let mut variables = Map::new();
    variables.insert("target".to_owned(), json!(target.to_string()));
    let Some(own) = target.site().and_then(|name| inventory.sites.get(name)) else { return variables };
    if let Some(value) = target.node().and_then(|name| own.nodes.get(name)) {
        variables.insert("node".to_owned(), node(value));
    }
    if let Some(found) = target.ordinal().and_then(|ordinal| inventory.pairs.get(ordinal)) {
        for member in found.members.values() {
            let name = if member.site == own.name { "pair" } else { "peer" };
            variables.insert(name.to_owned(), self::member(found, member));
        }
    }
    variables
}

fn site(site: &Site, inventory: &Inventory) -> Value {
    let role = match &site.name {
        name if *name == inventory.roles.active => "active",
        name if *name == inventory.roles.passive => "passive",
        _ => "none",
    };
    let nodes: Vec<Value> = site.nodes.values().map(node).collect();
    json!({"name": site.name, "role": role, "nodes": nodes, "vars": site.vars})
}

fn node(node: &Machine) -> Value {
    json!({"name": node.name, "address": node.address, "hostname": node.hostname, "vars": node.vars})
}

fn pair(pair: &Pair, inventory: &Inventory) -> Value {
    let mut value = json!({"ordinal": pair.ordinal, "resource": pair.resource});
    for (role, name) in [("active", &inventory.roles.active), ("passive", &inventory.roles.passive)] {
        if let Some(own) = pair.members.get(name) {
            value[role] = member(pair, own);
        }
    }
    value
}

fn member(pair: &Pair, member: &PairMember) -> Value {
    json!({
        "ordinal": pair.ordinal, "resource": pair.resource, "site": member.site, "node": member.node,
        "hostname": member.hostname, "address": member.address, "port": member.port, "device": member.device,
        "disk": member.disk, "node_id": member.node_id,
    })
}
