//! StatefulSets whose own policy deletes their claims: none is scaled down or deleted, and what they own is seen
//! even after the policy was changed.

use serde_json::{Value, json};

use super::{SET, blocked, done, get, lab, pass, scale};

const CLAIM: &str = "/api/v1/namespaces/common/persistentvolumeclaims/data-common-etcd-etcd-0";

fn patch(policy: Value) -> Value {
    let patch = json!({"spec": {"persistentVolumeClaimRetentionPolicy": policy}});
    json!({"kind": "StatefulSet", "namespace": "common", "name": SET, "patch": patch})
}

fn set() -> Value {
    json!({"kind": "StatefulSet", "namespace": "common", "name": SET})
}

#[tokio::test(start_paused = true)]
async fn a_set_that_deletes_claims_is_not_scaled_down_or_deleted() {
    let lab = lab();
    done(&lab, "k8s_patch", patch(json!({"whenScaled": "Delete", "whenDeleted": "Delete"}))).await;
    let mut to_zero = set();
    to_zero["replicas"] = json!(0);
    let words = blocked(&lab, "k8s_scale", to_zero.clone()).await;
    assert!(words.contains("whenScaled: Delete") && words.contains("data-common-etcd-etcd-2 would go"), "{words}");
    let mut to_zero = set();
    to_zero["patch"] = json!({"spec": {"replicas": 0}});
    assert!(blocked(&lab, "k8s_patch", to_zero).await.contains("whenScaled: Delete"));
    let manifest = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": SET, "namespace": "common"}, "spec": {"replicas": 0}});
    assert!(blocked(&lab, "k8s_apply", json!({"manifest": manifest})).await.contains("whenScaled: Delete"));
    let words = blocked(&lab, "k8s_delete", set()).await;
    assert!(words.contains("whenDeleted: Delete") && words.contains("data-common-etcd-etcd-0"), "{words}");
    // The way out that is named is one.
    done(&lab, "k8s_patch", patch(json!({"whenScaled": "Retain", "whenDeleted": "Retain"}))).await;
    scale(&lab, 0).await;
    done(&lab, "k8s_delete", set()).await;
    pass(60).await;
    assert!(get(&lab, CLAIM).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn what_a_set_came_to_own_is_seen_after_its_policy_was_changed() {
    let lab = lab();
    done(&lab, "k8s_patch", patch(json!({"whenScaled": "Retain", "whenDeleted": "Delete"}))).await;
    scale(&lab, 0).await;
    // At zero replicas nobody takes the owners off.
    done(&lab, "k8s_patch", patch(json!({"whenScaled": "Retain", "whenDeleted": "Retain"}))).await;
    let words = blocked(&lab, "k8s_delete", set()).await;
    assert!(words.contains("owns data-common-etcd-etcd-0, data-common-etcd-etcd-1"), "{words}");
    // Left behind, they stay.
    let mut alone = set();
    alone["dependents"] = json!("orphan");
    done(&lab, "k8s_delete", alone).await;
    pass(60).await;
    assert!(get(&lab, CLAIM).await.is_some());
}
