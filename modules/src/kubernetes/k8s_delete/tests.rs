//! What `k8s_delete` decides, for objects as data.

use super::*;
use crate::support::kubernetes::kind::{NODE, STATEFUL_SET};
use crate::testing;

fn claim() -> Value {
    json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": "data-0", "namespace": "common", "uid": "c-0", "resourceVersion": "34", "finalizers": ["kubernetes.io/pvc-protection"],
            "annotations": {"pv.kubernetes.io/bind-completed": "yes", "volume.kubernetes.io/selected-node": "n"},
        },
        "spec": {"volumeName": "pv-0"}, "status": {"phase": "Bound"},
    })
}

fn volume(policy: &str, phase: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "pv-0", "uid": "v-0"},
        "spec": {
            "persistentVolumeReclaimPolicy": policy, "hostPath": {"path": "/data/pv-0"},
            "claimRef": {"namespace": "common", "name": "data-0", "uid": "c-0"},
        },
        "status": {"phase": phase},
    })
}

fn seen(object: Value, volume: Option<Value>, users: &[&str]) -> Seen {
    Seen {
        name: name(&object).to_owned(),
        object,
        volume,
        users: users.iter().map(|name| (*name).to_owned()).collect(),
        leaving: Vec::new(),
        keep: Keep::default(),
    }
}

fn look(kind: &Kind, objects: Vec<Seen>) -> String {
    let params = json!({"kind": kind.kind, "namespace": kind.namespaced.then_some("common"), "name": "x"});
    let params: Params = serde_json::from_value(params).unwrap();
    let state = State { kind: kind.clone(), objects };
    format!("--\n{}", testing::show(&K8sDelete.diff(testing::pair_context().facts(), &params, &state)))
}

fn going(mut object: Value) -> Value {
    object["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    object
}

#[test]
fn claims_go_only_when_their_data_stays() {
    let (retain, delete) = (volume("Retain", "Bound"), volume("Delete", "Bound"));
    let mut other = retain.clone();
    other["spec"]["claimRef"]["uid"] = json!("c-9");
    let shown = [
        look(&CLAIM, vec![seen(claim(), Some(retain.clone()), &[])]),
        look(&CLAIM, vec![seen(claim(), Some(delete.clone()), &[])]),
        look(&CLAIM, vec![seen(claim(), Some(retain.clone()), &["etcd-0"])]),
        look(&CLAIM, vec![seen(claim(), Some(delete.clone()), &["etcd-0"]), seen(claim(), Some(retain.clone()), &[])]),
        look(&CLAIM, vec![seen(going(claim()), Some(retain.clone()), &["etcd-0"])]),
        look(&CLAIM, vec![seen(going(claim()), Some(delete), &[])]),
        look(&CLAIM, vec![seen(claim(), Some(other), &[])]),
        look(&CLAIM, vec![seen(going(claim()), Some(retain.clone()), &[]), seen(claim(), Some(retain), &[])]),
        look(
            &CLAIM,
            vec![Seen { leaving: vec!["etcd-0".into()], ..seen(claim(), Some(volume("Retain", "Bound")), &[]) }],
        ),
        look(&CLAIM, vec![]),
    ];
    insta::assert_snapshot!(shown.concat());
}

#[test]
fn volumes_go_only_when_they_are_free_and_kept() {
    let shown = [
        look(&VOLUME, vec![seen(volume("Retain", "Released"), None, &[])]),
        look(&VOLUME, vec![seen(volume("Retain", "Bound"), None, &[])]),
        look(&VOLUME, vec![seen(volume("Delete", "Failed"), None, &[])]),
    ];
    insta::assert_snapshot!(shown.concat());
}

#[test]
fn others_are_brought_back_if_that_is_the_same_again() {
    let set = |owners: Value| {
        let mut meta = json!({"name": "etcd", "uid": "s"});
        if !owners.is_null() {
            meta["ownerReferences"] = owners;
        }
        seen(json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": meta, "spec": {}}), None, &[])
    };
    let pod = seen(json!({"kind": "Pod", "metadata": {"name": "etcd-0", "uid": "p"}}), None, &[]);
    let shown = [
        look(&STATEFUL_SET, vec![set(Value::Null)]),
        look(&STATEFUL_SET, vec![set(json!([{"kind": "EtcdCluster"}]))]),
        look(&POD, vec![pod]),
        look(
            &STATEFUL_SET,
            vec![Seen {
                keep: Keep { refused: Some(Text::verbatim("its claims would go")), ..Keep::default() },
                ..set(Value::Null)
            }],
        ),
    ];
    insta::assert_snapshot!(shown.concat());
    assert_eq!(guard::judge(&NODE.kind).unwrap_err().pointer.as_deref(), Some("/kind"));
}

#[test]
fn pods_that_use_a_claim_are_found() {
    let pod = |name: &str, claim: &str, phase: &str| {
        json!({
            "metadata": {"name": name}, "status": {"phase": phase},
            "spec": {"volumes": [{"name": "x", "emptyDir": {}}, {"name": "d", "persistentVolumeClaim": {"claimName": claim}}]},
        })
    };
    let pods = [
        pod("a", "data-0", "Running"),
        pod("b", "data-1", "Running"),
        pod("c", "data-0", "Succeeded"),
        going(pod("d", "data-0", "Running")),
    ];
    let (staying, leaving) = users("data-0", &pods);
    assert_eq!((staying, leaving), (vec!["a".to_owned()], vec!["d".to_owned()]));
}
