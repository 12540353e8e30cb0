//! What "ready" means for an object of each kind, in the terms of `kubectl rollout status` and `kubectl wait`.

use cutover_engine::text;
use cutover_engine::text::Text;
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
    NotYet(Text),
    /// It is in a state that it does not leave by itself.
    Never(Text),
    /// Its kind has no state that would be called ready.
    Unknown,
}

use Readiness::{Never, NotYet, Ready, Unknown};

/// Whether a built-in kind has a state that would be called ready.
pub(crate) fn exists_for(kind: &Kind) -> bool {
    matches!(
        (kind.group.as_ref(), kind.kind.as_ref()),
        ("", "Node" | "Pod" | "PersistentVolumeClaim" | "PersistentVolume" | "Namespace")
            | ("apps", "StatefulSet" | "Deployment" | "ReplicaSet" | "DaemonSet")
            | ("batch", "Job")
            | ("apiextensions.k8s.io", "CustomResourceDefinition")
    )
}

/// Judges an object.
pub(crate) fn of(kind: &Kind, object: &Value) -> Readiness {
    if deleting(object) {
        return NotYet(text!("kubernetes.ready.deleting", "it is being deleted"));
    }
    match (kind.group.as_ref(), kind.kind.as_ref()) {
        ("", "Node") => by_condition(object, "Ready"),
        ("", "Pod") => of_pod(object),
        ("", "PersistentVolumeClaim") => match phase(object) {
            "Bound" => Ready,
            "Lost" => Never(text!("kubernetes.ready.claim-lost", "its volume is gone (phase Lost)")),
            phase => NotYet(text!("kubernetes.ready.not-bound", "it is {phase}, not Bound", phase = or_new(phase))),
        },
        ("", "PersistentVolume") => match phase(object) {
            "Available" | "Bound" => Ready,
            "Released" => {
                Never(text!("kubernetes.ready.released", "its claim is gone and it is not free again (phase Released)"))
            }
            "Failed" => Never(text!(
                "kubernetes.ready.reclaim-failed",
                "its reclamation failed: {message}",
                message = text(&object["status"]["message"])
            )),
            phase => in_phase(phase),
        },
        ("", "Namespace") => match phase(object) {
            "Active" => Ready,
            phase => in_phase(phase),
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

fn in_phase(phase: &str) -> Readiness {
    NotYet(text!("kubernetes.ready.phase", "it is {phase}", phase = or_new(phase)))
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
            NotYet(match words.is_empty() {
                true => text!("kubernetes.ready.condition", "its condition {name} is {status}", name, status),
                false => text!(
                    "kubernetes.ready.condition-because",
                    "its condition {name} is {status} ({why})",
                    name,
                    status,
                    why = words.join(": ")
                ),
            })
        }
        None => NotYet(text!("kubernetes.ready.no-condition", "it has no condition {name} yet", name)),
    }
}

fn of_pod(pod: &Value) -> Readiness {
    let controllers = pod["metadata"]["ownerReferences"].as_array();
    // These replace a failed pod by one of the same name.
    let replaced = controllers
        .is_some_and(|owners| owners.iter().any(|owner| matches!(text(&owner["kind"]), "StatefulSet" | "DaemonSet")));
    match phase(pod) {
        "Succeeded" => Ready,
        "Failed" if !replaced => Never(pod::why(pod, &[])),
        _ if pod::is_ready(pod) => Ready,
        _ => NotYet(pod::why(pod, &[])),
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
    NotYet(text!("kubernetes.ready.unseen", "its controller has not seen its last change yet"))
}

fn of_stateful_set(object: &Value) -> Readiness {
    let replicas = wanted(object);
    if !observed(object) {
        return unseen();
    }
    let (ready, present) = (count(object, "readyReplicas"), count(object, "replicas"));
    if ready < replicas || present < replicas {
        return NotYet(text!("kubernetes.ready.replicas", "{ready} of {replicas} replicas are ready", ready, replicas));
    }
    if present > replicas {
        return NotYet(text!(
            "kubernetes.ready.surplus",
            "{present} replicas are there, {replicas} are wanted",
            present,
            replicas
        ));
    }
    let seconds = object["spec"]["minReadySeconds"].as_u64().unwrap_or(0);
    let available = count(object, "availableReplicas");
    if seconds > 0 && available < replicas {
        return NotYet(text!(
            "kubernetes.ready.min-ready",
            "{available} of {replicas} replicas have been ready for {seconds} s (minReadySeconds)",
            available,
            replicas,
            seconds
        ));
    }
    let strategy = &object["spec"]["updateStrategy"];
    let partition = strategy["rollingUpdate"]["partition"].as_u64().unwrap_or(0);
    let due = if strategy["type"] == "OnDelete" { 0 } else { replicas.saturating_sub(partition) };
    let updated = count(object, "updatedReplicas");
    if updated < due {
        return newest(updated, due);
    }
    Ready
}

fn newest(updated: u64, due: u64) -> Readiness {
    NotYet(text!("kubernetes.ready.newest", "{updated} of {due} replicas have the newest template", updated, due))
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
        return newest(updated, replicas);
    }
    if present > replicas {
        return NotYet(text!(
            "kubernetes.ready.old-replicas",
            "{count} old replicas are still there",
            count = present - replicas
        ));
    }
    if available < replicas {
        let stuck = condition(object, "Progressing").filter(|progress| progress["status"] == "False");
        let words = text!(
            "kubernetes.ready.available",
            "{available} of {replicas} replicas are available",
            available,
            replicas
        );
        return NotYet(match stuck {
            Some(progress) => text!(
                "kubernetes.ready.available-because",
                "{state}: {message}",
                state = words,
                message = text(&progress["message"])
            ),
            None => words,
        });
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
        return NotYet(text!(
            "kubernetes.ready.newest-pods",
            "{updated} of {due} pods have the newest template",
            updated,
            due
        ));
    }
    let ready = count(object, "numberReady");
    if ready < due {
        return NotYet(text!("kubernetes.ready.pods", "{ready} of {due} pods are ready", ready, due));
    }
    Ready
}

fn of_job(object: &Value) -> Readiness {
    let holds = |name: &str| condition(object, name).filter(|found| found["status"] == "True");
    if holds("Complete").is_some() {
        return Ready;
    }
    if let Some(failed) = holds("Failed") {
        return Never(text!(
            "kubernetes.ready.job-failed",
            "it failed: {reason}: {message}",
            reason = text(&failed["reason"]),
            message = text(&failed["message"])
        ));
    }
    let due = object["spec"]["completions"].as_u64().unwrap_or(1);
    NotYet(text!(
        "kubernetes.ready.completed",
        "{count} of {due} pods have completed",
        count = count(object, "succeeded"),
        due
    ))
}

#[cfg(test)]
mod tests;
