//! Many obstacles at once: the check phase of the cutover names every one of them, and touches nothing.

use cutover_engine::event::EventKind;
use cutover_engine::failure::RecordedFailure;
use serde_json::json;

use crate::support::play::Play;
use crate::support::ran::changed;
use crate::support::releases::leave_upgrade_unfinished;
use crate::support::stage::Stage;

const SETS: &str = "/apis/apps/v1/namespaces/common/statefulsets/common-etcd-etcd";
const CLAIM: &str = "/api/v1/namespaces/common/persistentvolumeclaims/data-common-etcd-etcd-1";

/// Puts ten obstacles in the way, each of another kind.
async fn obstruct(stage: &Stage) {
    stage.must("primary", "worker03", "drbdadm disconnect etcd2").await;
    let node = |name: &str| format!("/api/v1/nodes/{name}");
    stage.api("primary", "PATCH", &node("worker02"), Some(json!({"spec": {"unschedulable": true}}))).await;
    let taint = json!({"spec": {"taints": [{"key": "disk", "value": "slow", "effect": "NoSchedule"}]}});
    stage.api("standby", "PATCH", &node("worker01"), Some(taint)).await;
    stage.api("standby", "PATCH", SETS, Some(json!({"spec": {"replicas": 3}}))).await;
    let mut set = stage.api("primary", "GET", SETS, None).await;
    let hook = json!({"preStop": {"exec": {"command": ["sleep", "5"]}}});
    set["spec"]["template"]["spec"]["containers"][0]["lifecycle"] = hook;
    set["spec"]["persistentVolumeClaimRetentionPolicy"] = json!({"whenScaled": "Delete"});
    stage.api("primary", "PUT", SETS, Some(set)).await;
    tokio::time::sleep(std::time::Duration::from_secs(300)).await;
    let held = json!({"metadata": {"finalizers": ["kubernetes.io/pvc-protection", "example.com/backup"]}});
    stage.api("primary", "PATCH", CLAIM, Some(held)).await;
    let volume = json!({
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "common-etcd-etcd-0"},
        "spec": {
            "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": "hostpath",
            "persistentVolumeReclaimPolicy": "Retain", "hostPath": {"path": "/srv/other"},
            "claimRef": {"namespace": "other", "name": "data-other-0"},
        },
    });
    stage.api("primary", "POST", "/api/v1/persistentvolumes", Some(volume)).await;
    let names = stage.must("primary", "worker05", "ls -A /data/vmdata/hpvolumes").await;
    let name = names.lines().find(|name| name.starts_with("pvc-")).expect("a volume");
    assert!(stage.world.leave_socket("primary", "worker05", &format!("/data/vmdata/hpvolumes/{name}/.sock")));
    leave_upgrade_unfinished(stage).await;
}

#[tokio::test(start_paused = true)]
async fn ten_obstacles_at_once_are_all_named_before_anything_is_touched() {
    let stage = Stage::prepared();
    obstruct(&stage).await;
    let ran = stage.run(&Play::cutover()).await;
    // 1: what may still come, as a standby that is scaled down, was waited for in vain.
    assert!(matches!(ran.ending.exit_code, 1 | 3), "{}", ran.summary());
    let words = |failure: &RecordedFailure| {
        let all = std::iter::once(&failure.message).chain(&failure.details);
        all.map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let failures: Vec<String> = ran
        .own()
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::TaskFinished { failure: Some(failure), .. } => Some(words(failure)),
            _ => None,
        })
        .collect();
    let printed = failures.join("\n");
    for obstacle in [
        "etcd2",
        "worker02: it is cordoned",
        "disk=slow:NoSchedule",
        "replicas",
        "preStop",
        "whenScaled: Delete",
        "example.com/backup",
        "other/data-other-0",
        ".sock is a socket",
        "common-etcd is pending-upgrade",
    ] {
        assert!(printed.contains(obstacle), "{obstacle} is not named in\n{printed}");
    }
    assert_eq!(changed(ran.own()), [""; 0]);
    let beyond = |kind: &EventKind| matches!(kind, EventKind::PhaseStarted { index, .. } if *index > 1);
    assert!(!ran.own().iter().any(|event| beyond(&event.kind)), "the check phase is the last one");
}
