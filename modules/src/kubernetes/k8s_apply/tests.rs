//! What `k8s_apply` decides, for objects as data.

use super::*;
use crate::support::kubernetes::kind::{CLAIM, STATEFUL_SET};
use crate::testing;

fn volume() -> Value {
    json!({
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "etcd-0", "labels": {"a": "b"}},
        "spec": {
            "capacity": {"storage": "20Gi"}, "accessModes": ["ReadWriteOnce"], "persistentVolumeReclaimPolicy": "Retain",
            "claimRef": {"namespace": "common", "name": "data-etcd-0"}, "hostPath": {"path": "/data/x", "type": "Directory"},
        },
    })
}

/// What the API server made of it, bound by now.
fn bound() -> Value {
    let mut live = volume();
    live["metadata"]["finalizers"] = json!(["kubernetes.io/pv-protection"]);
    live["metadata"]["annotations"] = json!({"pv.kubernetes.io/bound-by-controller": "yes"});
    live["spec"]["claimRef"]["uid"] = json!("11-22");
    live["spec"]["volumeMode"] = json!("Filesystem");
    live["spec"]["capacity"]["storage"] = json!("21474836480");
    live
}

fn seen(kind: Kind, wanted: Value, live: Option<Value>) -> Seen {
    Seen {
        namespace: kind.namespaced.then(|| "common".to_owned()),
        name: "etcd-0".to_owned(),
        uid: String::new(),
        identity: Identity::of(&json!({"metadata": {"uid": "1-2", "resourceVersion": "34"}})),
        removable: true,
        deleting: None,
        phase: String::new(),
        kind,
        wanted,
        live,
    }
}

fn look(seen: Seen) -> String {
    let state = State { objects: vec![seen] };
    let params = Params { manifest: Value::Null, check_only: false };
    format!("--\n{}", testing::show(&K8sApply.diff(testing::pair_context().facts(), &params, &state)))
}

fn edited(mut object: Value, pointer: &str, value: Value) -> Value {
    *object.pointer_mut(pointer).unwrap() = value;
    object
}

#[test]
fn objects_are_made_changed_and_left_alone() {
    let relabelled = edited(volume(), "/metadata/labels", json!({"a": "c", "new": "1"}));
    let delete = edited(bound(), "/spec/persistentVolumeReclaimPolicy", json!("Delete"));
    let going = Seen { deleting: Some("kubernetes.io/pv-protection".into()), ..seen(VOLUME, volume(), Some(bound())) };
    let permanent = Seen { removable: false, ..seen(VOLUME, volume(), None) };
    let shown = [
        look(seen(VOLUME, volume(), None)),
        look(permanent).lines().take(3).map(|line| format!("{line}\n")).collect(),
        look(seen(VOLUME, volume(), Some(bound()))),
        look(seen(VOLUME, relabelled, Some(bound()))),
        look(seen(VOLUME, volume(), Some(delete))),
        look(going),
    ];
    insta::assert_snapshot!(shown.concat());
}

#[test]
fn what_cannot_be_changed_is_named() {
    let elsewhere = edited(volume(), "/spec/hostPath/path", json!("/data/y"));
    let claim = |size: &str, volume: Value| json!({"kind": "PersistentVolumeClaim", "spec": {"volumeName": volume, "resources": {"requests": {"storage": size}}}});
    let set = |policy: &str, replicas: u64| json!({"kind": "StatefulSet", "spec": {"replicas": replicas, "podManagementPolicy": policy, "template": {}}});
    let shown = [
        look(seen(VOLUME, elsewhere, Some(bound()))),
        look(seen(CLAIM, claim("10Gi", json!("pv")), Some(claim("20Gi", json!("pv"))))),
        look(seen(CLAIM, claim("20Gi", json!("pv")), Some(claim("20Gi", json!("other"))))),
        look(seen(CLAIM, claim("30Gi", json!("pv")), Some(claim("20Gi", Value::Null)))),
        look(seen(STATEFUL_SET, set("Parallel", 3), Some(set("OrderedReady", 3)))),
        look(seen(STATEFUL_SET, set("Parallel", 3), Some(set("Parallel", 0)))),
    ];
    insta::assert_snapshot!(shown.concat());
}

#[test]
fn a_volume_of_another_claim_is_left_alone() {
    let theirs = edited(bound(), "/spec/claimRef/namespace", json!("other"));
    assert_eq!(
        look(seen(VOLUME, volume(), Some(theirs))),
        "--\nblocked: PersistentVolume etcd-0: it belongs to the claim other/data-etcd-0, not to common/data-etcd-0: \
         leave it alone, and give yours another name\n"
    );
    let released = Seen { phase: "Released".into(), ..seen(VOLUME, volume(), Some(bound())) };
    let shown = look(released);
    assert!(
        shown.contains("it is Released: it was bound to a claim common/data-etcd-0 that is gone (uid 11-22)"),
        "{shown}"
    );
    let meant = edited(volume(), "/spec/claimRef", bound()["spec"]["claimRef"].clone());
    let meant = Seen { phase: "Released".into(), ..seen(VOLUME, meant, Some(bound())) };
    assert_eq!(look(meant), "--\nin sync\n");
    let bound_to_it = Seen { phase: "Bound".into(), ..seen(VOLUME, volume(), Some(bound())) };
    assert_eq!(look(bound_to_it), "--\nin sync\n");
}

#[test]
fn a_look_ahead_changes_nothing() {
    let params = Params { manifest: Value::Null, check_only: true };
    let of = |seen: Seen| {
        testing::show(&K8sApply.diff(testing::pair_context().facts(), &params, &State { objects: vec![seen] }))
    };
    assert_eq!(of(seen(VOLUME, volume(), None)), "in sync\n");
    assert_eq!(of(seen(VOLUME, edited(volume(), "/metadata/labels", json!({"a": "c"})), Some(bound()))), "in sync\n");
    assert!(
        of(seen(VOLUME, volume(), Some(edited(bound(), "/spec/claimRef/name", json!("x"))))).starts_with("blocked")
    );
}

#[test]
fn volumes_have_a_size_and_a_directory() {
    let judged = |object: Value| wanted::judge("/manifest", &object).err().and_then(|failure| failure.pointer);
    assert_eq!(judged(volume()), None);
    for size in [json!("0"), json!("-1Gi"), json!("20Gib"), json!("2Ei"), json!("much"), json!("1m")] {
        let pointer = judged(edited(volume(), "/spec/capacity/storage", size.clone()));
        assert_eq!(pointer.as_deref(), Some("/manifest/spec/capacity/storage"), "{size}");
    }
    for path in ["", "/", "//", "data", "/data/../etc"] {
        let pointer = judged(edited(volume(), "/spec/hostPath/path", json!(path)));
        assert_eq!(pointer.as_deref(), Some("/manifest/spec/hostPath/path"), "{path}");
    }
}

#[test]
fn replicas_whose_claims_would_go_are_not_applied_away() {
    let set = |replicas: u64, when: &str| {
        json!({
            "kind": "StatefulSet", "metadata": {"name": "etcd-0"},
            "spec": {"replicas": replicas, "persistentVolumeClaimRetentionPolicy": {"whenScaled": when}},
        })
    };
    let refused = look(seen(STATEFUL_SET, set(1, "Delete"), Some(set(3, "Delete"))));
    assert!(refused.starts_with("--\nblocked: StatefulSet common/etcd-0 deletes the claims"), "{refused}");
    assert!(look(seen(STATEFUL_SET, set(1, "Retain"), Some(set(3, "Delete")))).contains("change"));
    let up = seen(STATEFUL_SET, set(3, "Delete"), Some(set(1, "Delete")));
    let Verdict::Change(change) = up.compare("primary") else { panic!("it differs") };
    assert!(change.undo.is_none(), "undone, it would delete the claims of those that were added");
}

#[test]
fn secrets_are_compared_but_not_shown() {
    let wanted = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "etcd-0"}, "stringData": {"password": "hunter2"}});
    let wanted = wanted::manifests(&wanted).unwrap().remove(0).1;
    let secret = Kind { kind: "Secret".into(), plural: "secrets".into(), ..CLAIM };
    let live = |data: &str| {
        let meta = json!({"name": "etcd-0", "namespace": "common"});
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": {"password": data}, "type": "Opaque"})
    };
    let same = seen(secret.clone(), wanted.clone(), Some(live("aHVudGVyMg==")));
    assert_eq!(look(same), "--\nin sync\n");
    let other = seen(secret, wanted, Some(live("b2xk")));
    let recorded = serde_json::to_string(&other).unwrap();
    assert!(!recorded.contains("b2xk") && !recorded.contains("aHVudGVyMg"), "{recorded}");
    let Verdict::Change(change) = other.compare("primary") else { panic!("it differs") };
    assert!(change.undo.is_none() && !change.preview.unwrap().contains("b2xk"));
}

#[test]
fn manifests_that_name_nothing_are_refused() {
    let named = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}});
    for (manifest, pointer) in [
        (json!([]), "/manifest"),
        (json!("text"), "/manifest"),
        (json!({"kind": "Pod", "metadata": {"name": "a"}}), "/manifest"),
        (json!([named, {"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "a-"}}]), "/manifest/1"),
    ] {
        assert_eq!(wanted::manifests(&manifest).unwrap_err().pointer.as_deref(), Some(pointer), "{manifest}");
    }
}
