//! Many obstacles at once: the check phase of the cutover names every one of them, and touches nothing.

use cutover_engine::event::EventKind;
use cutover_engine::failure::RecordedFailure;
use cutover_engine::world::{Command, Place};
use cutover_sandbox::{Strike, StrikeKind};
use serde_json::json;

use crate::support::play::Play;
use crate::support::ran::changed;
use crate::support::releases::leave_upgrade_unfinished;
use crate::support::stage::Stage;

const SETS: &str = "/apis/apps/v1/namespaces/common/statefulsets/common-etcd-etcd";
const CLAIM: &str = "/api/v1/namespaces/common/persistentvolumeclaims/data-common-etcd-etcd-1";

const AUTOSCALERS: &str = "/apis/autoscaling/v2/namespaces/common/horizontalpodautoscalers";

/// Puts eleven obstacles in the way, each of another kind.
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
    let autoscaler = json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "keda-hpa-etcd"},
        "spec": {
            "minReplicas": 3, "maxReplicas": 5,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "common-etcd-etcd"},
        },
    });
    stage.api("primary", "POST", AUTOSCALERS, Some(autoscaler)).await;
    leave_upgrade_unfinished(stage).await;
}

#[tokio::test(start_paused = true)]
async fn eleven_obstacles_at_once_are_all_named_before_anything_is_touched() {
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
        "HorizontalPodAutoscaler keda-hpa-etcd",
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

/// The words of a cutover that is refused because of autoscalers; none if it goes on.
async fn autoscaled(stage: &Stage) -> Option<String> {
    let ran = stage.run(&Play::cutover()).await;
    let (code, words) = (ran.ending.exit_code, ran.words());
    assert_eq!(changed(ran.own()).is_empty(), code == 3, "{}", ran.summary());
    (code == 3).then_some(words)
}

#[tokio::test(start_paused = true)]
async fn only_the_autoscalers_of_the_set_are_in_the_way() {
    let other = |kind: &str, name: &str| {
        json!({
            "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "other"},
            "spec": {"maxReplicas": 5, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": kind, "name": name}},
        })
    };
    for (kind, name) in [("Deployment", "common-etcd-etcd"), ("StatefulSet", "web")] {
        let stage = Stage::prepared();
        stage.api("primary", "POST", AUTOSCALERS, Some(other(kind, name))).await;
        assert_eq!(autoscaled(&stage).await, None, "{kind} {name}");
    }
    // One that comes in the meantime.
    let (stage, events) = Stage::before("approve-the-outage");
    stage.api("primary", "POST", AUTOSCALERS, Some(other("StatefulSet", "common-etcd-etcd"))).await;
    let ran = stage.resume(&Play::cutover(), events).await;
    assert_eq!(ran.ending.exit_code, 3, "{}", ran.summary());
    assert!(ran.words().contains("HorizontalPodAutoscaler other"), "{}", ran.summary());
}

#[tokio::test(start_paused = true)]
async fn autoscalers_that_may_not_be_listed_may_be_there() {
    for (status, refused) in [(403, true), (404, false)] {
        let stage = Stage::prepared();
        let kind = StrikeKind::Answers { status, retry_after: None };
        let strike = Strike::text("GET /apis/autoscaling", kind);
        stage.world.inject(Strike { times: 100, ..strike });
        let words = autoscaled(&stage).await;
        assert_eq!(words.is_some(), refused, "{status}: {words:?}");
        assert!(words.is_none_or(|words| words.contains("which this user may not list")), "{status}");
        if refused {
            let accepted = Play::cutover().provided(json!({"accept_rescaling": true}));
            stage.run(&accepted).await.well();
        }
    }
}

/// An object in the way in the namespace of the service, and the words by which it is refused.
async fn refused(stage: &Stage, words: &str) {
    let ran = stage.run(&Play::cutover()).await;
    assert_eq!(ran.ending.exit_code, 3, "{}", ran.summary());
    assert!(ran.words().contains(words), "{}", ran.words());
    assert_eq!(changed(ran.own()), [""; 0]);
}

fn in_common(kind: &str, spec: serde_json::Value) -> serde_json::Value {
    json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "limits", "namespace": "common"}, "spec": spec})
}

/// The release's pods ask for something, those that run now as well.
async fn asks(stage: &Stage, cpu: &str) {
    let mut set = stage.api("primary", "GET", SETS, None).await;
    set["spec"]["template"]["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": cpu}});
    stage.api("primary", "PUT", SETS, Some(set)).await;
    tokio::time::sleep(std::time::Duration::from_secs(600)).await;
}

#[tokio::test(start_paused = true)]
async fn a_quota_counts_without_the_pods_that_go() {
    let quotas = "/api/v1/namespaces/common/resourcequotas";
    let stage = Stage::prepared();
    // All that there is, used up by the pods that are to go.
    stage.api("primary", "POST", quotas, Some(in_common("ResourceQuota", json!({"hard": {"pods": "3"}})))).await;
    stage.run(&Play::cutover()).await.well();

    let stage = Stage::prepared();
    asks(&stage, "2").await;
    stage
        .api("primary", "POST", quotas, Some(in_common("ResourceQuota", json!({"hard": {"requests.cpu": "5"}}))))
        .await;
    refused(
        &stage,
        "the quota limits of common leaves no room for 3 pods: they need 6 of requests.cpu, others use 0, and 5 is",
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_quota_that_is_not_looked_at_is_found_in_the_outage() {
    let step = "      - name: The new pods will be let in and find room on the planned nodes\n";
    let without = |text: String| {
        let (head, tail) = text.split_once(step).expect("the step");
        let (_, rest) = tail.split_once("\n\n").expect("its end");
        format!("{head}{rest}")
    };
    let stage = Stage::prepared();
    let quota = in_common("ResourceQuota", json!({"hard": {"pods": "2"}}));
    stage.api("primary", "POST", "/api/v1/namespaces/common/resourcequotas", Some(quota)).await;
    let ran = stage.run(&Play::load("etcd-cutover.yml", &without, &crate::support::play::example())).await;
    assert_ne!(ran.ending.exit_code, 0);
    assert!(!changed(ran.own()).is_empty(), "the service was stopped, and does not start again: {}", ran.summary());
    refused(
        &{
            let stage = Stage::prepared();
            let quota = in_common("ResourceQuota", json!({"hard": {"pods": "2"}}));
            stage.api("primary", "POST", "/api/v1/namespaces/common/resourcequotas", Some(quota)).await;
            stage
        },
        "they need 3 of pods",
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn pods_that_a_limit_range_keeps_out_are_tried_beforehand() {
    let stage = Stage::prepared();
    asks(&stage, "2").await;
    let range = in_common("LimitRange", json!({"limits": [{"type": "Container", "max": {"cpu": "1"}}]}));
    stage.api("primary", "POST", "/api/v1/namespaces/common/limitranges", Some(range)).await;
    refused(&stage, "maximum cpu usage per Container is 1, but limit is 2").await;
}

#[tokio::test(start_paused = true)]
async fn a_quota_for_pods_that_say_what_they_want_takes_no_others() {
    let stage = Stage::prepared();
    let quota = in_common("ResourceQuota", json!({"hard": {"limits.memory": "64Gi"}}));
    stage.api("primary", "POST", "/api/v1/namespaces/common/resourcequotas", Some(quota)).await;
    refused(&stage, "must specify limits.memory for: etcd").await;
}

#[tokio::test(start_paused = true)]
async fn what_other_pods_ask_for_is_counted_on_the_planned_nodes() {
    let stage = Stage::prepared();
    asks(&stage, "2").await;
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "heavy", "namespace": "default"},
        "spec": {"nodeName": "worker02", "containers": [{"name": "c", "image": "x", "resources": {"requests": {"cpu": "15"}}}]},
    });
    stage.api("primary", "POST", "/api/v1/namespaces/default/pods", Some(pod)).await;
    refused(
        &stage,
        "worker02 has no room for one of the pods: it needs 2 of cpu, what runs there asks for 15, and 16 is",
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_volume_on_a_file_system_that_is_flagged_with_errors_is_not_copied() {
    for (errors, code) in [("3", 3), ("0", 0)] {
        let stage = Stage::prepared();
        let volumes = "/data/vmdata/hpvolumes";
        let device = stage.must("primary", "worker05", &format!("findmnt -n -o SOURCE -T {volumes}")).await;
        let counted = format!("/sys/fs/ext4/{}", device.trim().rsplit('/').next().expect("a device"));
        stage.must("primary", "worker05", &format!("mkdir -p {counted}")).await;
        let write = Command::new(["tee".to_owned(), format!("{counted}/errors_count")]).stdin(errors);
        assert!(stage.exec(&Place::node("primary", "worker05"), &write).await.success());
        let ran = stage.run(&Play::cutover()).await;
        assert_eq!(ran.ending.exit_code, code, "{}", ran.summary());
        assert_eq!(
            ran.words().contains("is flagged with errors: the kernel has found 3"),
            code == 3,
            "{}",
            ran.words()
        );
    }
}
