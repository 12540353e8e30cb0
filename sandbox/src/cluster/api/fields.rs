//! Strict validation: the fields that an API server knows, of the kinds that modules write. Of others nothing is known here, and nothing is
//! refused.

use serde_json::{Value, json};

use super::kind::Kind;
use super::problem::Problem;
use super::routes::Call;

const METADATA: &[&str] = &[
    "name",
    "generateName",
    "namespace",
    "selfLink",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "labels",
    "annotations",
    "ownerReferences",
    "finalizers",
    "managedFields",
];
const OBJECT: &[&str] = &["apiVersion", "kind", "metadata", "spec", "status"];

/// The fields of a kind beside `metadata`, and those of its `spec`; none if they are not known here.
fn known(kind: &Kind) -> Option<(&'static [&'static str], &'static [&'static str])> {
    Some(match (kind.group, kind.plural) {
        ("", "configmaps") => (&["apiVersion", "kind", "metadata", "data", "binaryData", "immutable"], &[]),
        ("", "secrets") => (&["apiVersion", "kind", "metadata", "data", "stringData", "type", "immutable"], &[]),
        ("", "namespaces") => (OBJECT, &["finalizers"]),
        ("", "nodes") => {
            (OBJECT, &["podCIDR", "podCIDRs", "providerID", "unschedulable", "taints", "configSource", "externalID"])
        }
        ("", "persistentvolumeclaims") => (
            OBJECT,
            &[
                "accessModes",
                "selector",
                "resources",
                "volumeName",
                "storageClassName",
                "volumeMode",
                "dataSource",
                "dataSourceRef",
                "volumeAttributesClassName",
            ],
        ),
        ("", "persistentvolumes") => (
            OBJECT,
            &[
                "capacity",
                "accessModes",
                "claimRef",
                "persistentVolumeReclaimPolicy",
                "storageClassName",
                "mountOptions",
                "volumeMode",
                "nodeAffinity",
                "volumeAttributesClassName",
                "hostPath",
                "local",
                "nfs",
                "csi",
                "iscsi",
                "fc",
                "rbd",
                "cephfs",
                "glusterfs",
                "cinder",
                "flocker",
                "flexVolume",
                "azureFile",
                "azureDisk",
                "vsphereVolume",
                "quobyte",
                "photonPersistentDisk",
                "portworxVolume",
                "scaleIO",
                "storageos",
                "gcePersistentDisk",
                "awsElasticBlockStore",
            ],
        ),
        ("apps", "statefulsets") => (
            OBJECT,
            &[
                "replicas",
                "selector",
                "template",
                "volumeClaimTemplates",
                "serviceName",
                "podManagementPolicy",
                "updateStrategy",
                "revisionHistoryLimit",
                "minReadySeconds",
                "persistentVolumeClaimRetentionPolicy",
                "ordinals",
            ],
        ),
        _ => return None,
    })
}

/// The fields that a request sends and the kind does not have.
pub(crate) fn unknown(kind: &Kind, call: &Call) -> Vec<String> {
    let writes = matches!(call.method.as_str(), "POST" | "PUT" | "PATCH");
    let Some((top, spec)) = known(kind).filter(|_| writes && call.body.is_object()) else { return Vec::new() };
    let of = |object: &Value, prefix: &str, known: &[&str]| {
        let fields = object.as_object().into_iter().flatten().map(|(name, _)| name);
        let unknown = fields.filter(|name| !known.contains(&name.as_str()) && !name.starts_with('$'));
        unknown.map(|name| format!("{prefix}{name}")).collect::<Vec<_>>()
    };
    [of(&call.body, "", top), of(&call.body["metadata"], "metadata.", METADATA), of(&call.body["spec"], "spec.", spec)]
        .concat()
}

/// The refusal of unknown fields, word for word as that of a real API server.
pub(crate) fn refusal(kind: &Kind, call: &Call, unknown: &[String], object: &Value) -> Problem {
    let fields = unknown.iter().map(|field| format!("unknown field \"{field}\"")).collect::<Vec<_>>().join(", ");
    let fault = format!("strict decoding error: {fields}");
    let name = kind.kind;
    if call.method != "PATCH" {
        let message = format!("{name} in version \"{}\" cannot be handled as a {name}: {fault}", kind.version);
        return Problem::of(400, "BadRequest", message);
    }
    let value = format!("Invalid value: {}: {fault}", Value::String(object.to_string()));
    let details = json!({"causes": [{"reason": "FieldValueInvalid", "message": value, "field": "patch"}]});
    Problem { details, ..Problem::of(422, "Invalid", format!(" \"\" is invalid: patch: {value}")) }
}
