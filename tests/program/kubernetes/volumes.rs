//! The map of replicas to volumes: proven, and every way of being wrong that the API server would not see.

use serde_json::{Value, json};

use super::{SET, blocked, done, lab, names, scale, volumes};
use cutover_testkit::lab::Lab;

/// The volume and the claim of a replica, as tasks/static-volumes.yml declares them.
pub(super) fn replica(ordinal: usize, node: &str) -> Value {
    let name = format!("{SET}-{ordinal}");
    let claim = format!("data-{name}");
    json!({"manifest": [
        {
            "apiVersion": "v1", "kind": "PersistentVolume",
            "metadata": {"name": name, "labels": {"app.kubernetes.io/managed-by": "cutover"}},
            "spec": {
                "capacity": {"storage": "20Gi"}, "accessModes": ["ReadWriteOnce"],
                "persistentVolumeReclaimPolicy": "Retain", "storageClassName": "hostpath", "volumeMode": "Filesystem",
                "claimRef": {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": "common", "name": claim},
                "hostPath": {"path": format!("/data/vmdata/hpvolumes/{name}/data"), "type": "Directory"},
                "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [
                    {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]},
                ]}]}},
            },
        },
        {
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"namespace": "common", "name": claim},
            "spec": {
                "accessModes": ["ReadWriteOnce"], "storageClassName": "hostpath", "volumeName": name,
                "resources": {"requests": {"storage": "20Gi"}},
            },
        },
    ]})
}

#[tokio::test(start_paused = true)]
async fn the_map_is_the_same_with_and_without_pods() {
    let lab = lab();
    let running = volumes(&lab).await;
    assert_eq!(names(&running, "node"), [json!("worker04"), json!("worker05"), json!("worker06")]);
    assert_eq!(names(&running, "resource"), [json!("etcd0"), json!("etcd1"), json!("etcd2")]);
    scale(&lab, 0).await;
    assert_eq!(volumes(&lab).await, running);
    let on_pairs = json!({"namespace": "common", "statefulset": SET, "claim": "data", "on_pairs": true});
    let words = blocked(&lab, "k8s_volumes", on_pairs).await;
    assert!(words.contains("replica 0 is on worker04, its pair etcd0 is on worker01"), "{words}");
}

/// Puts a file system on each pair's disk and mounts it, and moves the claims onto volumes there. `nodes` says which node
/// each replica's volume is declared on.
async fn move_to_pairs(lab: &Lab, nodes: [&str; 3]) {
    let old = volumes(lab).await;
    scale(lab, 0).await;
    let retain = json!({"spec": {"persistentVolumeReclaimPolicy": "Retain"}});
    done(lab, "k8s_patch", json!({"kind": "PersistentVolume", "names": names(&old, "pv"), "patch": retain})).await;
    let claims = json!({"kind": "PersistentVolumeClaim", "namespace": "common", "names": names(&old, "claim")});
    done(lab, "k8s_delete", claims).await;
    for (ordinal, node) in nodes.into_iter().enumerate() {
        let mount = format!("/data/vmdata/hpvolumes/{SET}-{ordinal}");
        for line in [
            "mkfs.ext4 -q /dev/sdc",
            &format!("mkdir -p {mount}"),
            &format!("mount /dev/sdc {mount}"),
            &format!("mkdir {mount}/data"),
        ] {
            let output = lab.run(node, line).await;
            assert!(output.success(), "{node}: {line}: {output:?}");
        }
        done(lab, "k8s_apply", replica(ordinal, node)).await;
        let claim = json!({"kind": "PersistentVolumeClaim", "namespace": "common", "name": format!("data-{SET}-{ordinal}"), "for": "ready"});
        done(lab, "k8s_wait", claim).await;
    }
}

#[tokio::test(start_paused = true)]
async fn replicas_are_proven_to_sit_on_their_pairs() {
    let lab = lab();
    move_to_pairs(&lab, ["worker01", "worker02", "worker03"]).await;
    let on_pairs = json!({"namespace": "common", "statefulset": SET, "claim": "data", "on_pairs": true});
    let (_, result, _) = done(&lab, "k8s_volumes", on_pairs.clone()).await;
    assert_eq!(
        names(result["volumes"].as_array().unwrap(), "node"),
        [json!("worker01"), json!("worker02"), json!("worker03")]
    );
    assert_eq!(result["volumes"][2]["path"], format!("/data/vmdata/hpvolumes/{SET}-2/data"));
    // Not mounted: the directory is not there, or it is another one beneath.
    let mount = format!("/data/vmdata/hpvolumes/{SET}-2");
    assert!(lab.run("worker03", &format!("umount {mount}")).await.success());
    let words = blocked(&lab, "k8s_volumes", on_pairs.clone()).await;
    assert_eq!(words, format!("{mount}/data of replica 2 is not there on worker03: is /dev/sdc mounted?"));
    lab.run("worker03", &format!("mkdir -p {mount}/data")).await;
    let words = blocked(&lab, "k8s_volumes", on_pairs).await;
    assert!(words.contains("lies on /dev/sdb1 (mounted at /data/vmdata/hpvolumes), not on /dev/sdc"), "{words}");
}

#[tokio::test(start_paused = true)]
async fn volumes_swapped_between_two_members_are_caught() {
    let lab = lab();
    // Everything is consistent for the API server, but replicas 0 and 1 sit on each other's disks.
    move_to_pairs(&lab, ["worker02", "worker01", "worker03"]).await;
    let params =
        |on_pairs: bool| json!({"namespace": "common", "statefulset": SET, "claim": "data", "on_pairs": on_pairs});
    done(&lab, "k8s_volumes", params(false)).await;
    let words = blocked(&lab, "k8s_volumes", params(true)).await;
    assert_eq!(
        words,
        "replica 0 is on worker02, its pair etcd0 is on worker01\nreplica 1 is on worker01, its pair etcd1 is on worker02"
    );
}
