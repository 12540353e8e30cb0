//! Quotas: what the pods of a namespace use up, and whether one more is let in. Scopes are not looked at.

use serde_json::{Map, Value, json};

use super::kind::Kind;
use super::problem::Problem;
use crate::cluster::quantity::{of_pod, thousandths, written};
use crate::cluster::state::Cluster;

/// How much of a field of a quota a pod uses up; `None` for what pods do not.
fn by(pod: &Value, field: &str) -> Option<i128> {
    Some(match field {
        "pods" | "count/pods" => 1000,
        "cpu" | "memory" | "ephemeral-storage" => of_pod(pod, "requests", field),
        _ => {
            let (section, resource) = field.split_once('.')?;
            match section {
                "requests" | "limits" if resource != "storage" => of_pod(pod, section, resource),
                _ => return None,
            }
        }
    })
}

/// A container that does not say how much it wants of what a quota limits.
fn silent<'a>(pod: &'a Value, field: &str) -> Option<&'a str> {
    let (section, resource) = match field {
        "cpu" | "memory" => ("requests", field),
        _ => field
            .split_once('.')
            .filter(|(section, resource)| matches!(*section, "requests" | "limits") && *resource != "storage")?,
    };
    let says = |container: &&Value| {
        let resources = &container["resources"];
        !resources[section][resource].is_null() || (section == "requests" && !resources["limits"][resource].is_null())
    };
    let mut containers = pod["spec"]["containers"].as_array().into_iter().flatten();
    containers.find(|container| !says(container)).and_then(|container| container["name"].as_str())
}

fn counts(pod: &Value) -> bool {
    !matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"))
}

/// What is used of a quota.
pub(crate) fn used(cluster: &Cluster, namespace: &str, quota: &Value) -> Map<String, Value> {
    let mut used = Map::new();
    for (field, _) in quota["spec"]["hard"].as_object().into_iter().flatten() {
        let pods = cluster.list("pods").filter(|(key, pod)| key.1 == namespace && counts(pod));
        let amounts: Option<i128> = pods.map(|(_, pod)| by(pod, field)).sum();
        used.insert(field.clone(), json!(written(amounts.unwrap_or(0))));
    }
    used
}

/// Refuses a pod that a quota of its namespace has no room for.
pub(super) fn admit(cluster: &Cluster, namespace: &str, pod: &Value) -> Result<(), Problem> {
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    for (key, quota) in cluster.list("resourcequotas").filter(|(key, _)| key.1 == namespace) {
        for (field, _) in quota["spec"]["hard"].as_object().into_iter().flatten() {
            if let Some(container) = silent(pod, field) {
                let message = format!(
                    "pods \"{name}\" is forbidden: failed quota: {}: must specify {field} for: {container}",
                    key.2
                );
                return Err(Problem::of(403, "Forbidden", message));
            }
        }
        let (mut requested, mut taken, mut limited) = (Vec::new(), Vec::new(), Vec::new());
        let used = used(cluster, namespace, quota);
        for (field, hard) in quota["spec"]["hard"].as_object().into_iter().flatten() {
            let Some(wanted) = by(pod, field) else { continue };
            let (now, most) = (thousandths(&used[field]), thousandths(hard));
            if wanted > 0 && now + wanted > most {
                requested.push(format!("{field}={}", written(wanted)));
                taken.push(format!("{field}={}", written(now)));
                limited.push(format!("{field}={}", hard.as_str().unwrap_or(&hard.to_string())));
            }
        }
        if !requested.is_empty() {
            let [requested, taken, limited] = [requested, taken, limited].map(|list| list.join(","));
            let message = format!(
                "pods \"{name}\" is forbidden: exceeded quota: {}, requested: {requested}, used: {taken}, limited: {limited}",
                key.2
            );
            return Err(Problem::of(403, "Forbidden", message));
        }
    }
    Ok(())
}

/// Refuses a pod with a container that may use more than a limit range of its namespace allows.
pub(super) fn within_limits(cluster: &Cluster, kind: &Kind, namespace: &str, pod: &Value) -> Result<(), Problem> {
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let ranges = cluster.list("limitranges").filter(|(key, _)| key.1 == namespace);
    let limits = ranges.flat_map(|(_, range)| range["spec"]["limits"].as_array().into_iter().flatten());
    for limit in limits.filter(|limit| limit["type"] == "Container") {
        for (resource, most) in limit["max"].as_object().into_iter().flatten() {
            for container in pod["spec"]["containers"].as_array().into_iter().flatten() {
                let resources = &container["resources"];
                let limit = match resources["limits"][resource].is_null() {
                    true => &resources["requests"][resource],
                    false => &resources["limits"][resource],
                };
                if thousandths(limit) > thousandths(most) {
                    let (most, limit) = (most.as_str().unwrap_or_default(), limit.as_str().unwrap_or_default());
                    let message = format!(
                        "{} \"{name}\" is forbidden: maximum {resource} usage per Container is {most}, but limit is {limit}",
                        kind.plural
                    );
                    return Err(Problem::of(403, "Forbidden", message));
                }
            }
        }
    }
    Ok(())
}
