//! What the retention policy of a StatefulSet loses, for objects as data.

use serde_json::{Value, json};

use super::*;

fn set(replicas: u64, scaled: &str, deleted: &str) -> Value {
    json!({
        "metadata": {"name": "etcd", "namespace": "common", "uid": "s-1"},
        "spec": {
            "replicas": replicas,
            "volumeClaimTemplates": [{"metadata": {"name": "data"}}, {"metadata": {"name": "wal"}}],
            "persistentVolumeClaimRetentionPolicy": {"whenScaled": scaled, "whenDeleted": deleted},
        },
    })
}

static SET: Kind = STATEFUL_SET;

fn named() -> Named<'static> {
    Named { kind: &SET, namespace: Some("common"), name: "etcd" }
}

#[test]
fn only_a_policy_that_deletes_at_that_moment_is_a_reason() {
    let reason = |scaled, deleted, moment| Retention::of(&set(3, scaled, deleted)).reason(named(), &[moment], 0);
    for (scaled, deleted, moment) in [
        ("Retain", "Retain", Moment::Scaled),
        ("Retain", "Delete", Moment::Scaled),
        ("Retain", "Retain", Moment::Deleted),
        ("Delete", "Retain", Moment::Deleted),
    ] {
        assert_eq!(reason(scaled, deleted, moment), None, "{scaled} {deleted}");
    }
    insta::assert_snapshot!(reason("Delete", "Retain", Moment::Scaled).unwrap(), @r#"
    StatefulSet common/etcd deletes the claims of replicas that are scaled away (persistentVolumeClaimRetentionPolicy: whenScaled: Delete): data-etcd-0, wal-etcd-0, data-etcd-1, wal-etcd-1, data-etcd-2, wal-etcd-2 would go, and with them the data of every volume whose reclaim policy is Delete; let it keep them first: kubectl -n common patch statefulset etcd --type merge -p '{"spec":{"persistentVolumeClaimRetentionPolicy":{"whenScaled":"Retain","whenDeleted":"Retain"}}}'
    "#);
    let none = json!({"metadata": {"name": "etcd"}, "spec": {"replicas": 3}});
    assert_eq!(Retention::of(&none).reason(named(), &[Moment::Scaled, Moment::Deleted], 0), None);
}

#[test]
fn the_claims_of_the_replicas_that_go_are_named() {
    let mut set = set(3, "Delete", "Delete");
    let lost = |set: &Value, keep| {
        let reason = Retention::of(set).reason(named(), &[Moment::Scaled], keep).unwrap();
        reason.to_string().split("): ").nth(1).unwrap().split(" would go").next().unwrap().to_owned()
    };
    assert_eq!(lost(&set, 2), "data-etcd-2, wal-etcd-2");
    set["spec"]["ordinals"] = json!({"start": 5});
    assert_eq!(lost(&set, 1), "data-etcd-6, wal-etcd-6, data-etcd-7, wal-etcd-7");
    // Scaled down a moment ago.
    set["spec"]["replicas"] = json!(0);
    set["status"]["replicas"] = json!(1);
    assert_eq!(lost(&set, 0), "data-etcd-5, wal-etcd-5");
}

#[test]
fn the_policy_beside_the_new_number_decides() {
    let keeping = |replicas| set(replicas, "Retain", "Delete");
    let deleting = |replicas| set(replicas, "Delete", "Retain");
    assert!(shrinking(named(), &keeping(3), &deleting(2)).unwrap().contains("whenScaled: Delete"));
    assert_eq!(shrinking(named(), &deleting(3), &keeping(2)), None);
    assert_eq!(shrinking(named(), &deleting(3), &deleting(3)), None);
    assert_eq!(shrinking(named(), &deleting(0), &deleting(3)), None);
}

#[test]
fn what_a_set_owns_goes_with_it_whatever_its_policy_says_by_now() {
    let claim = |name: &str, owner: &str| json!({"metadata": {"name": name, "ownerReferences": [{"uid": owner}]}});
    let claims = [claim("data-etcd-0", "s-1"), claim("data-other-0", "s-2"), claim("data-etcd-1", "s-1")];
    let retaining = set(0, "Retain", "Retain");
    assert_eq!(deletion(named(), &retaining, &claims[1..2]), None);
    insta::assert_snapshot!(deletion(named(), &retaining, &claims).unwrap(), @r#"
    StatefulSet common/etcd owns data-etcd-0, data-etcd-1 and takes them along when it is deleted, and with them the data of every volume whose reclaim policy is Delete; let it own them no more: kubectl -n common patch pvc data-etcd-0 data-etcd-1 --type json -p '[{"op":"remove","path":"/metadata/ownerReferences"}]'
    "#);
    let reason = deletion(named(), &set(0, "Retain", "Delete"), &claims).unwrap();
    assert!(reason.contains("whenDeleted: Delete): data-etcd-0, data-etcd-1 would go"), "{reason}");
}
