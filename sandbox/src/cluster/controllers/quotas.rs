//! The controller of quotas: says in their status what is used.

use serde_json::{Value, json};

use super::Touched;
use crate::cluster::api::used;
use crate::cluster::state::Cluster;

/// Keeps the status of every quota.
pub(crate) fn reconcile(cluster: &mut Cluster, touched: &Touched) {
    if !touched.any(&["resourcequotas", "pods"]) {
        return;
    }
    for key in cluster.keys("resourcequotas") {
        let Some(quota) = cluster.get(&key).cloned() else { continue };
        let status = json!({"hard": quota["spec"]["hard"], "used": Value::Object(used(cluster, &key.1, &quota))});
        if quota["status"] != status {
            cluster.edit(&key, |quota| quota["status"] = status);
        }
    }
}
