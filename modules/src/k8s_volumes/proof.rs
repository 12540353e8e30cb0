//! What must hold for the map of replicas to be one-to-one, and for each to sit where its pair is. Every violation is
//! named, not only the first.

use cutover_engine::inventory::Pair;
use cutover_engine::source::nearest;

use super::Params;
use super::facts::{Facts, Replica, Set, Volume};
use crate::storage::mounts::beneath;

/// All that is wrong; empty if the map is proven.
pub(super) fn violations(params: &Params, site: &str, pairs: &[Pair], facts: &Facts) -> Vec<String> {
    let title = format!("StatefulSet {}/{}", params.namespace, params.statefulset);
    let Some(set) = &facts.set else { return vec![format!("{title} does not exist")] };
    if !set.templates.contains(&params.claim) {
        let names = set.templates.iter().map(String::as_str);
        let hint = match nearest(&params.claim, names.clone()) {
            Some(meant) => format!("did you mean {meant}?"),
            None => format!("it has {}", names.collect::<Vec<_>>().join(", ")),
        };
        return vec![format!("{title} has no volume claim template {}: {hint}", params.claim)];
    }
    let mut found = counts(&title, set, pairs, facts);
    for replica in &facts.replicas {
        found.extend(chain(params, replica));
    }
    found.extend(overlaps(facts));
    found.extend(set.drops_claims.clone().filter(|_| params.keeps_claims));
    if params.on_pairs {
        for replica in &facts.replicas {
            found.extend(placed(site, pairs, replica));
        }
    }
    found
}

/// The number of replicas is the number of pairs.
fn counts(title: &str, set: &Set, pairs: &[Pair], facts: &Facts) -> Vec<String> {
    let wanted = pairs.len();
    if wanted == 0 {
        return Vec::new();
    }
    if set.replicas > 0 && set.replicas != wanted {
        return vec![format!("{title} has {} replicas, the inventory has {wanted} pairs", set.replicas)];
    }
    let surplus: Vec<&str> = facts
        .replicas
        .iter()
        .filter(|replica| replica.ordinal >= wanted && replica.claim.is_some())
        .map(|replica| replica.claim_name.as_str())
        .collect();
    if set.replicas == 0 && !surplus.is_empty() {
        let surplus = surplus.join(", ");
        return vec![format!("{title} is at zero replicas, and its claim {surplus} has no pair: whose data is it?")];
    }
    Vec::new()
}

/// From the replica to its directory and back: claim, volume, the volume's claim, the node.
fn chain(params: &Params, replica: &Replica) -> Option<String> {
    let title = format!("claim {}/{}", params.namespace, replica.claim_name);
    let Some(claim) = &replica.claim else { return Some(format!("{title} does not exist")) };
    if claim.deleting {
        return Some(format!("{title} is being deleted"));
    }
    let Some(volume) = &replica.volume else {
        return Some(match claim.volume.as_str() {
            "" => format!("{title} is {} and has no volume", claim.phase),
            missing => format!("{title} names the volume {missing}, which does not exist"),
        });
    };
    let name = &volume.name;
    if volume.claim != format!("{}/{}", params.namespace, replica.claim_name) {
        return Some(format!("{title} names the volume {name}, which belongs to the claim {}", volume.claim));
    }
    if volume.claim_uid != claim.uid {
        let other = if volume.claim_uid.is_empty() { "none yet" } else { &volume.claim_uid };
        return Some(format!("volume {name} is bound to a claim with UID {other}, {title} has {}", claim.uid));
    }
    if claim.phase != "Bound" || volume.phase != "Bound" {
        return Some(format!("{title} is {}, its volume {name} is {}, not Bound", claim.phase, volume.phase));
    }
    if volume.path.is_none() {
        return Some(format!("volume {name} of {title} is no directory of a node (hostPath or local)"));
    }
    let Some(node) = replica.node() else {
        return Some(format!("on which node the volume {name} of {title} lies is not known: it has no node affinity"));
    };
    match &volume.nodes {
        Some(nodes) if !nodes.iter().any(|allowed| allowed == node) => {
            let nodes = if nodes.is_empty() { "no node".to_owned() } else { nodes.join(", ") };
            Some(format!("{} is on {node}, its volume {name} can be reached from {nodes} only", replica.pod_name))
        }
        _ => None,
    }
}

/// No two volumes share a directory, or lie one in the other.
fn overlaps(facts: &Facts) -> Vec<String> {
    let mut found = Vec::new();
    let placed: Vec<(&Replica, &Volume, &str)> = facts
        .replicas
        .iter()
        .filter_map(|replica| Some((replica, replica.volume.as_ref()?, replica.volume.as_ref()?.path.as_deref()?)))
        .collect();
    let nested = |a: &str, b: &str| beneath(a, b) || beneath(b, a);
    for (index, (replica, volume, path)) in placed.iter().enumerate() {
        for (other, other_volume, other_path) in &placed[index + 1..] {
            let (one, two) = (&replica.claim_name, &other.claim_name);
            if volume.name == other_volume.name {
                found.push(format!("claims {one} and {two} name the same volume {}", volume.name));
            } else if replica.node() == other.node() && nested(path, other_path) {
                let node = replica.node().unwrap_or_default();
                found.push(format!("claims {one} and {two} share a directory of {node}: {path} and {other_path}"));
            }
        }
        for other in &facts.others {
            let there = |node: &str| other.nodes.as_ref().is_none_or(|nodes| nodes.iter().any(|known| known == node));
            let shares = other.path.as_deref().is_some_and(|theirs| nested(path, theirs));
            if shares && replica.node().is_some_and(there) {
                let node = replica.node().unwrap_or_default();
                let (claim, theirs) = (&replica.claim_name, other.path.as_deref().unwrap_or_default());
                found.push(format!(
                    "volume {} ({theirs}) shares the directory {path} of claim {claim} on {node}",
                    other.name
                ));
            }
        }
    }
    found
}

/// The replica sits on the node of its pair, and its directory on the pair's device.
fn placed(site: &str, pairs: &[Pair], replica: &Replica) -> Option<String> {
    let ordinal = replica.ordinal;
    let Some(member) = pairs.get(ordinal).and_then(|pair| pair.members.get(site)) else {
        return Some(format!("replica {ordinal} has no pair at {site}"));
    };
    let (volume, node) = (replica.volume.as_ref()?, replica.node()?);
    let path = volume.path.as_deref()?;
    if node != member.node {
        let resource = &pairs[ordinal].resource;
        return Some(format!("replica {ordinal} is on {node}, its pair {resource} is on {}", member.node));
    }
    let mounted = replica.mounted.as_ref()?;
    let device = &mounted.device;
    match (&mounted.source, &mounted.target) {
        (Some(source), _) if source.split('[').next() == Some(device) => None,
        (Some(source), target) => {
            let target = target.as_deref().unwrap_or_default();
            Some(format!(
                "{path} of replica {ordinal} on {node} lies on {source} (mounted at {target}), not on {device}"
            ))
        }
        (None, _) => Some(format!("{path} of replica {ordinal} is not there on {node}: is {device} mounted?")),
    }
}
