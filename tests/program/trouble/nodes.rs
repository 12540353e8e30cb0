//! Planned nodes that take no pods, or are called otherwise than the cluster calls them.

use serde_json::{Value, json};

use super::{Deed, named, spoilt};
use crate::support::play::Play;

const NODE: &str = "/api/v1/nodes/worker01";

fn taint(effect: &str, key: &str) -> Value {
    json!({"spec": {"taints": [{"key": key, "value": "db", "effect": effect}]}})
}

fn hostname(name: &Value) -> Value {
    json!({"metadata": {"labels": {"kubernetes.io/hostname": name}}})
}

#[tokio::test(start_paused = true)]
async fn a_planned_node_that_takes_no_pods_is_named() {
    let cases: [(Value, &str); 4] = [
        (json!({"spec": {"unschedulable": true}}), "worker01: it is cordoned"),
        (taint("NoSchedule", "dedicated"), "worker01: it has the taint dedicated=db:NoSchedule"),
        (taint("NoExecute", "maintenance"), "worker01: it has the taint maintenance=db:NoExecute"),
        (
            taint("NoSchedule", "node.kubernetes.io/unreachable"),
            "the taint node.kubernetes.io/unreachable=db:NoSchedule",
        ),
    ];
    for (patch, words) in cases {
        named(&[("primary", "PATCH", NODE, patch)], &[words]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_taint_that_only_prefers_other_nodes_stops_nothing() {
    let stage = spoilt(&[("primary", "PATCH", NODE, taint("PreferNoSchedule", "dedicated"))]).await;
    stage.run(&Play::cutover()).await.well();
}

#[tokio::test(start_paused = true)]
async fn volumes_are_tied_to_what_the_cluster_calls_a_node() {
    let names = ["worker01", "worker02", "worker03"];
    let paths = names.map(|name| format!("/api/v1/nodes/{name}"));
    let deeds: Vec<Deed<'_>> = ["primary", "standby"]
        .into_iter()
        .flat_map(|site| paths.iter().zip(names).map(move |(path, name)| (site, path, name)))
        .map(|(site, path, name)| (site, "PATCH", path.as_str(), hostname(&json!(format!("{name}.example.com")))))
        .collect();
    let stage = spoilt(&deeds).await;
    stage.run(&Play::cutover()).await.well();
    let volume = stage.api("primary", "GET", "/api/v1/persistentvolumes/common-etcd-etcd-1", None).await;
    assert!(volume["spec"]["nodeAffinity"].to_string().contains("worker02.example.com"), "{volume}");
}

#[tokio::test(start_paused = true)]
async fn a_node_without_the_label_that_volumes_name_it_by_is_named() {
    named(&[("primary", "PATCH", NODE, hostname(&Value::Null))], &["worker01", "kubernetes.io~1hostname"]).await;
}
