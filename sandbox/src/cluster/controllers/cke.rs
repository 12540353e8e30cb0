//! The platform of the manual: CkeNode objects own the labels of nodes, and components such as DRBD are deployed by a
//! Component and then a Comdeploy.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{Touched, text};
use crate::cluster::state::{Cluster, Key, Timer, key};

/// How long labels take from a CkeNode to its Node.
const LABEL_TIME: Duration = Duration::from_secs(1);
/// How long a component takes to be on all nodes.
const DEPLOY_TIME: Duration = Duration::from_secs(45);

/// Plans what changed CkeNodes and new Comdeploys need.
pub(crate) fn reconcile(cluster: &mut Cluster, touched: &Touched) {
    for key in touched.of("ckenodes").cloned() {
        let labels = cluster.get(&key).map(|object| object["metadata"]["labels"].clone()).unwrap_or_default();
        let timer = Timer::Labels { node: key.2.clone() };
        if cluster.synced.get(&key.2) != Some(&labels) && !cluster.planned(&timer) {
            cluster.after(LABEL_TIME, timer);
        }
    }
    if !touched.any(&["comdeploys", "components"]) {
        return;
    }
    for key in cluster.keys("comdeploys") {
        let Some(object) = cluster.get(&key) else { continue };
        let (component, generation) = (component(object), object["metadata"]["generation"].clone());
        if object["status"]["observedGeneration"] == generation && text(&object["status"]["status"]) != "Failed" {
            continue;
        }
        let defined = cluster.objects.contains(&("components", key.1.clone(), component.clone()));
        let spec = cluster.get(&key).map(|object| object["spec"]["component"].clone()).unwrap_or_default();
        let (status, reason) = match defined {
            true => ("Deploying", String::new()),
            false => ("Failed", format!("component {component} not found")),
        };
        cluster.edit(&key, |object| {
            object["status"] = json!({
                "component": spec["name"], "version": spec["version"], "status": status, "reason": reason,
                "observedGeneration": generation,
            });
        });
        if defined {
            cluster.after(DEPLOY_TIME, Timer::Deployed { key });
        }
    }
}

fn component(comdeploy: &Value) -> String {
    let component = &comdeploy["spec"]["component"];
    format!("{}-{}", text(&component["name"]), text(&component["version"]))
}

/// A component is on all nodes, once all of them are ready.
pub(crate) fn deployed(cluster: &mut Cluster, key: &Key) {
    let ready = |(_, node): (&Key, &Arc<Value>)| {
        let conditions = node["status"]["conditions"].as_array();
        conditions.into_iter().flatten().any(|one| one["type"] == "Ready" && one["status"] == "True")
    };
    if cluster.get(key).is_none_or(|object| text(&object["status"]["status"]) != "Deploying") {
        return;
    }
    if !cluster.list("nodes").all(ready) {
        return cluster.after(DEPLOY_TIME, Timer::Deployed { key: key.clone() });
    }
    let nodes: Vec<String> = cluster.keys("nodes").into_iter().map(|node| node.2).collect();
    cluster.edit(key, |object| {
        object["status"]["status"] = json!("Running");
        object["status"]["nodes"] = json!(nodes);
    });
}

/// Carries the labels of a CkeNode to its Node, and takes away those that it no longer has.
pub(crate) fn sync_labels(cluster: &mut Cluster, node: &str) {
    let owner = key("ckenodes", "kube-system", node);
    let Some(labels) = cluster.get(&owner).map(|object| object["metadata"]["labels"].clone()) else { return };
    let before = Arc::make_mut(&mut cluster.synced).insert(node.to_owned(), labels.clone()).unwrap_or_default();
    cluster.edit(&key("nodes", "", node), |object| {
        if !object["metadata"]["labels"].is_object() {
            object["metadata"]["labels"] = Value::Object(Map::new());
        }
        let Some(known) = object["metadata"]["labels"].as_object_mut() else { return };
        for (name, _) in before.as_object().into_iter().flatten() {
            if labels.get(name).is_none() {
                known.shift_remove(name);
            }
        }
        for (name, value) in labels.as_object().into_iter().flatten() {
            known.insert(name.clone(), value.clone());
        }
    });
}
