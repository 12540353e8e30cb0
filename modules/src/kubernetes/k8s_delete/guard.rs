//! What speaks against deleting an object: data that would go with it, and pods that use it.

use cutover_engine::failure::Failure;
use cutover_engine::text;
use cutover_engine::text::Text;
use serde_json::Value;

use super::Seen;
use crate::support::kubernetes::kind::{CLAIM, Kind, VOLUME};
use crate::support::kubernetes::{deleting, name, text};

/// Refuses kinds with which too much goes.
pub(super) fn judge(kind: &str) -> Result<(), Failure> {
    let message = match kind {
        "Namespace" => {
            text!("k8s_delete.namespace", "a Namespace is not deleted here: everything in it would go with it")
        }
        "Node" => text!("k8s_delete.node", "a Node is not deleted here: its pods would go with it"),
        "CustomResourceDefinition" => text!(
            "k8s_delete.crd",
            "a CustomResourceDefinition is not deleted here: every object of its kind would go with it"
        ),
        _ => return Ok(()),
    };
    Err(Failure::invalid(message).pointer("/kind"))
}

/// What speaks against deleting an object.
pub(super) fn reasons(kind: &Kind, title: &str, seen: &Seen) -> Vec<Text> {
    if *kind == CLAIM {
        claim(title, seen)
    } else if *kind == VOLUME {
        volume(title, &seen.object)
    } else {
        // One that is being deleted already takes them along whatever is done here.
        seen.keep.refused.iter().filter(|_| !deleting(&seen.object)).cloned().collect()
    }
}

fn claim(title: &str, seen: &Seen) -> Vec<Text> {
    let mut reasons = Vec::new();
    if let Some(volume) = &seen.volume {
        let policy = text(&volume["spec"]["persistentVolumeReclaimPolicy"]);
        if policy != "Retain" {
            let volume = describe(volume);
            reasons.push(if deleting(&seen.object) {
                text!(
                    "k8s_delete.going-already",
                    "{title} is already being deleted, and {volume} has the reclaim policy {policy}: its data goes as soon as \
                     nothing uses it; set the volume to Retain now",
                    title,
                    volume,
                    policy
                )
            } else {
                text!(
                    "k8s_delete.claim-policy",
                    "{volume} of {title} has the reclaim policy {policy}: its data would be deleted with the claim; set it to \
                     Retain first, with k8s_patch",
                    volume,
                    title,
                    policy
                )
            });
        }
    }
    if !seen.users.is_empty() && !deleting(&seen.object) {
        reasons.push(text!(
            "k8s_delete.in-use",
            "{title} is in use by pod {pods}: scale it away first",
            title,
            pods = seen.users.join(", ")
        ));
    }
    reasons
}

fn volume(title: &str, object: &Value) -> Vec<Text> {
    let mut reasons = Vec::new();
    let policy = text(&object["spec"]["persistentVolumeReclaimPolicy"]);
    if policy != "Retain" {
        reasons.push(text!(
            "k8s_delete.volume-policy",
            "{title} has the reclaim policy {policy}: set it to Retain first, with k8s_patch",
            title,
            policy
        ));
    }
    if !matches!(text(&object["status"]["phase"]), "Available" | "Released" | "Failed") {
        let claim = &object["spec"]["claimRef"];
        let (namespace, name) = (text(&claim["namespace"]), text(&claim["name"]));
        let phase = text(&object["status"]["phase"]);
        reasons.push(text!(
            "k8s_delete.bound",
            "{title} is {phase} (claim {namespace}/{name}): delete the claim first",
            title,
            phase,
            namespace,
            name
        ));
    }
    reasons
}

/// A volume and where its data is.
fn describe(volume: &Value) -> String {
    let spec = &volume["spec"];
    let path = [&spec["hostPath"]["path"], &spec["local"]["path"]].into_iter().find_map(Value::as_str);
    match path {
        Some(path) => format!("PersistentVolume {} ({path})", name(volume)),
        None => format!("PersistentVolume {}", name(volume)),
    }
}
