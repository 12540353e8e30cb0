//! The scheduler: assigns pods to nodes that fit, by selector, affinity, taints, volumes, room and spread. Which of the fitting nodes it
//! takes depends on the seed only: nothing may rely on ordinals and nodes matching by themselves.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::provisioner::SELECTED_NODE;
use super::{Touched, deleting, text, uid, volumes};
use crate::cluster::api::LabelSelector;
use crate::cluster::quantity::{of_pod, thousandths};
use crate::cluster::state::{Cluster, Key, key};

/// Schedules pods that have no node.
pub(crate) fn reconcile(cluster: &mut Cluster, touched: &Touched) {
    if !touched.any(&["pods", "nodes", "persistentvolumeclaims", "persistentvolumes", "storageclasses"]) {
        return;
    }
    let unplaced = |object: &Value| object["spec"]["nodeName"].is_null() && !deleting(object);
    let pods: Vec<Key> =
        cluster.list("pods").filter(|(_, object)| unplaced(object)).map(|(key, _)| key.clone()).collect();
    pods.iter().for_each(|pod| schedule(cluster, pod));
}

fn schedule(cluster: &mut Cluster, pod: &Key) {
    let Some(object) = cluster.get(pod).cloned() else { return };
    let (nodes, claims) = match claims(cluster, pod, &object) {
        Ok(claims) => (fitting(cluster, &object, &claims), claims),
        Err(why) => (Err(why), Vec::new()),
    };
    let nodes = match nodes {
        Ok(nodes) => nodes,
        Err(why) => return unschedulable(cluster, pod, &why),
    };
    let rank =
        |node: &String| crate::kernel::number(cluster.seed, &format!("{}/{}/{node}", cluster.site, uid(&object)));
    let Some(node) = nodes.into_iter().min_by_key(rank) else { return };
    let mut waiting = false;
    for claim in claims {
        waiting |= place_claim(cluster, &claim, &node);
    }
    if waiting {
        // The pod gets its node when its volumes are there.
        return;
    }
    let stamp = cluster.stamp();
    cluster.edit(pod, |pod| {
        pod["spec"]["nodeName"] = json!(node);
        pod["status"]["conditions"] = json!([
            {"type": "Initialized", "status": "True", "lastTransitionTime": stamp},
            {"type": "Ready", "status": "False", "reason": "ContainersNotReady", "lastTransitionTime": stamp},
            {"type": "ContainersReady", "status": "False", "reason": "ContainersNotReady", "lastTransitionTime": stamp},
            {"type": "PodScheduled", "status": "True", "lastTransitionTime": stamp},
        ]);
    });
}

/// The claims of a pod; an error if one is missing or cannot be bound yet.
fn claims(cluster: &Cluster, pod: &Key, object: &Value) -> Result<Vec<Key>, String> {
    let mut claims = Vec::new();
    for volume in object["spec"]["volumes"].as_array().into_iter().flatten() {
        let Some(name) = volume["persistentVolumeClaim"]["claimName"].as_str() else { continue };
        let claim = key("persistentvolumeclaims", &pod.1, name);
        let Some(known) = cluster.get(&claim) else {
            return Err(format!("persistentvolumeclaim \"{name}\" not found"));
        };
        if deleting(known) {
            return Err(format!("persistentvolumeclaim \"{name}\" is being deleted"));
        }
        match text(&known["status"]["phase"]) {
            "Lost" => {
                return Err(format!(
                    "persistentvolumeclaim \"{name}\" bound to non-existent persistentvolume \"{}\"",
                    text(&known["spec"]["volumeName"])
                ));
            }
            "Bound" => {}
            _ if volumes::waits_for_pod(cluster, known) && text(&known["spec"]["volumeName"]).is_empty() => {}
            _ => return Err("pod has unbound immediate PersistentVolumeClaims".to_owned()),
        }
        claims.push(claim);
    }
    Ok(claims)
}

/// Finds a claim its volume on a node: a free volume there, or else the provisioner. Says whether it has to be waited for.
fn place_claim(cluster: &mut Cluster, claim: &Key, node: &str) -> bool {
    let Some(object) = cluster.get(claim).cloned() else { return true };
    if object["status"]["phase"] == "Bound" {
        return false;
    }
    let labels =
        cluster.get(&key("nodes", "", node)).map(|node| node["metadata"]["labels"].clone()).unwrap_or_default();
    let found = cluster.list("persistentvolumes").find(|(_, volume)| {
        volumes::is_free(volume) && volumes::fits(volume, &object) && volume_reaches(volume, node, &labels)
    });
    match found.map(|(key, _)| key.clone()) {
        Some(volume) => {
            volumes::bind(cluster, claim, &volume);
            false
        }
        None => {
            cluster.edit(claim, |claim| claim["metadata"]["annotations"][SELECTED_NODE] = json!(node));
            true
        }
    }
}

/// The nodes that fit a pod, or the scheduler's words for why there is none.
fn fitting(cluster: &Cluster, pod: &Value, claims: &[Key]) -> Result<Vec<String>, String> {
    let mut reasons: BTreeMap<&'static str, usize> = BTreeMap::new();
    let mut nodes = Vec::new();
    let mut all = 0;
    let repelling = repelling(cluster, pod);
    for (key, node) in cluster.list("nodes") {
        all += 1;
        match misfit(cluster, pod, claims, &key.2, node, &repelling) {
            Some(reason) => *reasons.entry(reason).or_default() += 1,
            None => nodes.push(key.2.clone()),
        }
    }
    if nodes.is_empty() {
        let reasons: Vec<String> = reasons.into_iter().map(|(reason, count)| format!("{count} {reason}")).collect();
        return Err(format!("0/{all} nodes are available: {}.", reasons.join(", ")));
    }
    Ok(nodes)
}

fn misfit(
    cluster: &Cluster,
    pod: &Value,
    claims: &[Key],
    name: &str,
    node: &Value,
    repelling: &[(String, Value)],
) -> Option<&'static str> {
    let labels = &node["metadata"]["labels"];
    let conditions = node["status"]["conditions"].as_array().into_iter().flatten();
    if !conditions.clone().any(|condition| condition["type"] == "Ready" && condition["status"] == "True") {
        return Some("node(s) were not ready");
    }
    if node["spec"]["unschedulable"] == true {
        return Some("node(s) were unschedulable");
    }
    if !tolerated(pod, node) {
        return Some("node(s) had taints that the pod didn't tolerate");
    }
    let mut wanted = pod["spec"]["nodeSelector"].as_object().into_iter().flatten();
    if !wanted.all(|(key, value)| labels.get(key) == Some(value)) || !affine(pod, name, labels) {
        return Some("node(s) didn't match node selector");
    }
    for claim in claims.iter().filter_map(|claim| cluster.get(claim)) {
        let volume = cluster.get(&key("persistentvolumes", "", text(&claim["spec"]["volumeName"])));
        if volume.is_some_and(|volume| !volume_reaches(volume, name, labels)) {
            return Some("node(s) had volume node affinity conflict");
        }
    }
    if let Some(reason) = crowded(cluster, pod, name, node).or_else(|| skewed(cluster, pod, labels)) {
        return Some(reason);
    }
    let repelled = repelling.iter().any(|(topology, domain)| labels[topology] == *domain);
    repelled.then_some("node(s) didn't match pod affinity/anti-affinity")
}

/// Whether the other pods on a node leave no room for a pod.
fn crowded(cluster: &Cluster, pod: &Value, name: &str, node: &Value) -> Option<&'static str> {
    [("cpu", "Insufficient cpu"), ("memory", "Insufficient memory")].into_iter().find_map(|(resource, reason)| {
        let wanted = of_pod(pod, "requests", resource);
        let taken = || -> i128 {
            let there =
                cluster.list("pods").filter(|(_, other)| other["spec"]["nodeName"] == name && uid(other) != uid(pod));
            there.map(|(_, other)| of_pod(other, "requests", resource)).sum()
        };
        let has = || thousandths(&node["status"]["capacity"][resource]);
        (wanted > 0 && taken() + wanted > has()).then_some(reason)
    })
}

/// Whether a pod on a node would be against its topology spread constraints.
fn skewed(cluster: &Cluster, pod: &Value, labels: &Value) -> Option<&'static str> {
    for constraint in pod["spec"]["topologySpreadConstraints"].as_array().into_iter().flatten() {
        if constraint["whenUnsatisfiable"] == "ScheduleAnyway" {
            continue;
        }
        let (topology, selector) =
            (text(&constraint["topologyKey"]), LabelSelector::of_object(&constraint["labelSelector"]));
        let Some(here) = labels.get(topology) else {
            return Some("node(s) didn't match pod topology spread constraints (missing required label)");
        };
        let mut domains: BTreeMap<String, i64> = BTreeMap::new();
        for (key, node) in cluster.list("nodes") {
            let labels = &node["metadata"]["labels"];
            let mut wanted = pod["spec"]["nodeSelector"].as_object().into_iter().flatten();
            let eligible = wanted.all(|(key, value)| labels.get(key) == Some(value)) && affine(pod, &key.2, labels);
            let Some(domain) = labels.get(topology).filter(|_| eligible) else { continue };
            let counted = cluster.list("pods").filter(|(_, other)| {
                other["spec"]["nodeName"] == key.2.as_str()
                    && other["metadata"]["namespace"] == pod["metadata"]["namespace"]
                    && !deleting(other)
                    && selector.matches(&other["metadata"]["labels"])
            });
            *domains.entry(domain.to_string()).or_default() += i64::try_from(counted.count()).unwrap_or(i64::MAX);
        }
        let least = domains.values().copied().min().unwrap_or(0);
        let own = i64::from(selector.matches(&pod["metadata"]["labels"]));
        let there = domains.get(&here.to_string()).copied().unwrap_or(0) + own;
        if there - least > constraint["maxSkew"].as_i64().unwrap_or(1) {
            return Some("node(s) didn't match pod topology spread constraints");
        }
    }
    None
}

fn tolerated(pod: &Value, node: &Value) -> bool {
    let tolerations = pod["spec"]["tolerations"].as_array().cloned().unwrap_or_default();
    let mut taints = node["spec"]["taints"].as_array().into_iter().flatten();
    taints.all(|taint| {
        let harmless = taint["effect"] == "PreferNoSchedule";
        let tolerates = |toleration: &Value| {
            let key = toleration["key"].is_null() || toleration["key"] == taint["key"];
            let effect = toleration["effect"].is_null() || toleration["effect"] == taint["effect"];
            let value = toleration["operator"] == "Exists" || text(&toleration["value"]) == text(&taint["value"]);
            key && effect && value
        };
        harmless || tolerations.iter().any(tolerates)
    })
}

fn affine(pod: &Value, name: &str, labels: &Value) -> bool {
    let required = &pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
    node_selector(required, name, labels)
}

/// Whether a volume can be reached from a node.
fn volume_reaches(volume: &Value, name: &str, labels: &Value) -> bool {
    node_selector(&volume["spec"]["nodeAffinity"]["required"], name, labels)
}

/// Whether one term of a node selector matches; an absent selector matches every node.
fn node_selector(selector: &Value, name: &str, labels: &Value) -> bool {
    let Some(terms) = selector["nodeSelectorTerms"].as_array() else { return true };
    terms.iter().any(|term| {
        let fields = term["matchFields"].as_array().into_iter().flatten();
        let named =
            fields.clone().all(|field| field["values"].as_array().is_some_and(|names| names.iter().any(|n| n == name)));
        named && LabelSelector::of_object(term).matches(labels)
    })
}

/// The domains (a label of nodes and its value) from which required anti-affinity keeps a pod, its own or that of pods there.
fn repelling(cluster: &Cluster, pod: &Value) -> Vec<(String, Value)> {
    let domain = |node: &str, topology: &str| {
        let node = cluster.get(&key("nodes", "", node));
        node.map(|node| node["metadata"]["labels"][topology].clone()).unwrap_or_default()
    };
    let own: Vec<(&Value, LabelSelector)> =
        anti_affinity(pod).map(|term| (term, LabelSelector::of_object(&term["labelSelector"]))).collect();
    let mut found = Vec::new();
    for (_, other) in cluster.list("pods") {
        let node = text(&other["spec"]["nodeName"]);
        if uid(other) == uid(pod) || node.is_empty() || other["metadata"]["namespace"] != pod["metadata"]["namespace"] {
            continue;
        }
        let mine = own.iter().filter(|(_, selector)| selector.matches(&other["metadata"]["labels"]));
        let theirs = anti_affinity(other)
            .filter(|term| LabelSelector::of_object(&term["labelSelector"]).matches(&pod["metadata"]["labels"]));
        for term in mine.map(|(term, _)| *term).chain(theirs) {
            let topology = text(&term["topologyKey"]);
            found.push((topology.to_owned(), domain(node, topology)));
        }
    }
    found
}

fn anti_affinity(pod: &Value) -> impl Iterator<Item = &Value> {
    let required = &pod["spec"]["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
    required.as_array().into_iter().flatten()
}

fn unschedulable(cluster: &mut Cluster, pod: &Key, why: &str) {
    let stamp = cluster.stamp();
    cluster.edit(pod, |pod| {
        let known = &pod["status"]["conditions"][0];
        if known["type"] == "PodScheduled" && known["message"] == why {
            return;
        }
        pod["status"]["conditions"] = json!([{
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": why,
            "lastTransitionTime": stamp,
        }]);
    });
}
