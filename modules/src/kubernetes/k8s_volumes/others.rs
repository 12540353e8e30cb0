//! What belongs to the pods of a StatefulSet beside the volumes that are mapped: other volumes with data, and finalizers that hold
//! what is to be deleted.

use cutover_engine::text;
use cutover_engine::text::Text;
use serde::Serialize;
use serde_json::Value;

use super::facts::Sources;
use crate::support::kubernetes::{finalizers, name, text};

/// Finalizers that Kubernetes sets and takes away by itself when the object is no longer in use.
const OWN: [&str; 4] =
    ["kubernetes.io/pvc-protection", "batch.kubernetes.io/job-tracking", "foregroundDeletion", "orphan"];

/// A volume of the pods beside the one of the claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Other {
    /// Its name in the template.
    pub(super) name: String,
    /// What it is.
    pub(super) what: Text,
}

/// The other volumes of a StatefulSet in which data can be: its further claim templates, claims that its template names, and
/// host directories that a container may write to.
pub(super) fn of(set: &Value, claim: &str) -> Vec<Other> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut found: Vec<Other> = list(&set["spec"]["volumeClaimTemplates"])
        .iter()
        .map(|template| name(template).to_owned())
        .filter(|name| name != claim)
        .map(|name| Other { name, what: text!("k8s_volumes.a-template", "another volume claim template") })
        .collect();
    let spec = &set["spec"]["template"]["spec"];
    let containers: Vec<Value> = ["initContainers", "containers"].iter().flat_map(|key| list(&spec[*key])).collect();
    let writes = |volume: &str| {
        let mounts = containers.iter().flat_map(|container| list(&container["volumeMounts"]));
        mounts.into_iter().any(|mount| mount["name"] == volume && mount["readOnly"] != true)
    };
    for volume in list(&spec["volumes"]) {
        let name = text(&volume["name"]).to_owned();
        let what = match (&volume["persistentVolumeClaim"], &volume["hostPath"]) {
            (Value::Object(claim), _) => {
                let claim = claim.get("claimName").map(text).unwrap_or_default();
                text!("k8s_volumes.a-claim", "the claim {claim}", claim)
            }
            (_, Value::Object(host)) => {
                let kind = host.get("type").map(text).unwrap_or_default();
                if !writes(&name) || matches!(kind, "Socket" | "CharDevice" | "BlockDevice") {
                    continue;
                }
                let path = host.get("path").map(text).unwrap_or_default();
                text!("k8s_volumes.a-host-path", "the directory {path} of the node", path)
            }
            _ if volume["ephemeral"].is_object() => text!("k8s_volumes.ephemeral", "a claim of each pod"),
            _ => continue,
        };
        found.push(Other { name, what });
    }
    found
}

/// What would not go when it is deleted: the set, its pods and its claims, each with the finalizers that hold it.
pub(super) fn held(sources: &Sources, prefix: &str) -> Vec<Text> {
    let claims = sources
        .claims
        .iter()
        .filter(|claim| name(claim).strip_prefix(prefix).is_some_and(|ordinal| ordinal.parse::<usize>().is_ok()));
    let objects = std::iter::once(("StatefulSet", &sources.set))
        .chain(sources.pods.iter().map(|pod| ("Pod", pod)))
        .chain(claims.map(|claim| ("PersistentVolumeClaim", claim)));
    let mut found = Vec::new();
    for (kind, object) in objects {
        let foreign: Vec<&str> = finalizers(object).filter(|finalizer| !OWN.contains(finalizer)).collect();
        if !foreign.is_empty() {
            found.push(text!(
                "k8s_volumes.held",
                "{kind} {name} is held by {finalizers}: once deleted it would stay until the controller of that finalizer lets it go; find out what it waits for first",
                kind,
                name = name(object),
                finalizers = foreign.join(", ")
            ));
        }
    }
    found
}
