//! What counts as a difference, and what an object becomes.

use serde_json::json;

use super::*;

fn paths(wanted: Value, live: Value) -> Vec<String> {
    let found: Vec<String> = differences(&wanted, &live).into_iter().map(|difference| difference.path).collect();
    // What is laid over an object is then in it.
    assert_eq!(differences(&wanted, &overlay(&live, &wanted)), [], "{wanted} over {live}");
    found
}

#[test]
fn what_the_server_fills_in_is_not_a_difference() {
    let wanted = json!({"spec": {
        "capacity": {"storage": "20Gi"}, "accessModes": ["ReadWriteOnce"], "tolerations": [], "nodeSelector": {},
        "hostNetwork": false, "claimRef": null,
        "containers": [{"name": "etcd", "image": "etcd:3", "env": [{"name": "A", "value": ""}],
                        "resources": {"limits": {"cpu": 2, "memory": "1Gi"}}}],
    }});
    let live = json!({"spec": {
        "capacity": {"storage": "21474836480"}, "accessModes": ["ReadWriteOnce"], "volumeMode": "Filesystem",
        "containers": [{"name": "etcd", "image": "etcd:3", "imagePullPolicy": "IfNotPresent", "env": [{"name": "A"}],
                        "resources": {"limits": {"memory": "1024Mi", "cpu": "2"}}}],
    }, "status": {"phase": "Bound"}});
    assert_eq!(paths(wanted, live), [""; 0]);
}

#[test]
fn differences_are_named_where_they_are() {
    let live = json!({
        "metadata": {"labels": {"a/b": "x"}, "finalizers": ["kept"]},
        "spec": {"replicas": 3, "class": "a", "capacity": {"storage": "20Gi"}, "modes": ["RWO"],
                 "containers": [{"name": "log", "image": "l"}, {"name": "etcd", "image": "old"}]},
    });
    let wanted = json!({
        "metadata": {"labels": {"a/b": "y", "new": "1"}, "finalizers": ["mine"]},
        "spec": {"replicas": 0, "class": null, "capacity": {"storage": "20G"}, "modes": ["RWO", "RWX"],
                 "containers": [{"name": "etcd", "image": "new"}, {"name": "log"}]},
    });
    let expected = [
        "metadata.labels['a/b']",
        "metadata.labels.new",
        "metadata.finalizers",
        "spec.replicas",
        "spec.class",
        "spec.capacity.storage",
        "spec.modes",
        "spec.containers[etcd].image",
    ];
    assert_eq!(paths(wanted.clone(), live.clone()), expected);
    let laid = overlay(&live, &wanted);
    assert_eq!(laid["metadata"]["finalizers"], json!(["kept", "mine"]));
    assert_eq!(laid["spec"]["containers"], json!([{"name": "etcd", "image": "new"}, {"name": "log", "image": "l"}]));
    assert!(laid["spec"].get("class").is_none());
}

#[test]
fn an_absent_field_with_a_meaning_of_its_own_is_a_difference() {
    for (wanted, live) in [
        (json!({"automountServiceAccountToken": false}), json!({})),
        (json!({"storageClassName": ""}), json!({})),
        (json!({"emptyDir": {}}), json!({"hostPath": {"path": "/x"}})),
        (json!({"labels": {"a": "1"}}), json!({"labels": {"a": "1.0"}})),
        (json!({"list": [{"name": "a"}]}), json!({"list": []})),
    ] {
        assert_eq!(paths(wanted.clone(), live).len(), 1, "{wanted}");
    }
}
