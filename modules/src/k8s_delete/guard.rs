//! What speaks against deleting an object: data that would go with it, and pods that use it.

use cutover_engine::failure::Failure;
use serde_json::Value;

use super::Seen;
use crate::kubernetes::kind::{CLAIM, Kind, VOLUME};
use crate::kubernetes::{deleting, name, text};

/// Refuses kinds with which too much goes.
pub(super) fn check(kind: &Kind) -> Result<(), Failure> {
    let goes = match kind.kind.as_ref() {
        "Namespace" => "everything in it",
        "Node" => "its pods",
        "CustomResourceDefinition" => "every object of its kind",
        _ => return Ok(()),
    };
    let message = format!("a {} is not deleted here: {goes} would go with it", kind.kind);
    Err(Failure::invalid(message).pointer("/kind"))
}

/// What speaks against deleting an object.
pub(super) fn reasons(kind: &Kind, title: &str, seen: &Seen) -> Vec<String> {
    if *kind == CLAIM {
        claim(title, seen)
    } else if *kind == VOLUME {
        volume(title, &seen.object)
    } else {
        // One that is being deleted already takes them along whatever is done here.
        seen.takes_claims.iter().filter(|_| !deleting(&seen.object)).cloned().collect()
    }
}

fn claim(title: &str, seen: &Seen) -> Vec<String> {
    let mut reasons = Vec::new();
    if let Some(volume) = &seen.volume {
        let policy = text(&volume["spec"]["persistentVolumeReclaimPolicy"]);
        if policy != "Retain" {
            let volume = describe(volume);
            reasons.push(if deleting(&seen.object) {
                format!(
                    "{title} is already being deleted, and {volume} has the reclaim policy {policy}: its data goes as soon as \
                     nothing uses it; set the volume to Retain now"
                )
            } else {
                format!(
                    "{volume} of {title} has the reclaim policy {policy}: its data would be deleted with the claim; set it to \
                     Retain first, with k8s_patch"
                )
            });
        }
    }
    if !seen.users.is_empty() && !deleting(&seen.object) {
        reasons.push(format!("{title} is in use by pod {}: scale it away first", seen.users.join(", ")));
    }
    reasons
}

fn volume(title: &str, object: &Value) -> Vec<String> {
    let mut reasons = Vec::new();
    let policy = text(&object["spec"]["persistentVolumeReclaimPolicy"]);
    if policy != "Retain" {
        reasons.push(format!("{title} has the reclaim policy {policy}: set it to Retain first, with k8s_patch"));
    }
    if !matches!(text(&object["status"]["phase"]), "Available" | "Released" | "Failed") {
        let claim = &object["spec"]["claimRef"];
        let (namespace, name) = (text(&claim["namespace"]), text(&claim["name"]));
        let phase = text(&object["status"]["phase"]);
        reasons.push(format!("{title} is {phase} (claim {namespace}/{name}): delete the claim first"));
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
