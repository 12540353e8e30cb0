//! What must hold for the map of replicas to be one-to-one, and for each to sit where its pair is. Every violation is
//! named, not only the first.

use cutover_engine::inventory::Pair;
use cutover_engine::source::nearest;
use cutover_engine::text;
use cutover_engine::text::Text;

use super::Params;
use super::facts::{Facts, Replica, Set, Volume};
use crate::support::storage::mounts::beneath;

/// All that is wrong; empty if the map is proven.
pub(super) fn violations(params: &Params, site: &str, pairs: &[Pair], facts: &Facts) -> Vec<Text> {
    let title = format!("StatefulSet {}/{}", params.namespace, params.statefulset);
    let Some(set) = &facts.set else { return vec![text!("k8s_volumes.missing", "{title} does not exist", title)] };
    if !set.templates.contains(&params.claim) {
        let names = set.templates.iter().map(String::as_str);
        let hint = match nearest(&params.claim, names.clone()) {
            Some(meant) => text!("k8s_volumes.template-meant", "did you mean {meant}?", meant),
            None => text!("k8s_volumes.templates", "it has {names}", names = names.collect::<Vec<_>>().join(", ")),
        };
        return vec![text!(
            "k8s_volumes.no-template",
            "{title} has no volume claim template {claim}: {hint}",
            title,
            claim = &params.claim,
            hint
        )];
    }
    let mut found = counts(&title, set, pairs, facts);
    for replica in &facts.replicas {
        found.extend(chain(params, replica));
    }
    found.extend(overlaps(facts));
    found.extend(set.drops_claims.clone().filter(|_| params.keeps_claims));
    if params.removable {
        found.extend(set.held.iter().cloned());
    }
    found.extend(set.others.iter().filter(|other| !params.besides.contains(&other.name)).map(|other| {
        text!(
            "k8s_volumes.other-volume",
            "the pods of {title} have a volume {name} besides {claim} ({what}): its data is not moved, and may tie the pods to their nodes; move it as well, or name it in `besides` if it may stay behind",
            title = &title,
            name = &other.name,
            claim = &params.claim,
            what = other.what.clone()
        )
    }));
    if params.on_pairs {
        for replica in &facts.replicas {
            found.extend(placed(site, pairs, replica));
        }
    }
    found
}

/// The number of replicas is the number of pairs.
fn counts(title: &str, set: &Set, pairs: &[Pair], facts: &Facts) -> Vec<Text> {
    let wanted = pairs.len();
    if wanted == 0 {
        return Vec::new();
    }
    if set.replicas > 0 && set.replicas != wanted {
        return vec![text!(
            "k8s_volumes.counts",
            "{title} has {replicas} replicas, the inventory has {wanted} pairs",
            title,
            replicas = set.replicas,
            wanted
        )];
    }
    let surplus: Vec<&str> = facts
        .replicas
        .iter()
        .filter(|replica| replica.ordinal >= wanted && replica.claim.is_some())
        .map(|replica| replica.claim_name.as_str())
        .collect();
    if set.replicas == 0 && !surplus.is_empty() {
        return vec![text!(
            "k8s_volumes.surplus",
            "{title} is at zero replicas, and its claim {claims} has no pair: whose data is it?",
            title,
            claims = surplus.join(", ")
        )];
    }
    Vec::new()
}

/// From the replica to its directory and back: claim, volume, the volume's claim, the node.
fn chain(params: &Params, replica: &Replica) -> Option<Text> {
    let full = format!("{}/{}", params.namespace, replica.claim_name);
    let title = text!("k8s_volumes.claim", "claim {name}", name = &full);
    let Some(claim) = &replica.claim else {
        return Some(text!("k8s_volumes.no-claim", "{title} does not exist", title));
    };
    if claim.deleting {
        return Some(text!("k8s_volumes.deleting", "{title} is being deleted", title));
    }
    let Some(volume) = &replica.volume else {
        return Some(match claim.volume.as_str() {
            "" => text!("k8s_volumes.no-volume", "{title} is {phase} and has no volume", title, phase = &claim.phase),
            missing => text!(
                "k8s_volumes.volume-missing",
                "{title} names the volume {missing}, which does not exist",
                title,
                missing
            ),
        });
    };
    let name = &volume.name;
    if volume.claim != full {
        return Some(text!(
            "k8s_volumes.other-claim",
            "{title} names the volume {name}, which belongs to the claim {other}",
            title,
            name,
            other = &volume.claim
        ));
    }
    if volume.claim_uid != claim.uid {
        let other = match volume.claim_uid.is_empty() {
            true => text!("k8s_volumes.no-uid", "none yet"),
            false => Text::verbatim(&volume.claim_uid),
        };
        return Some(text!(
            "k8s_volumes.other-uid",
            "volume {name} is bound to a claim with UID {other}, {title} has {uid}",
            name,
            other,
            title,
            uid = &claim.uid
        ));
    }
    if claim.phase != "Bound" || volume.phase != "Bound" {
        return Some(text!(
            "k8s_volumes.not-bound",
            "{title} is {phase}, its volume {name} is {volume_phase}, not Bound",
            title,
            phase = &claim.phase,
            name,
            volume_phase = &volume.phase
        ));
    }
    if volume.path.is_none() {
        return Some(text!(
            "k8s_volumes.no-directory",
            "volume {name} of {title} is not a directory of a node (hostPath or local)",
            name,
            title
        ));
    }
    let Some(node) = replica.node() else {
        return Some(text!(
            "k8s_volumes.no-node",
            "on which node the volume {name} of {title} lies is not known: it has no node affinity",
            name,
            title
        ));
    };
    match &volume.nodes {
        Some(nodes) if !nodes.iter().any(|allowed| allowed == node) => {
            let nodes = match nodes.is_empty() {
                true => text!("k8s_volumes.from-nowhere", "no node"),
                false => Text::verbatim(nodes.join(", ")),
            };
            Some(text!(
                "k8s_volumes.elsewhere",
                "{pod} is on {node}, its volume {name} can be reached from {nodes} only",
                pod = &replica.pod_name,
                node,
                name,
                nodes
            ))
        }
        _ => None,
    }
}

/// No two volumes share a directory, or lie one in the other.
fn overlaps(facts: &Facts) -> Vec<Text> {
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
                found.push(text!(
                    "k8s_volumes.same-volume",
                    "claims {one} and {two} name the same volume {volume}",
                    one,
                    two,
                    volume = &volume.name
                ));
            } else if replica.node() == other.node() && nested(path, other_path) {
                let node = replica.node().unwrap_or_default();
                found.push(text!(
                    "k8s_volumes.same-directory",
                    "claims {one} and {two} share a directory of {node}: {path} and {other_path}",
                    one,
                    two,
                    node,
                    path = *path,
                    other_path = *other_path
                ));
            }
        }
        for other in &facts.others {
            let there = |node: &str| other.nodes.as_ref().is_none_or(|nodes| nodes.iter().any(|known| known == node));
            let shares = other.path.as_deref().is_some_and(|theirs| nested(path, theirs));
            if shares && replica.node().is_some_and(there) {
                let node = replica.node().unwrap_or_default();
                let (claim, theirs) = (&replica.claim_name, other.path.as_deref().unwrap_or_default());
                found.push(text!(
                    "k8s_volumes.shared-directory",
                    "volume {volume} ({theirs}) shares the directory {path} of claim {claim} on {node}",
                    volume = &other.name,
                    theirs,
                    path = *path,
                    claim,
                    node
                ));
            }
        }
    }
    found
}

/// The replica sits on the node of its pair, and its directory on the pair's device.
fn placed(site: &str, pairs: &[Pair], replica: &Replica) -> Option<Text> {
    let ordinal = replica.ordinal;
    let Some(member) = pairs.get(ordinal).and_then(|pair| pair.members.get(site)) else {
        return Some(text!("k8s_volumes.no-pair", "replica {ordinal} has no pair at {site}", ordinal, site));
    };
    let (volume, node) = (replica.volume.as_ref()?, replica.node()?);
    let path = volume.path.as_deref()?;
    if node != member.node {
        let resource = &pairs[ordinal].resource;
        return Some(text!(
            "k8s_volumes.off-pair",
            "replica {ordinal} is on {node}, its pair {resource} is on {pair_node}",
            ordinal,
            node,
            resource,
            pair_node = &member.node
        ));
    }
    let mounted = replica.mounted.as_ref()?;
    let device = &mounted.device;
    match (&mounted.source, &mounted.target) {
        (Some(source), _) if source.split('[').next() == Some(device) => None,
        (Some(source), target) => {
            let target = target.as_deref().unwrap_or_default();
            Some(text!(
                "k8s_volumes.other-device",
                "{path} of replica {ordinal} on {node} lies on {source} (mounted at {target}), not on {device}",
                path,
                ordinal,
                node,
                source,
                target,
                device
            ))
        }
        (None, _) => Some(text!(
            "k8s_volumes.not-there",
            "{path} of replica {ordinal} is not there on {node}: is {device} mounted?",
            path,
            ordinal,
            node,
            device
        )),
    }
}
