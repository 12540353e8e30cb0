//! What `k8s_patch` decides, for objects as data.

use super::*;
use crate::support::kubernetes::kind::VOLUME;
use crate::testing;

fn object() -> Value {
    json!({
        "kind": "PersistentVolume", "metadata": {"name": "pv", "finalizers": ["f"]},
        "spec": {"policy": "Delete", "capacity": {"storage": "20Gi"}, "containers": [{"name": "etcd", "image": "a"}, {"name": "log"}]},
    })
}

fn identity() -> Identity {
    Identity::of(&json!({"metadata": {"uid": "1-2", "resourceVersion": "34"}}))
}

fn look(kind: &str, patch: Value) -> String {
    let params = json!({"kind": "PersistentVolume", "names": ["pv"], "type": kind, "patch": patch});
    let params: Params = serde_json::from_value(params).unwrap();
    content::judge(params.kind_of_patch, &params.patch).unwrap();
    let seen = Seen { name: "pv".to_owned(), identity: identity(), object: Some(object()), deleting: false };
    let state = State { kind: VOLUME, objects: vec![seen] };
    format!("-- {kind} {patch}\n{}", testing::show(&K8sPatch.diff(testing::pair_context().facts(), &params, &state)))
}

#[test]
fn a_patch_is_sent_where_it_is_missing_and_its_fields_come_back() {
    let shown = [
        look("merge", json!({"spec": {"policy": "Retain", "new": {"deep": true}}})),
        look("merge", json!({"spec": {"policy": "Delete", "capacity": {"storage": "20480Mi"}, "gone": null}})),
        look("merge", json!({"spec": {"policy": null}})),
        look("strategic", json!({"spec": {"containers": [{"name": "etcd", "image": "b"}]}})),
        look("strategic", json!({"spec": {"containers": [{"name": "etcd", "image": "a"}]}})),
        look("strategic", json!({"spec": {"containers": [{"name": "log", "$patch": "delete"}]}})),
        look("strategic", json!({"spec": {"containers": [{"name": "new", "$patch": "delete"}]}})),
        look("json", json!([{"op": "replace", "path": "/spec/containers/0/image", "value": "b"}])),
        look("json", json!([{"op": "replace", "path": "/spec/containers/0/image", "value": "a"}])),
        look(
            "json",
            json!([{"op": "add", "path": "/metadata/labels", "value": {"a/b": "c"}}, {"op": "remove", "path": "/metadata/finalizers"}]),
        ),
        look(
            "json",
            json!([{"op": "test", "path": "/spec/policy", "value": "Retain"}, {"op": "remove", "path": "/spec/policy"}]),
        ),
        look(
            "json",
            json!([{"op": "replace", "path": "/spec/x", "value": 1}, {"op": "add", "path": "/a/b", "value": 1}]),
        ),
    ];
    insta::assert_snapshot!(shown.concat());
}

#[test]
fn replicas_whose_claims_would_go_are_not_patched_away() {
    let set = |policy: Value| {
        json!({
            "kind": "StatefulSet", "metadata": {"name": "etcd"},
            "spec": {"replicas": 3, "volumeClaimTemplates": [{"metadata": {"name": "data"}}], "persistentVolumeClaimRetentionPolicy": policy},
        })
    };
    let look = |kind: &str, patch: Value, policy: &Value| {
        let params =
            json!({"kind": "StatefulSet", "namespace": "common", "name": "etcd", "type": kind, "patch": patch});
        let params: Params = serde_json::from_value(params).unwrap();
        let seen =
            Seen { name: "etcd".to_owned(), identity: identity(), object: Some(set(policy.clone())), deleting: false };
        let state = State { kind: crate::support::kubernetes::kind::STATEFUL_SET, objects: vec![seen] };
        K8sPatch.diff(testing::pair_context().facts(), &params, &state)
    };
    let (keeps, deletes) = (Value::Null, json!({"whenScaled": "Delete"}));
    let field = "persistentVolumeClaimRetentionPolicy";
    let refused = [
        look("merge", json!({"spec": {"replicas": 1}}), &deletes),
        look("strategic", json!({"spec": {"replicas": 1}}), &deletes),
        look("json", json!([{"op": "replace", "path": "/spec/replicas", "value": 1}]), &deletes),
        look("merge", json!({"spec": {"replicas": 1, field: {"whenScaled": "Delete"}}}), &keeps),
    ];
    for diff in refused {
        let Diff::Blocked(reasons) = diff else { panic!("{diff:?}") };
        assert!(reasons[0].contains("whenScaled: Delete): data-etcd-1, data-etcd-2 would go"), "{reasons:?}");
    }
    let made = [
        (look("merge", json!({"spec": {"replicas": 1}}), &keeps), true),
        (look("merge", json!({"spec": {"replicas": 1, field: {"whenScaled": "Retain"}}}), &deletes), true),
        // Undone, it would delete the claims of those that were added.
        (look("merge", json!({"spec": {"replicas": 5}}), &deletes), false),
    ];
    for (diff, has_undo) in made {
        let Diff::Change(changes) = diff else { panic!("{diff:?}") };
        assert_eq!(changes[0].undo.is_some(), has_undo, "{changes:?}");
    }
}

#[test]
fn patches_that_could_not_be_recognised_are_refused() {
    let cases = [
        (Type::Merge, json!({}), "/patch"),
        (Type::Merge, json!([]), "/patch"),
        (Type::Json, json!({"spec": 1}), "/patch"),
        (Type::Json, json!([{"op": "move", "path": "/a", "from": "/b"}]), "/patch/0"),
        (Type::Json, json!([{"op": "add", "path": "/a/-", "value": 1}]), "/patch/0"),
        (Type::Json, json!([{"op": "test", "path": "/a", "value": 1}, {"op": "remove", "path": "/a/0"}]), "/patch/1"),
        (Type::Json, json!([{"op": "add", "path": "/a"}]), "/patch/0"),
        (Type::Strategic, json!({"spec": {"$patch": "replace"}}), "/patch/spec/$patch"),
    ];
    for (kind, patch, pointer) in cases {
        assert_eq!(content::judge(kind, &patch).unwrap_err().pointer.as_deref(), Some(pointer), "{patch}");
    }
}
