//! Events: what controllers say about objects, for people. The same event again only counts up.

use serde_json::json;

use crate::cluster::api::store;
use crate::cluster::state::{Cluster, Key, key};

/// Records a warning about an object.
pub(crate) fn warn(cluster: &mut Cluster, about: &Key, reason: &str, message: &str) {
    let Some(object) = cluster.get(about) else { return };
    let involved = json!({
        "kind": object["kind"], "apiVersion": object["apiVersion"], "namespace": about.1, "name": about.2,
        "uid": object["metadata"]["uid"],
    });
    let namespace = if about.1.is_empty() { "default" } else { &about.1 };
    let number = crate::kernel::number(0, &format!("{reason}/{message}"));
    let name = format!("{}.{number:016x}", about.2);
    let stamp = cluster.stamp();
    let event = key("events", namespace, &name);
    if cluster.get(&event).is_some() {
        cluster.edit(&event, |event| {
            event["count"] = json!(event["count"].as_u64().unwrap_or(0) + 1);
            event["lastTimestamp"] = json!(stamp);
        });
        return;
    }
    let event = json!({
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": name}, "involvedObject": involved, "type": "Warning",
        "reason": reason, "message": message, "count": 1, "firstTimestamp": stamp, "lastTimestamp": stamp,
    });
    // An object in a namespace that is just being deleted has no events.
    let _ = store::create(cluster, namespace, event);
}
