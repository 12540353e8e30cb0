//! Names of volumes that are taken: they have no namespace.

use serde_json::{Value, json};

use super::named;

const VOLUMES: &str = "/api/v1/persistentvolumes";

fn volume(claim: Value) -> Value {
    let mut volume = json!({
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "common-etcd-etcd-0"},
        "spec": {
            "capacity": {"storage": "20Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": "hostpath",
            "persistentVolumeReclaimPolicy": "Retain", "hostPath": {"path": "/srv/other"},
        },
    });
    if !claim.is_null() {
        volume["spec"]["claimRef"] = claim;
    }
    volume
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_taken_is_named_before_the_outage_with_who_has_it() {
    let claim = |namespace: &str, name: &str, uid: Value| {
        let mut claim =
            json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": namespace, "name": name});
        if !uid.is_null() {
            claim["uid"] = uid;
        }
        claim
    };
    let uid = json!("11111111-2222-3333-4444-555555555555");
    for (taken, words) in [
        (
            claim("other", "data-common-etcd-etcd-0", Value::Null),
            "it belongs to the claim other/data-common-etcd-etcd-0",
        ),
        (
            claim("common", "data-common-etcd-etcd-2", Value::Null),
            "it belongs to the claim common/data-common-etcd-etcd-2",
        ),
        (claim("common", "data-common-etcd-etcd-0", uid), "a claim common/data-common-etcd-etcd-0 that is gone"),
        // Nobody's, and yet another directory.
        (Value::Null, "common-etcd-etcd-0"),
    ] {
        named(&[("primary", "POST", VOLUMES, volume(taken))], &["PersistentVolume common-etcd-etcd-0", words]).await;
    }
}
