//! Claims that would go with their pods, that somebody holds, or that are not the only ones.

use serde_json::{Value, json};

use super::{SET, edit_set, found, made_anew, named};
use crate::support::play::Play;
use crate::support::stage::Stage;

const CLAIM: &str = "/api/v1/namespaces/common/persistentvolumeclaims/data-common-etcd-etcd-1";

#[tokio::test(start_paused = true)]
async fn a_policy_that_deletes_claims_is_named() {
    for (policy, words) in [
        (json!({"whenScaled": "Delete"}), "whenScaled: Delete"),
        (json!({"whenDeleted": "Delete"}), "whenDeleted: Delete"),
        (json!({"whenScaled": "Delete", "whenDeleted": "Delete"}), "data-common-etcd-etcd-0"),
    ] {
        let policy = json!({"spec": {"persistentVolumeClaimRetentionPolicy": policy}});
        named(&[("primary", "PATCH", SET, policy)], &[words]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_finalizer_of_another_controller_is_named() {
    let with = |finalizers: Value| json!({"metadata": {"finalizers": finalizers}});
    let snapshot = "snapshot.storage.kubernetes.io/pvc-as-source-protection";
    let pod = "/api/v1/namespaces/common/pods/common-etcd-etcd-1";
    for (path, finalizers, words) in [
        (
            CLAIM,
            json!(["kubernetes.io/pvc-protection", snapshot]),
            ["PersistentVolumeClaim data-common-etcd-etcd-1", snapshot],
        ),
        (pod, json!(["kueue.x-k8s.io/managed"]), ["Pod common-etcd-etcd-1", "kueue.x-k8s.io/managed"]),
        (SET, json!(["example.com/backup-first"]), ["StatefulSet", "example.com/backup-first"]),
    ] {
        named(&[("primary", "PATCH", path, with(finalizers))], &words).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_is_being_deleted_is_named() {
    let stage = Stage::prepared();
    stage.api("primary", "DELETE", CLAIM, None).await;
    let printed = found(&stage, &Play::cutover()).await;
    assert!(printed.contains("data-common-etcd-etcd-1") && printed.contains("being deleted"), "{printed}");
}

#[tokio::test(start_paused = true)]
async fn data_that_would_stay_behind_is_named() {
    let template = |set: &mut Value| {
        let spec = json!({"accessModes": ["ReadWriteOnce"], "storageClassName": "hostpath", "resources": {"requests": {"storage": "1Gi"}}});
        let templates = set["spec"]["volumeClaimTemplates"].as_array_mut().expect("templates");
        templates.push(json!({"metadata": {"name": "wal"}, "spec": spec}));
    };
    let stage = made_anew(template).await;
    let printed = found(&stage, &Play::cutover()).await;
    assert!(printed.contains("have a volume wal besides data"), "{printed}");

    // The directory of a node, which no claim shows.
    let stage = Stage::prepared();
    edit_set(&stage, "primary", |set| {
        let spec = &mut set["spec"]["template"]["spec"];
        spec["volumes"] = json!([{"name": "wal", "hostPath": {"path": "/var/lib/wal", "type": "DirectoryOrCreate"}}]);
        let mounts = spec["containers"][0]["volumeMounts"].as_array_mut().expect("mounts");
        mounts.push(json!({"name": "wal", "mountPath": "/wal"}));
    })
    .await;
    let printed = found(&stage, &Play::cutover()).await;
    assert!(printed.contains("have a volume wal besides data"), "{printed}");
    let accepted = Play::cutover().provided(json!({"other_volumes": ["wal"]}));
    let ran = stage.run(&accepted).await;
    assert!(!ran.failures().contains("have a volume wal"), "{}", ran.failures());
}
