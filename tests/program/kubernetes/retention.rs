//! StatefulSets whose own policy deletes their claims: they are made to keep them before they are scaled down or deleted,
//! and what they own is seen even after the policy was changed. Claims that are gone are bound to their old volumes again.

use cutover_engine::module::Change;
use cutover_engine::request::Request;
use cutover_engine::world::World as _;
use cutover_sandbox::{Strike, StrikeKind, WorldSpec};
use serde_json::{Value, json};

use super::{SET, blocked, done, get, lab, lab_of, names, pass, scale, undo, volumes};

const SETS: &str = "/apis/apps/v1/namespaces/common/statefulsets/common-etcd-etcd";
const CLAIM: &str = "/api/v1/namespaces/common/persistentvolumeclaims/data-common-etcd-etcd-0";
const FIELD: &str = "persistentVolumeClaimRetentionPolicy";

fn patch(policy: Value) -> Value {
    json!({"kind": "StatefulSet", "namespace": "common", "name": SET, "patch": {"spec": {FIELD: policy}}})
}

fn set() -> Value {
    json!({"kind": "StatefulSet", "namespace": "common", "name": SET})
}

fn keys(changes: &[Change]) -> Vec<&str> {
    changes.iter().filter_map(|change| change.key.split(' ').next()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_set_is_made_to_keep_its_claims_before_it_is_scaled_down() {
    let lab = lab();
    let before = volumes(&lab).await;
    let policy = json!({"whenScaled": "Delete", "whenDeleted": "Delete"});
    done(&lab, "k8s_patch", patch(policy.clone())).await;
    let (log, _, changes) = scale(&lab, 0).await;
    assert_eq!(keys(&changes), ["keep-claims", "set-replicas"], "{log:?}");
    pass(60).await;
    assert_eq!(names(&volumes(&lab).await, "claim_uid"), names(&before, "claim_uid"));
    assert!(get(&lab, CLAIM).await.unwrap()["metadata"]["ownerReferences"].is_null(), "the set owns it no more");
    // Undone, it is as it was: the replicas first, and then the policy.
    undo(&lab, &changes).await;
    scale(&lab, 3).await;
    assert_eq!(names(&volumes(&lab).await, "pv_uid"), names(&before, "pv_uid"));
    assert_eq!(get(&lab, SETS).await.unwrap()["spec"][FIELD], policy);
}

#[tokio::test(start_paused = true)]
async fn a_set_is_made_to_keep_its_claims_before_it_is_deleted() {
    let lab = lab();
    let before = volumes(&lab).await;
    done(&lab, "k8s_patch", patch(json!({"whenScaled": "Retain", "whenDeleted": "Delete"}))).await;
    let (_, _, changes) = done(&lab, "k8s_delete", set()).await;
    assert_eq!(keys(&changes), ["keep-claims", "delete-object"]);
    pass(60).await;
    assert!(get(&lab, SETS).await.is_none());
    for claim in names(&before, "claim_uid") {
        let claims = get(&lab, "/api/v1/namespaces/common/persistentvolumeclaims").await.unwrap();
        let found = claims["items"].as_array().unwrap().iter().find(|one| one["metadata"]["uid"] == claim).cloned();
        assert_eq!(found.expect("it is there")["status"]["phase"], "Bound");
    }
    undo(&lab, &changes).await;
    scale(&lab, 3).await;
    assert_eq!(names(&volumes(&lab).await, "pv_uid"), names(&before, "pv_uid"));
    assert_eq!(get(&lab, SETS).await.unwrap()["spec"][FIELD]["whenDeleted"], "Delete");
}

#[tokio::test(start_paused = true)]
async fn what_a_set_came_to_own_is_taken_from_it_before_it_is_deleted() {
    let lab = lab();
    done(&lab, "k8s_patch", patch(json!({"whenScaled": "Retain", "whenDeleted": "Delete"}))).await;
    // Somebody else scales it down: at zero replicas no controller takes the owners off.
    let mut to_zero = set();
    to_zero["patch"] = json!({"spec": {"replicas": 0}});
    done(&lab, "k8s_patch", to_zero).await;
    pass(60).await;
    done(&lab, "k8s_patch", patch(json!({"whenScaled": "Retain", "whenDeleted": "Retain"}))).await;
    assert!(!get(&lab, CLAIM).await.unwrap()["metadata"]["ownerReferences"].is_null());
    let (_, _, changes) = done(&lab, "k8s_delete", set()).await;
    assert_eq!(keys(&changes), ["let-go", "let-go", "let-go", "delete-object"]);
    pass(60).await;
    assert!(get(&lab, CLAIM).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn where_the_policy_would_not_stay_it_is_refused() {
    let lab = lab();
    done(&lab, "k8s_patch", patch(json!({"whenScaled": "Delete", "whenDeleted": "Delete"}))).await;
    // What a patch or a manifest says is somebody's own word: nothing is added to it.
    let mut to_zero = set();
    to_zero["patch"] = json!({"spec": {"replicas": 0}});
    assert!(blocked(&lab, "k8s_patch", to_zero).await.contains("whenScaled: Delete"));
    let manifest = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": SET, "namespace": "common"}, "spec": {"replicas": 0}});
    assert!(blocked(&lab, "k8s_apply", json!({"manifest": manifest})).await.contains("whenScaled: Delete"));
    // Of an owner that is there: the set would be deleted as a leftover of one that is not.
    let there = get(&lab, "/api/v1/namespaces/common").await.unwrap()["metadata"]["uid"].clone();
    let owner = json!([{"apiVersion": "v1", "kind": "Ring", "name": "main", "uid": there, "controller": true}]);
    let mut owned = set();
    owned["patch"] = json!({"metadata": {"ownerReferences": owner}});
    done(&lab, "k8s_patch", owned).await;
    let mut to_zero = set();
    to_zero["replicas"] = json!(0);
    for (module, params) in [("k8s_scale", to_zero), ("k8s_delete", set())] {
        let words = blocked(&lab, module, params).await;
        assert!(words.contains("it is made by Ring main, which would put the policy back"), "{module}: {words}");
    }
}

#[tokio::test(start_paused = true)]
async fn where_the_api_server_does_not_allow_it_nothing_is_changed() {
    for status in [403, 422] {
        let lab = lab();
        done(&lab, "k8s_patch", patch(json!({"whenScaled": "Delete", "whenDeleted": "Delete"}))).await;
        lab.sandbox.inject(Strike::text("dryRun=All", StrikeKind::Answers { status, retry_after: None }));
        let mut to_zero = set();
        to_zero["replicas"] = json!(0);
        let words = blocked(&lab, "k8s_scale", to_zero).await;
        assert!(
            words.contains("would take its claims along, and the API server does not allow to change that"),
            "{words}"
        );
        assert_eq!(get(&lab, SETS).await.unwrap()["spec"]["replicas"], 3);
    }
}

#[tokio::test(start_paused = true)]
async fn claims_that_are_gone_are_bound_to_their_old_volumes_again() {
    let lab = lab();
    let before = volumes(&lab).await;
    let bind = json!({"namespace": "common", "volumes": before});
    assert_eq!(done(&lab, "k8s_bind", bind.clone()).await.2, [], "all of them are as they were");
    let keep = json!({"kind": "PersistentVolume", "names": names(&before, "pv"), "patch": {"spec": {"persistentVolumeReclaimPolicy": "Retain"}}});
    done(&lab, "k8s_patch", keep).await;
    // Somebody else lets the set take its claims along.
    done(&lab, "k8s_patch", patch(json!({"whenScaled": "Delete", "whenDeleted": "Delete"}))).await;
    let mut shrink = Request::get("primary", SETS);
    (shrink.method, shrink.content_type) = ("PATCH".to_owned(), Some("application/merge-patch+json".to_owned()));
    shrink.body = Some(json!({"spec": {"replicas": 0}}));
    assert!(lab.sandbox.request(&shrink).await.unwrap().is_success());
    pass(60).await;
    assert!(get(&lab, CLAIM).await.is_none(), "the sandbox obeys the policy");
    let (_, result, changes) = done(&lab, "k8s_bind", bind.clone()).await;
    assert_eq!(keys(&changes), ["bind-claim"; 3]);
    assert_eq!(result["bound"].as_array().unwrap().len(), 3);
    scale(&lab, 3).await;
    assert_eq!(names(&volumes(&lab).await, "pv_uid"), names(&before, "pv_uid"));
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_leads_elsewhere_is_refused() {
    let lab = lab();
    let before = volumes(&lab).await;
    let other = |field: &str, value: &str| {
        let mut volumes = before.clone();
        volumes[0][field] = json!(value);
        json!({"namespace": "common", "volumes": volumes})
    };
    let path = before[0]["path"].as_str().unwrap();
    let words = blocked(&lab, "k8s_bind", other("pv", "pvc-old")).await;
    assert!(words.contains("PersistentVolume pvc-old") && words.contains(path), "{words}");
    let words = blocked(&lab, "k8s_bind", other("pv_uid", "u-old")).await;
    assert!(words.contains("is not the one of then (UID u-old)"), "{words}");
    let mut crossed = before.clone();
    for field in ["pv", "pv_uid"] {
        crossed[0][field] = before[1][field].clone();
    }
    let words = blocked(&lab, "k8s_bind", json!({"namespace": "common", "volumes": crossed})).await;
    assert!(words.contains("is kept for claim common/data-common-etcd-etcd-1"), "{words}");
}

#[tokio::test(start_paused = true)]
async fn before_the_policy_there_was_none() {
    let old = WorldSpec { kubernetes_version: "1.20".to_owned(), ..WorldSpec::default() };
    for (lab, policy) in [(lab_of(old), Value::Null), (lab(), json!({"whenDeleted": "Retain", "whenScaled": "Retain"}))]
    {
        let set = get(&lab, SETS).await.unwrap();
        assert_eq!(set["spec"][FIELD], policy);
        // As both have answered: a 1.36 counts the available ones, and numbers its pods.
        let current = !policy.is_null();
        assert_eq!(set["status"]["availableReplicas"].is_u64(), current);
        let pod = get(&lab, "/api/v1/namespaces/common/pods/common-etcd-etcd-1").await.unwrap();
        assert_eq!(pod["metadata"]["labels"]["apps.kubernetes.io/pod-index"] == "1", current);
        let version = get(&lab, "/version").await.unwrap();
        assert_eq!(version["minor"], if current { "36" } else { "20" });
        let newer = get(&lab, "/apis/policy/v1").await.is_some();
        assert_eq!((newer, get(&lab, "/apis/policy/v1beta1").await.is_some()), (current, !current));
        let (_, _, changes) = scale(&lab, 0).await;
        assert_eq!(keys(&changes), ["set-replicas"], "nothing has to be made to retain anything");
    }
}

#[tokio::test(start_paused = true)]
async fn a_set_that_counts_from_another_number_and_waits_for_its_pods_is_understood() {
    let lab = lab();
    let set = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "late", "namespace": "common"},
        "spec": {
            "replicas": 3, "serviceName": "late", "ordinals": {"start": 5}, "minReadySeconds": 30,
            "selector": {"matchLabels": {"app": "late"}},
            "template": {
                "metadata": {"labels": {"app": "late"}},
                "spec": {"containers": [{"name": "c", "image": "busybox"}]},
            },
            "volumeClaimTemplates": [{
                "metadata": {"name": "data"},
                "spec": {
                    "accessModes": ["ReadWriteOnce"], "storageClassName": "hostpath",
                    "resources": {"requests": {"storage": "1Gi"}},
                },
            }],
        },
    });
    done(&lab, "k8s_apply", json!({"manifest": set})).await;
    let began = tokio::time::Instant::now();
    done(&lab, "k8s_wait", json!({"kind": "StatefulSet", "namespace": "common", "name": "late", "for": "ready"})).await;
    // One after the other, each ready for half a minute before the next is made.
    assert!(began.elapsed().as_secs() >= 90, "{:?}", began.elapsed());
    let params = json!({"namespace": "common", "statefulset": "late", "claim": "data"});
    let (_, result, _) = done(&lab, "k8s_volumes", params).await;
    let volumes = result["volumes"].as_array().unwrap().clone();
    assert_eq!(names(&volumes, "pod"), ["late-5", "late-6", "late-7"]);
    assert_eq!(names(&volumes, "ordinal"), [0, 1, 2]);
}
