//! What the API server fills in at creation, and what it refuses to change later.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use super::kind::Kind;
use super::problem::Problem;
use super::quota;
use crate::cluster::state::Cluster;
use crate::cluster::version::Version;

/// Fills in defaults, adds protection finalizers, and checks the little that playbooks could get wrong.
pub(crate) fn admit(cluster: &Cluster, kind: &Kind, object: &mut Value) -> Result<(), Problem> {
    let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    match kind.plural {
        "namespaces" => fill(object, "/status", "phase", json!("Active")),
        "pods" => {
            admit_pod(object, &cluster.stamp());
            let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default();
            quota::within_limits(cluster, kind, namespace, object)?;
            quota::admit(cluster, namespace, object)?;
        }
        "statefulsets" => admit_stateful_set(cluster.version(), kind, &name, object)?,
        "deployments" | "replicasets" => fill(object, "/spec", "replicas", json!(1)),
        "persistentvolumes" => {
            protect(object, "kubernetes.io/pv-protection");
            fill(object, "/spec", "persistentVolumeReclaimPolicy", json!("Retain"));
            fill(object, "/spec", "volumeMode", json!("Filesystem"));
            fill(object, "/status", "phase", json!("Pending"));
            let sources = ["hostPath", "local", "nfs", "csi"];
            if !sources.iter().any(|source| object["spec"][source].is_object()) {
                return Err(Problem::invalid(kind, &name, "spec: Required value: must specify a volume type"));
            }
            if object["spec"]["local"].is_object() && object["spec"]["nodeAffinity"].is_null() {
                let why = "spec.nodeAffinity: Required value: Local volume requires node affinity";
                return Err(Problem::invalid(kind, &name, why));
            }
        }
        "persistentvolumeclaims" => {
            protect(object, "kubernetes.io/pvc-protection");
            fill(object, "/spec", "volumeMode", json!("Filesystem"));
            if object["spec"]["storageClassName"].is_null()
                && let Some(class) = default_class(cluster)
            {
                object["spec"]["storageClassName"] = json!(class);
            }
            fill(object, "/status", "phase", json!("Pending"));
        }
        "services" => {
            fill(object, "/spec", "type", json!("ClusterIP"));
            fill(object, "/spec", "sessionAffinity", json!("None"));
            if object["spec"]["clusterIP"].is_null() {
                let number = crate::kernel::number(cluster.seed, &format!("{}/service/{name}", cluster.site));
                object["spec"]["clusterIP"] = json!(format!("10.96.{}.{}", number >> 8 & 0xff, number & 0xfe | 1));
            }
        }
        "secrets" => {
            fill(object, "", "type", json!("Opaque"));
            if let Some(Value::Object(plain)) =
                object.as_object_mut().and_then(|object| object.shift_remove("stringData"))
            {
                for (key, value) in plain {
                    let text = value.as_str().unwrap_or_default();
                    object["data"][key] = json!(BASE64.encode(text.as_bytes()));
                }
            }
        }
        "storageclasses" => {
            fill(object, "", "reclaimPolicy", json!("Delete"));
            fill(object, "", "volumeBindingMode", json!("Immediate"));
        }
        _ => {}
    }
    Ok(())
}

fn default_class(cluster: &Cluster) -> Option<String> {
    let marked = |class: &Value| {
        class["metadata"]["annotations"]["storageclass.kubernetes.io/is-default-class"].as_str() == Some("true")
    };
    cluster.list("storageclasses").find(|(_, class)| marked(class)).map(|(key, _)| key.2.clone())
}

/// Sets a field of the object at a pointer if it is not set.
fn fill(object: &mut Value, at: &str, field: &str, value: Value) {
    if !at.is_empty() && !object[&at[1..]].is_object() {
        object[&at[1..]] = json!({});
    }
    if let Some(slot) = object.pointer_mut(at)
        && slot[field].is_null()
    {
        slot[field] = value;
    }
}

fn protect(object: &mut Value, finalizer: &str) {
    let slot = &mut object["metadata"]["finalizers"];
    match slot.as_array_mut() {
        Some(list) if list.iter().any(|known| known == finalizer) => {}
        Some(list) => list.push(json!(finalizer)),
        None => *slot = json!([finalizer]),
    }
}

fn admit_pod(object: &mut Value, stamp: &str) {
    fill(object, "/spec", "restartPolicy", json!("Always"));
    fill(object, "/spec", "terminationGracePeriodSeconds", json!(30));
    fill(object, "/spec", "schedulerName", json!("default-scheduler"));
    let condition = |kind: &str| json!({"type": kind, "status": "False", "lastTransitionTime": stamp});
    if object["status"].is_null() {
        object["status"] =
            json!({"phase": "Pending", "qosClass": "BestEffort", "conditions": [condition("PodScheduled")]});
    }
}

/// Drops the fields that a version does not know, as an API server does that was not asked to be strict.
pub(crate) fn prune(version: Version, kind: &Kind, object: &mut Value) {
    if kind.plural == "statefulsets"
        && !version.is_current()
        && let Some(spec) = object["spec"].as_object_mut()
    {
        ["persistentVolumeClaimRetentionPolicy", "ordinals", "minReadySeconds"]
            .iter()
            .for_each(|field| drop(spec.shift_remove(*field)));
    }
}

fn admit_stateful_set(version: Version, kind: &Kind, name: &str, object: &mut Value) -> Result<(), Problem> {
    fill(object, "/spec", "replicas", json!(1));
    fill(object, "/spec", "podManagementPolicy", json!("OrderedReady"));
    fill(object, "/spec", "updateStrategy", json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}));
    fill(object, "/spec", "revisionHistoryLimit", json!(10));
    fill(object, "/status", "replicas", json!(0));
    prune(version, kind, object);
    if version.is_current() {
        let policy = json!({"whenDeleted": "Retain", "whenScaled": "Retain"});
        fill(object, "/spec", "persistentVolumeClaimRetentionPolicy", policy);
    }
    let selector = super::selector::LabelSelector::of_object(&object["spec"]["selector"]);
    if object["spec"]["selector"].is_null() || !selector.matches(&object["spec"]["template"]["metadata"]["labels"]) {
        let why = "spec.template.metadata.labels: Invalid value: `selector` does not match template `labels`";
        return Err(Problem::invalid(kind, name, why));
    }
    for template in object["spec"]["volumeClaimTemplates"].as_array_mut().into_iter().flatten() {
        fill(template, "", "apiVersion", json!("v1"));
        fill(template, "", "kind", json!("PersistentVolumeClaim"));
    }
    Ok(())
}

/// Refuses changes of what is immutable.
pub(crate) fn validate_update(version: Version, kind: &Kind, old: &Value, new: &Value) -> Result<(), Problem> {
    let name = old["metadata"]["name"].as_str().unwrap_or_default();
    let changed = |pointer: &str| old.pointer(pointer).is_some() && old.pointer(pointer) != new.pointer(pointer);
    let why = match kind.plural {
        "statefulsets" => {
            const FREE: [&str; 7] = [
                "replicas",
                "ordinals",
                "template",
                "updateStrategy",
                "revisionHistoryLimit",
                "persistentVolumeClaimRetentionPolicy",
                "minReadySeconds",
            ];
            const FREE_1_20: [&str; 3] = ["replicas", "template", "updateStrategy"];
            let free = if version.is_current() { &FREE[..] } else { &FREE_1_20[..] };
            let fixed = |object: &Value| {
                let mut spec = object["spec"].clone();
                free.iter().for_each(|field| drop(spec.as_object_mut().and_then(|spec| spec.shift_remove(*field))));
                spec
            };
            (fixed(old) != fixed(new)).then(|| version.immutable_set())
        }
        "persistentvolumes" => ["hostPath", "local", "nfs", "csi"]
            .iter()
            .any(|source| changed(&format!("/spec/{source}")))
            .then_some(
                "spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation",
            )
            .or_else(|| {
                changed("/spec/nodeAffinity").then_some("spec.nodeAffinity: Invalid value: field is immutable")
            }),
        "persistentvolumeclaims" => {
            let moved = ["/spec/volumeName", "/spec/storageClassName", "/spec/accessModes", "/spec/selector"];
            moved.iter().any(|pointer| changed(pointer)).then_some(
                "spec: Forbidden: spec is immutable after creation except resources.requests for bound claims",
            )
        }
        "pods" => changed("/spec/nodeName")
            .then_some("spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`"),
        _ => None,
    };
    match why {
        Some(why) => Err(Problem::invalid(kind, name, why)),
        None => Ok(()),
    }
}
