//! The kinds of objects the simulated API servers know, and discovery documents made from that table.

use serde_json::{Value, json};

use crate::cluster::version::Version;

/// A kind of object.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    /// Its API group; empty for the core group.
    pub(crate) group: &'static str,
    /// Its version.
    pub(crate) version: &'static str,
    /// Its name: `StatefulSet`.
    pub(crate) kind: &'static str,
    /// Its name in paths: `statefulsets`.
    pub(crate) plural: &'static str,
    /// Whether its objects live in namespaces.
    pub(crate) namespaced: bool,
}

impl Kind {
    /// `v1` or `apps/v1`.
    pub(crate) fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.to_owned() } else { format!("{}/{}", self.group, self.version) }
    }

    /// What messages call it: `pods`, `statefulsets.apps`.
    pub(crate) fn resource(&self) -> String {
        if self.group.is_empty() { self.plural.to_owned() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// Whether it has the `scale` subresource.
    pub(crate) fn scales(&self) -> bool {
        self.group == "apps" && matches!(self.plural, "statefulsets" | "deployments" | "replicasets")
    }
}

/// Finds a kind by its place in paths.
pub(crate) fn by_path(group: &str, version: &str, plural: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| (kind.group, kind.version, kind.plural) == (group, version, plural))
}

/// Finds a kind by its group and what paths call it, in whatever version; any kind of the group if that is empty.
pub(crate) fn of_path(group: &str, plural: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.group == group && (plural.is_empty() || kind.plural == plural))
}

/// Finds a kind by what a manifest says.
pub(crate) fn by_manifest(api_version: &str, kind: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|known| known.kind == kind && known.api_version() == api_version)
}

/// Answers discovery: `/api`, `/apis`, `/api/v1`, `/apis/<group>`, `/apis/<group>/<version>`. `None` if there is none.
pub(crate) fn discovery(segments: &[&str], of: Version) -> Option<Value> {
    match segments {
        ["api"] => Some(json!({"kind": "APIVersions", "versions": ["v1"]})),
        ["apis"] => {
            let mut groups: Vec<&str> = served(of).map(|kind| kind.group).filter(|group| !group.is_empty()).collect();
            groups.sort_unstable();
            groups.dedup();
            let groups: Vec<Value> = groups.into_iter().filter_map(|name| group(name, of)).collect();
            Some(json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}))
        }
        ["apis", name] => group(name, of).map(|mut group| {
            group["kind"] = json!("APIGroup");
            group["apiVersion"] = json!("v1");
            group
        }),
        ["api", version] => resources("", version, of),
        ["apis", group, version] => resources(group, version, of),
        _ => None,
    }
}

/// The kinds that a version of Kubernetes serves.
fn served(of: Version) -> impl Iterator<Item = &'static Kind> {
    KINDS.iter().filter(move |kind| of.serves(kind.group, kind.version))
}

fn group(name: &str, of: Version) -> Option<Value> {
    let mut versions: Vec<&str> =
        served(of).filter(|kind| kind.group == name && !name.is_empty()).map(|kind| kind.version).collect();
    versions.dedup();
    let entry = |version: &str| json!({"groupVersion": format!("{name}/{version}"), "version": version});
    let preferred = entry(versions.first()?);
    let versions: Vec<Value> = versions.into_iter().map(entry).collect();
    Some(json!({"name": name, "versions": versions, "preferredVersion": preferred}))
}

fn resources(group: &str, version: &str, of: Version) -> Option<Value> {
    const VERBS: [&str; 6] = ["create", "delete", "get", "list", "patch", "update"];
    let mut resources = Vec::new();
    for kind in served(of).filter(|kind| (kind.group, kind.version) == (group, version)) {
        let entry = |name: String, of: &str, verbs: &[&str]| json!({"name": name, "singularName": "", "namespaced": kind.namespaced, "kind": of, "verbs": verbs});
        resources.push(entry(kind.plural.to_owned(), kind.kind, &VERBS));
        resources.push(entry(format!("{}/status", kind.plural), kind.kind, &["get", "patch", "update"]));
        if kind.scales() {
            let mut scale = entry(format!("{}/scale", kind.plural), "Scale", &["get", "patch", "update"]);
            scale["group"] = json!("autoscaling");
            scale["version"] = json!("v1");
            resources.push(scale);
        }
    }
    let group_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    (!resources.is_empty()).then(|| {
        json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources})
    })
}

const fn kind(
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
    namespaced: bool,
) -> Kind {
    Kind { group, version, kind, plural, namespaced }
}

const CKE: &str = "cie.inspur.com";

/// Every kind, in the order of discovery.
pub(crate) const KINDS: &[Kind] = &[
    kind("", "v1", "Namespace", "namespaces", false),
    kind("", "v1", "Node", "nodes", false),
    kind("", "v1", "PersistentVolume", "persistentvolumes", false),
    kind("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", true),
    kind("", "v1", "Pod", "pods", true),
    kind("", "v1", "Service", "services", true),
    kind("", "v1", "ServiceAccount", "serviceaccounts", true),
    kind("", "v1", "ConfigMap", "configmaps", true),
    kind("", "v1", "Secret", "secrets", true),
    kind("", "v1", "Event", "events", true),
    kind("", "v1", "LimitRange", "limitranges", true),
    kind("", "v1", "ResourceQuota", "resourcequotas", true),
    kind("apps", "v1", "StatefulSet", "statefulsets", true),
    kind("apps", "v1", "Deployment", "deployments", true),
    kind("apps", "v1", "ReplicaSet", "replicasets", true),
    kind("apps", "v1", "DaemonSet", "daemonsets", true),
    kind("apps", "v1", "ControllerRevision", "controllerrevisions", true),
    kind("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", true),
    kind("autoscaling", "v1", "HorizontalPodAutoscaler", "horizontalpodautoscalers", true),
    kind("batch", "v1", "Job", "jobs", true),
    kind("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", true),
    kind("policy", "v1beta1", "PodDisruptionBudget", "poddisruptionbudgets", true),
    kind("storage.k8s.io", "v1", "StorageClass", "storageclasses", false),
    kind("coordination.k8s.io", "v1", "Lease", "leases", true),
    kind("rbac.authorization.k8s.io", "v1", "Role", "roles", true),
    kind("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", true),
    kind(CKE, "v1alpha1", "Component", "components", true),
    kind(CKE, "v1alpha1", "Comdeploy", "comdeploys", true),
    kind(CKE, "v1alpha1", "CkeNode", "ckenodes", true),
];
