//! Who may run beside whom: required affinity and anti-affinity between pods, and topology spread. Each of the new pods has its node
//! already, so what matters is what it would be like with all of them there.

use std::collections::BTreeMap;

use cutover_engine::text;
use cutover_engine::text::Text;
use serde_json::Value;

use super::Scene;
use crate::support::kubernetes::selector::{admits, selects};
use crate::support::kubernetes::{name, text};

/// What speaks against the new pods on their nodes.
pub(super) fn reasons(scene: &Scene<'_>) -> Vec<Text> {
    let mut reasons = apart(scene);
    reasons.extend(together(scene));
    reasons.extend(required(&scene.spec["topologySpreadConstraints"]).flat_map(|constraint| spread(scene, constraint)));
    reasons
}

fn required(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

/// The terms of an affinity that pods require.
fn terms<'a>(spec: &'a Value, which: &str) -> impl Iterator<Item = &'a Value> {
    required(&spec["affinity"][which]["requiredDuringSchedulingIgnoredDuringExecution"])
}

/// The part of a topology that a node is in; `None` if it is in none.
fn domain<'a>(node: &'a Value, term: &Value) -> Option<&'a str> {
    node["metadata"]["labels"].get(text(&term["topologyKey"])).map(text)
}

/// The node that a pod runs on.
fn node_of<'a>(scene: &Scene<'a>, pod: &Value) -> Option<&'a Value> {
    scene.nodes.iter().find(|node| name(node) == text(&pod["spec"]["nodeName"]))
}

/// Whether a term of a pod in a namespace means another pod.
fn means(term: &Value, from: &str, namespace: &str, labels: &Value) -> bool {
    let named = term["namespaces"].as_array().filter(|list| !list.is_empty());
    // Which namespaces a selector selects is not looked at: all of them may be meant.
    let there = !term["namespaceSelector"].is_null()
        || named.map_or(from == namespace, |list| list.iter().any(|one| one == namespace));
    there && selects(&term["labelSelector"], labels)
}

/// Pods that a new one must not be beside, or that must not be beside it.
fn apart(scene: &Scene<'_>) -> Vec<Text> {
    let mut reasons = Vec::new();
    for (index, node) in scene.planned.iter().enumerate() {
        let own: Vec<&Value> = terms(scene.spec, "podAntiAffinity").collect();
        let shares =
            |term: &Value, other: &Value| domain(node, term).is_some_and(|here| domain(other, term) == Some(here));
        for other in &scene.others {
            let Some(there) = node_of(scene, other) else { continue };
            let (namespace, labels) = (text(&other["metadata"]["namespace"]), &other["metadata"]["labels"]);
            let mine = own.iter().copied().filter(|term| means(term, scene.namespace, namespace, labels));
            let its = terms(&other["spec"], "podAntiAffinity")
                .filter(|term| means(term, namespace, scene.namespace, scene.labels));
            if let Some(term) = mine.chain(its).find(|term| shares(term, there)) {
                reasons.push(text!(
                    "k8s_placement.apart",
                    "{node} takes none of the pods beside {namespace}/{pod} (podAntiAffinity over {topology}): move that away",
                    node = name(node),
                    namespace,
                    pod = name(other),
                    topology = text(&term["topologyKey"])
                ));
            }
        }
        let among = own.iter().filter(|term| means(term, scene.namespace, scene.namespace, scene.labels));
        for term in among {
            if let Some(other) = scene.planned[..index].iter().find(|other| shares(term, other)) {
                reasons.push(text!(
                    "k8s_placement.apart-themselves",
                    "two of the pods cannot run on {other} and {node}: they keep apart over {topology} (podAntiAffinity), and both nodes \
                     have the same {topology}",
                    other = name(other),
                    node = name(node),
                    topology = text(&term["topologyKey"])
                ));
            }
        }
    }
    reasons
}

/// Pods that a new one must be beside.
fn together(scene: &Scene<'_>) -> Vec<Text> {
    let mut reasons = Vec::new();
    for term in terms(scene.spec, "podAffinity") {
        // The first one of a group has nobody to be beside.
        let themselves = means(term, scene.namespace, scene.namespace, scene.labels);
        for node in &scene.planned {
            let beside = scene.others.iter().any(|other| {
                means(term, scene.namespace, text(&other["metadata"]["namespace"]), &other["metadata"]["labels"])
                    && node_of(scene, other).is_some_and(|there| domain(there, term) == domain(node, term))
            });
            if domain(node, term).is_none() || !(beside || themselves) {
                reasons.push(text!(
                    "k8s_placement.alone",
                    "{node} takes none of the pods: none that they require beside them (podAffinity over {topology}) runs there",
                    node = name(node),
                    topology = text(&term["topologyKey"])
                ));
            }
        }
    }
    reasons
}

/// Why the new pods would not be spread as they require.
fn spread(scene: &Scene<'_>, constraint: &Value) -> Vec<Text> {
    let (key, selector) = (text(&constraint["topologyKey"]), &constraint["labelSelector"]);
    // Pods that do not count themselves are free to go anywhere.
    if constraint["whenUnsatisfiable"] == "ScheduleAnyway" || !selects(selector, scene.labels) {
        return Vec::new();
    }
    let missing = scene.planned.iter().filter(|node| domain(node, constraint).is_none());
    let mut reasons: Vec<Text> = missing
        .map(|node| {
            text!(
                "k8s_placement.no-topology",
                "{node} has no label {key}, over which the pods are to be spread",
                node = name(node),
                key
            )
        })
        .collect();
    let counted = |node: &&Value| constraint["nodeAffinityPolicy"] == "Ignore" || admits(scene.spec, node);
    let mut pods: BTreeMap<&str, u64> = BTreeMap::new();
    for node in scene.nodes.iter().filter(counted) {
        if let Some(domain) = domain(node, constraint) {
            let here = scene.on(name(node)).filter(|pod| {
                text(&pod["metadata"]["namespace"]) == scene.namespace && selects(selector, &pod["metadata"]["labels"])
            });
            *pods.entry(domain).or_default() += here.count() as u64;
        }
    }
    for node in &scene.planned {
        if let Some(domain) = domain(node, constraint) {
            *pods.entry(domain).or_default() += 1;
        }
    }
    let too_few = constraint["minDomains"].as_u64().is_some_and(|least| (pods.len() as u64) < least);
    let least = if too_few { 0 } else { pods.values().copied().min().unwrap_or(0) };
    let most = constraint["maxSkew"].as_u64().unwrap_or(1);
    let planned = |domain: &str| scene.planned.iter().any(|node| self::domain(node, constraint) == Some(domain));
    for (domain, count) in pods.iter().filter(|(domain, count)| planned(domain) && **count > least + most) {
        reasons.push(text!(
            "k8s_placement.spread",
            "the pods would not be spread as they require (topologySpreadConstraints over {key}): {count} in {domain}, and only {least} \
             elsewhere, where maxSkew is {most}",
            key,
            count = *count,
            domain = *domain,
            least,
            most
        ));
    }
    reasons
}
