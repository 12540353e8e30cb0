//! Nodes: ready while their machine runs.

use serde_json::json;

use super::{Machines, Touched, text};
use crate::cluster::state::Cluster;

/// Keeps the Ready condition of every node.
pub(crate) fn reconcile(cluster: &mut Cluster, machines: &Machines, touched: &Touched) {
    let stamp = cluster.stamp();
    for key in touched.of("nodes") {
        let up = machines.named(&cluster.site, &key.2).is_some_and(|machine| machine.up);
        cluster.edit(key, |node| {
            let (status, reason, message) = if up {
                ("True", "KubeletReady", "kubelet is posting ready status")
            } else {
                ("Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.")
            };
            let conditions = node["status"]["conditions"].as_array();
            let known = conditions.into_iter().flatten().find(|condition| condition["type"] == "Ready");
            if known.is_some_and(|condition| text(&condition["status"]) == status) {
                return;
            }
            let condition = json!({
                "type": "Ready", "status": status, "reason": reason, "message": message, "lastTransitionTime": stamp,
            });
            node["status"]["conditions"] = json!([condition]);
        });
    }
}
