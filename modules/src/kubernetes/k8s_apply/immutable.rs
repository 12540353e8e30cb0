//! Fields that the API server does not let anyone change, by kind, so that a plan says so before anything is touched. Not
//! complete: what is missing here the API server refuses itself. From the validation of Kubernetes 1.20 to 1.33
//! (`pkg/apis/*/validation`).

use cutover_engine::text;
use cutover_engine::text::Text;
use serde_json::Value;

use crate::support::kubernetes::compare::Difference;
use crate::support::kubernetes::kind::Kind;
use crate::support::kubernetes::quantity::nanos;

/// What may be changed in the spec of a StatefulSet, by any of these versions.
const STATEFUL_SET: [&str; 7] = [
    "replicas",
    "template",
    "updateStrategy",
    "minReadySeconds",
    "persistentVolumeClaimRetentionPolicy",
    "ordinals",
    "revisionHistoryLimit",
];

/// Where the data of a volume lies.
const SOURCES: [&str; 9] = ["hostPath", "local", "csi", "nfs", "iscsi", "fc", "rbd", "cephfs", "glusterfs"];

/// Why a difference cannot be mended by a change; `None` if it can.
pub(super) fn reason(kind: &Kind, live: &Value, difference: &Difference) -> Option<Text> {
    let Difference { path, live: old, wanted } = difference;
    let shrinks = kind.kind == "PersistentVolumeClaim"
        && path == "spec.resources.requests.storage"
        && old.as_ref().and_then(nanos).zip(nanos(wanted)).is_some_and(|(old, new)| new < old);
    let show = |value: Option<&Value>| match value.filter(|value| !value.is_null()) {
        Some(value) => Text::verbatim(value.to_string()),
        None => text!("k8s_apply.not-set", "not set"),
    };
    if shrinks {
        return Some(text!(
            "k8s_apply.shrinks",
            "a claim cannot shrink: {path} is {is}, wanted is {wanted}",
            path,
            is = show(old.as_ref()),
            wanted
        ));
    }
    fixed(kind, live, path, old.is_some()).then(|| {
        text!(
            "k8s_apply.fixed",
            "{path} cannot be changed: it is {is}, wanted is {wanted}; delete the object and make it anew, or correct the \
             manifest",
            path,
            is = show(old.as_ref()),
            wanted = show(Some(wanted))
        )
    })
}

fn fixed(kind: &Kind, live: &Value, path: &str, set: bool) -> bool {
    let mut words = path.split(['.', '[']);
    let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let spec = first == "spec";
    match (kind.group.as_ref(), kind.kind.as_ref()) {
        ("apps", "StatefulSet") => spec && !STATEFUL_SET.contains(&second),
        ("apps", "Deployment" | "ReplicaSet" | "DaemonSet") => spec && second == "selector",
        ("batch", "Job") => spec && matches!(second, "selector" | "template" | "completionMode"),
        ("", "PersistentVolumeClaim") => {
            // A volume may be named once.
            let once = second == "volumeName" && !set;
            spec && !once && !matches!(second, "resources" | "volumeAttributesClassName")
        }
        ("", "PersistentVolume") => {
            let affinity = second == "nodeAffinity" && live["spec"]["nodeAffinity"].is_object();
            spec && (SOURCES.contains(&second) || affinity || second == "volumeMode")
        }
        ("", "Service") => spec && set && matches!(second, "clusterIP" | "clusterIPs"),
        ("", "ConfigMap" | "Secret") => {
            let sealed = live["immutable"] == true && matches!(first, "data" | "binaryData" | "immutable");
            sealed || (first == "type" && set)
        }
        ("", "Pod") => {
            let free = matches!(second, "activeDeadlineSeconds" | "tolerations" | "terminationGracePeriodSeconds");
            spec && !free && !(second.ends_with("ontainers") && path.ends_with("].image"))
        }
        ("storage.k8s.io", "StorageClass") => {
            matches!(first, "provisioner" | "parameters" | "reclaimPolicy" | "volumeBindingMode")
        }
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => first == "roleRef",
        _ => false,
    }
}
