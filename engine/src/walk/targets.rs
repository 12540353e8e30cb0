//! Resolves a step's `target:` to its targets.

use crate::inventory::Inventory;
use crate::target::Target;

/// The targets that a text names, and whether it names a set (`.nodes`, `.pairs`): the result of a set is a list, however
/// many members it has.
pub(crate) fn resolve(text: &str, inventory: &Inventory) -> Result<(Vec<Target>, bool), String> {
    if text == "controller" {
        return Ok((vec![Target::Controller], false));
    }
    let (name, part) = text.split_once('.').map_or((text, None), |(name, part)| (name, Some(part)));
    let name = match name {
        "active" => &inventory.roles.active,
        "passive" => &inventory.roles.passive,
        name => name,
    };
    let site = inventory.sites.get(name).ok_or_else(|| format!("unknown target `{text}`"))?;
    match part {
        None => Ok((vec![Target::Site { site: site.name.clone() }], false)),
        Some("nodes") => {
            let nodes = site.nodes.keys();
            Ok((nodes.map(|node| Target::Node { site: site.name.clone(), node: node.clone() }).collect(), true))
        }
        Some("pairs") => {
            let members = inventory.pairs.iter().filter_map(|pair| Some((pair, pair.members.get(&site.name)?)));
            let targets: Vec<Target> = members
                .map(|(pair, member)| Target::Pair {
                    site: site.name.clone(),
                    node: member.node.clone(),
                    ordinal: pair.ordinal,
                })
                .collect();
            if targets.is_empty() {
                return Err(format!("`{text}`: the inventory has no pairs with a member on {}", site.name));
            }
            Ok((targets, true))
        }
        Some(_) => Err(format!("unknown target `{text}`")),
    }
}
