//! The requests that bring a deleted object back, for the kinds of which that is the same object again to all who use it.

use cutover_engine::action::Action;
use serde_json::{Value, json};

use super::Seen;
use crate::support::kubernetes::kind::{CLAIM, Kind, VOLUME};
use crate::support::kubernetes::{deleting, manifest, name, request, text, uid};

/// What of the binding the volume controller writes into a claim.
const BINDING: [&str; 2] = ["pv.kubernetes.io/bind-completed", "pv.kubernetes.io/bound-by-controller"];

/// Kinds that are the same when they are made again from their manifest.
const PLAIN: [&str; 13] = [
    "ConfigMap",
    "Service",
    "ServiceAccount",
    "StatefulSet",
    "Deployment",
    "DaemonSet",
    "StorageClass",
    "PodDisruptionBudget",
    "NetworkPolicy",
    "Role",
    "RoleBinding",
    "ClusterRole",
    "ClusterRoleBinding",
];

/// The requests that bring an object back; `None` if it cannot be brought back rightly.
pub(super) fn undo(site: &str, kind: &Kind, namespace: Option<&str>, seen: &Seen) -> Option<Vec<Action>> {
    let object = &seen.object;
    // One that belongs to another would be taken for a leftover of it, and deleted again.
    let owned = object["metadata"]["ownerReferences"].as_array().is_some_and(|owners| !owners.is_empty());
    if owned || deleting(object) {
        return None;
    }
    let mut manifest = manifest::clean(object);
    let mut actions = Vec::new();
    if *kind == CLAIM {
        if let Some(annotations) = manifest.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
            BINDING.iter().for_each(|key| drop(annotations.shift_remove(*key)));
        }
        if !text(&object["spec"]["volumeName"]).is_empty() {
            let volume = seen.volume.as_ref().filter(|volume| volume["spec"]["claimRef"]["uid"] == uid(object))?;
            // A released volume remembers the UID of its claim; without it, it takes a claim of the same name again.
            let free = json!({"spec": {"claimRef": {"uid": null, "resourceVersion": null}}});
            actions.push(request::patch(site, &VOLUME.object(None, name(volume)), free));
        }
    } else if *kind != VOLUME && !(kind.is_built_in() && PLAIN.contains(&kind.kind.as_ref())) {
        return None;
    }
    actions.push(Action::Request(request::create(site, &kind.collection(namespace), manifest)));
    Some(actions)
}
