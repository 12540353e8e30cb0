//! What "ready" means for an object of each kind, in the terms of `kubectl rollout status` and `kubectl wait`.

use serde_json::Value;

use super::kind::Kind;
use super::pod::{self, condition};
use super::{deleting, text};

/// Whether an object is ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// It is.
    Ready,
    /// It is not, and may become so: why it is not, in words.
    NotYet(String),
    /// It is in a state that it does not leave by itself.
    Never(String),
    /// Its kind has no state that would be called ready.
    Unknown,
}

use Readiness::{Never, NotYet, Ready, Unknown};

/// Judges an object.
pub(crate) fn of(kind: &Kind, object: &Value) -> Readiness {
    if deleting(object) {
        return NotYet("it is being deleted".to_owned());
    }
    match (kind.group.as_ref(), kind.kind.as_ref()) {
        ("", "Node") => by_condition(object, "Ready"),
        ("", "Pod") => of_pod(object),
        ("", "PersistentVolumeClaim") => match phase(object) {
            "Bound" => Ready,
            "Lost" => Never("its volume is gone (phase Lost)".to_owned()),
            phase => NotYet(format!("it is {}, not Bound", or_new(phase))),
        },
        ("", "PersistentVolume") => match phase(object) {
            "Available" | "Bound" => Ready,
            "Released" => Never("its claim is gone and it is not free again (phase Released)".to_owned()),
            "Failed" => Never(format!("its reclamation failed: {}", text(&object["status"]["message"]))),
            phase => NotYet(format!("it is {}", or_new(phase))),
        },
        ("", "Namespace") => match phase(object) {
            "Active" => Ready,
            phase => NotYet(format!("it is {}", or_new(phase))),
        },
        ("apps", "StatefulSet") => of_stateful_set(object),
        ("apps", "Deployment" | "ReplicaSet") => of_deployment(object),
        ("apps", "DaemonSet") => of_daemon_set(object),
        ("batch", "Job") => of_job(object),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => by_condition(object, "Established"),
        _ if condition(object, "Ready").is_some() => by_condition(object, "Ready"),
        _ if condition(object, "Available").is_some() => by_condition(object, "Available"),
        _ => Unknown,
    }
}

fn phase(object: &Value) -> &str {
    text(&object["status"]["phase"])
}

fn or_new(phase: &str) -> &str {
    if phase.is_empty() { "new" } else { phase }
}

fn by_condition(object: &Value, name: &str) -> Readiness {
    match condition(object, name) {
        Some(found) if found["status"] == "True" => Ready,
        Some(found) => {
            let status = text(&found["status"]);
            let words = [text(&found["reason"]), text(&found["message"])];
            let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
            let tail = if words.is_empty() { String::new() } else { format!(" ({})", words.join(": ")) };
            NotYet(format!("its condition {name} is {status}{tail}"))
        }
        None => NotYet(format!("it has no condition {name} yet")),
    }
}

fn of_pod(pod: &Value) -> Readiness {
    let controllers = pod["metadata"]["ownerReferences"].as_array();
    // These replace a failed pod by one of the same name.
    let replaced = controllers
        .is_some_and(|owners| owners.iter().any(|owner| matches!(text(&owner["kind"]), "StatefulSet" | "DaemonSet")));
    match phase(pod) {
        "Succeeded" => Ready,
        "Failed" if !replaced => Never(pod::Pod::of(pod, &[]).why),
        _ if pod::is_ready(pod) => Ready,
        _ => NotYet(pod::Pod::of(pod, &[]).why),
    }
}

/// Whether the controller has seen the object as it is now.
pub(crate) fn observed(object: &Value) -> bool {
    let generation = object["metadata"]["generation"].as_i64().unwrap_or(0);
    object["status"]["observedGeneration"].as_i64().unwrap_or(0) >= generation
}

fn count(object: &Value, field: &str) -> u64 {
    object["status"][field].as_u64().unwrap_or(0)
}

fn wanted(object: &Value) -> u64 {
    object["spec"]["replicas"].as_u64().unwrap_or(1)
}

fn unseen() -> Readiness {
    NotYet("its controller has not seen its last change yet".to_owned())
}

fn of_stateful_set(object: &Value) -> Readiness {
    let replicas = wanted(object);
    if !observed(object) {
        return unseen();
    }
    let (ready, present) = (count(object, "readyReplicas"), count(object, "replicas"));
    if ready < replicas || present < replicas {
        return NotYet(format!("{ready} of {replicas} replicas are ready"));
    }
    if present > replicas {
        return NotYet(format!("{present} replicas are there, {replicas} are wanted"));
    }
    let strategy = &object["spec"]["updateStrategy"];
    let partition = strategy["rollingUpdate"]["partition"].as_u64().unwrap_or(0);
    let due = if strategy["type"] == "OnDelete" { 0 } else { replicas.saturating_sub(partition) };
    let updated = count(object, "updatedReplicas");
    if updated < due {
        return NotYet(format!("{updated} of {due} replicas have the newest template"));
    }
    Ready
}

fn of_deployment(object: &Value) -> Readiness {
    let replicas = wanted(object);
    if !observed(object) {
        return unseen();
    }
    let deployment = object["status"].get("updatedReplicas").is_some();
    let updated = if deployment { count(object, "updatedReplicas") } else { count(object, "replicas") };
    let (available, present) = (count(object, "availableReplicas"), count(object, "replicas"));
    if updated < replicas {
        return NotYet(format!("{updated} of {replicas} replicas have the newest template"));
    }
    if present > replicas {
        return NotYet(format!("{} old replicas are still there", present - replicas));
    }
    if available < replicas {
        let stuck = condition(object, "Progressing").filter(|progress| progress["status"] == "False");
        let tail = stuck.map(|progress| format!(": {}", text(&progress["message"]))).unwrap_or_default();
        return NotYet(format!("{available} of {replicas} replicas are available{tail}"));
    }
    Ready
}

fn of_daemon_set(object: &Value) -> Readiness {
    if !observed(object) {
        return unseen();
    }
    let due = count(object, "desiredNumberScheduled");
    let updated = count(object, "updatedNumberScheduled");
    if object["spec"]["updateStrategy"]["type"] != "OnDelete" && updated < due {
        return NotYet(format!("{updated} of {due} pods have the newest template"));
    }
    let ready = count(object, "numberReady");
    if ready < due { NotYet(format!("{ready} of {due} pods are ready")) } else { Ready }
}

fn of_job(object: &Value) -> Readiness {
    let holds = |name: &str| condition(object, name).filter(|found| found["status"] == "True");
    if holds("Complete").is_some() {
        return Ready;
    }
    if let Some(failed) = holds("Failed") {
        return Never(format!("it failed: {}: {}", text(&failed["reason"]), text(&failed["message"])));
    }
    let due = object["spec"]["completions"].as_u64().unwrap_or(1);
    NotYet(format!("{} of {due} pods have completed", count(object, "succeeded")))
}

#[cfg(test)]
mod tests;
