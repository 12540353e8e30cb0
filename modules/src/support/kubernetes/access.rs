//! The rights that several modules need alike.

use cutover_engine::module::Access;
use serde_json::Value;

/// The namespace that parameters name; none if it is not known yet.
pub(crate) fn namespace(params: &Value) -> Option<&str> {
    params["namespace"].as_str()
}

/// Pods are looked at, and what the cluster warns of if one is not ready.
pub(crate) fn pods(namespace: &str) -> impl Iterator<Item = Access> + use<> {
    ["Pod", "Event"].map(|kind| Access::to(kind, Some(namespace), &["list"])).into_iter().flatten()
}

/// A command runs in a pod. An API server of before 1.35 asks for one of the verbs, later ones for both.
pub(crate) fn exec(namespace: &str) -> impl Iterator<Item = Access> + use<> {
    let exec = Access::to("Pod", Some(namespace), &["create", "get"]).into_iter().map(|access| access.of_part("exec"));
    Access::to("Pod", Some(namespace), &["get"]).into_iter().chain(exec)
}

/// A StatefulSet is made to keep its claims.
pub(crate) fn keeps_claims(namespace: &str) -> impl Iterator<Item = Access> + use<> {
    let claims = Access::to("PersistentVolumeClaim", Some(namespace), &["list", "patch"]);
    Access::to("StatefulSet", Some(namespace), &["patch"]).into_iter().chain(claims)
}
