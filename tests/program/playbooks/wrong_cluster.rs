//! Clusters that are not what they should be: volumes crossed or not retained, claims in use, hooks, unfinished Helm operations,
//! replicas on the standby.

use serde_json::{Value, json};

use crate::support::play::{CUTOVER, Play, example};
use crate::support::releases::leave_upgrade_unfinished;
use crate::support::stage::Stage;
use crate::support::unharmed::{caught, caught_and_undone, stopped, undone};

const SETS: &str = "/apis/apps/v1/namespaces/common/statefulsets/common-etcd-etcd";
const CLAIMS: &str = "/api/v1/namespaces/common/persistentvolumeclaims";
const VOLUMES: &str = "/api/v1/persistentvolumes";

#[tokio::test(start_paused = true)]
async fn without_retain_no_claim_is_deleted() {
    let cut = |text: String| {
        let (from, to) = ("      - name: Keep the old volumes", "      - name: Scale to zero");
        let (head, tail) = text.split_once(from).expect("the step");
        let (_, tail) = tail.split_once(to).expect("the next step");
        format!("{head}{to}{tail}")
    };
    let play = Play::load(CUTOVER, &cut, &example());
    let stage = Stage::prepared();
    let ran = stage.run(&play).await;
    stopped(&ran, "delete-the-claims-the-volumes-stay", &["has the reclaim policy Delete", "set it to Retain first"]);
    assert!(!stage.world.effects().iter().any(|effect| effect.contains("> DELETE ")));
    undone(&stage, &ran).await;
}

#[tokio::test(start_paused = true)]
async fn a_claim_in_use_is_not_deleted() {
    let (stage, events) = Stage::before("delete-the-claims-the-volumes-stay");
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "intruder"},
        "spec": {
            "containers": [{"name": "main", "image": "busybox"}],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data-common-etcd-etcd-1"}}],
        },
    });
    stage.api("primary", "POST", "/api/v1/namespaces/common/pods", Some(pod)).await;
    let words = ["data-common-etcd-etcd-1 is in use by pod intruder"];
    caught_and_undone(&stage, events, "delete-the-claims-the-volumes-stay", &words).await;
}

/// Recreates the volume of an ordinal, with the node and directory of another one.
async fn cross(stage: &Stage, ordinal: usize, other: usize, objects: &[Value; 2]) {
    let [mut volume, mut claim] = objects.clone();
    for object in [&mut volume, &mut claim] {
        let name = object["metadata"]["name"].clone();
        object["metadata"] = json!({"name": name});
        object.as_object_mut().unwrap().shift_remove("status");
    }
    volume["spec"]["hostPath"]["path"] = json!(format!("/data/vmdata/hpvolumes/common-etcd-etcd-{other}/data"));
    let terms = &mut volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"];
    terms[0]["matchExpressions"][0]["values"][0] = json!(format!("worker{:02}", other + 1));
    volume["spec"]["claimRef"] = json!({"namespace": "common", "name": format!("data-common-etcd-etcd-{ordinal}")});
    stage.api("primary", "POST", VOLUMES, Some(volume)).await;
    stage.api("primary", "POST", CLAIMS, Some(claim)).await;
}

#[tokio::test(start_paused = true)]
async fn crossed_volumes_are_found() {
    let (stage, events) = Stage::before("the-mounts-are-in-place");
    let mut objects = Vec::new();
    for ordinal in 0..2 {
        let volume = format!("{VOLUMES}/common-etcd-etcd-{ordinal}");
        let claim = format!("{CLAIMS}/data-common-etcd-etcd-{ordinal}");
        objects
            .push([stage.api("primary", "GET", &volume, None).await, stage.api("primary", "GET", &claim, None).await]);
        stage.api("primary", "DELETE", &claim, None).await;
        stage.api("primary", "DELETE", &volume, None).await;
    }
    cross(&stage, 0, 1, &objects[0]).await;
    cross(&stage, 1, 0, &objects[1]).await;
    let words = ["replica 0 is on worker02, its pair etcd0 is on worker01", "replica 1 is on worker01"];
    let ran = caught(&stage, events, "every-replica-gets-its-own-node-and-disk", &words).await;
    undone(&stage, &ran).await;
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_removes_members_is_not_run() {
    let stage = Stage::prepared();
    let hook =
        json!({"preStop": {"exec": {"command": ["sh", "-c", "etcdctl member remove $(cat /var/run/member-id)"]}}});
    let mut set = stage.api("primary", "GET", SETS, None).await;
    set["spec"]["template"]["spec"]["containers"][0]["lifecycle"] = hook;
    stage.api("primary", "PUT", SETS, Some(set)).await;
    tokio::time::sleep(std::time::Duration::from_secs(300)).await;
    caught_and_undone(&stage, &[], "the-service-may-be-stopped", &["preStop", "member remove"]).await;
}

/// Makes the StatefulSet delete its claims when this happens to it.
async fn let_claims_go(stage: &Stage, when: &str) {
    let policy = json!({"spec": {"persistentVolumeClaimRetentionPolicy": {when: "Delete"}}});
    stage.api("primary", "PATCH", SETS, Some(policy)).await;
}

#[tokio::test(start_paused = true)]
async fn a_set_that_deletes_its_claims_stops_it_before_the_outage() {
    let step = "nothing-deletes-the-claims-and-nothing-holds-them";
    for when in ["whenScaled", "whenDeleted"] {
        let stage = Stage::prepared();
        let_claims_go(&stage, when).await;
        let policy = format!("persistentVolumeClaimRetentionPolicy: {when}: Delete");
        let words =
            [policy.as_str(), "data-common-etcd-etcd-2", "kubectl -n common patch statefulset common-etcd-etcd"];
        caught_and_undone(&stage, &[], step, &words).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_set_that_has_come_to_delete_its_claims_is_made_to_keep_them() {
    let step = "bring-each-replica-s-data-to-its-new-node";
    for (before, when) in [("scale-to-zero", "whenScaled"), ("scale-to-zero", "whenDeleted")] {
        let (stage, events) = Stage::before(before);
        let_claims_go(&stage, when).await;
        let ran = stage.execution(&Play::cutover()).after(events).fail(step).go().await;
        stopped(&ran, step, &["made to fail on purpose"]);
        let effects = stage.world.effects();
        let keep = effects.iter().position(|effect| effect.contains(r#""whenScaled":"Retain","whenDeleted":"Retain""#));
        let scale = effects.iter().rposition(|effect| effect.contains("/scale?") && effect.contains(r#""replicas":0"#));
        assert!(keep.is_some() && keep < scale, "{when}: {effects:?}");
        undone(&stage, &ran).await;
    }
    let (stage, events) = Stage::before("uninstall-the-release");
    let_claims_go(&stage, "whenDeleted").await;
    let step = "every-replica-gets-its-own-node-and-disk";
    let ran = stage.execution(&Play::cutover()).after(events).fail(step).go().await;
    stopped(&ran, step, &["made to fail on purpose"]);
    undone(&stage, &ran).await;
}

#[tokio::test(start_paused = true)]
async fn claims_that_were_deleted_in_the_outage_are_bound_to_their_volumes_again_by_undo() {
    let (stage, events) = Stage::before("copy-each-volume-to-the-backup");
    for ordinal in 0..3 {
        let claim = format!("{CLAIMS}/data-common-etcd-etcd-{ordinal}");
        stage.api("primary", "DELETE", &claim, Some(json!({"kind": "DeleteOptions", "apiVersion": "v1"}))).await;
    }
    let step = "bring-each-replica-s-data-to-its-new-node";
    let ran = stage.execution(&Play::cutover()).after(events).fail(step).go().await;
    stopped(&ran, step, &["made to fail on purpose"]);
    undone(&stage, &ran).await;
}

#[tokio::test(start_paused = true)]
async fn an_unfinished_helm_operation_stops_it_at_once() {
    let stage = Stage::prepared();
    leave_upgrade_unfinished(&stage).await;
    caught_and_undone(
        &stage,
        &[],
        "no-helm-operation-was-left-unfinished",
        &["common-etcd is pending-upgrade, revision 2"],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn replicas_on_the_standby_stop_it_at_once() {
    let stage = Stage::prepared();
    stage.api("standby", "PATCH", SETS, Some(json!({"spec": {"replicas": 3}}))).await;
    caught_and_undone(&stage, &[], "no-replica-runs-on-the-standby", &["replicas"]).await;
}
