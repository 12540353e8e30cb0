//! The controller of HorizontalPodAutoscalers, without metrics: it keeps a StatefulSet that runs within its bounds. At zero replicas
//! it does nothing, as the real one.

use serde_json::json;

use super::{Touched, text};
use crate::cluster::state::{Cluster, key};

/// Brings every StatefulSet that has one back within its bounds.
pub(crate) fn reconcile(cluster: &mut Cluster, touched: &Touched) {
    if !touched.any(&["horizontalpodautoscalers", "statefulsets"]) {
        return;
    }
    for autoscaler in cluster.keys("horizontalpodautoscalers") {
        let Some(object) = cluster.get(&autoscaler).cloned() else { continue };
        let (spec, target) = (&object["spec"], &object["spec"]["scaleTargetRef"]);
        if target["kind"] != "StatefulSet" {
            continue;
        }
        let workload = key("statefulsets", &autoscaler.1, text(&target["name"]));
        let replicas = cluster.get(&workload).and_then(|object| object["spec"]["replicas"].as_u64()).unwrap_or(0);
        let least = spec["minReplicas"].as_u64().unwrap_or(1);
        let wanted = replicas.clamp(least, spec["maxReplicas"].as_u64().unwrap_or(u64::MAX).max(least));
        if replicas > 0 && wanted != replicas {
            cluster.edit(&workload, |object| {
                object["spec"]["replicas"] = json!(wanted);
                object["metadata"]["generation"] = json!(object["metadata"]["generation"].as_u64().unwrap_or(0) + 1);
            });
        }
    }
}
