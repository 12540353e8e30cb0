//! What `k8s_volumes` proves and refuses, for objects as data.

use cutover_engine::inventory::{Pair, PairMember};

use super::*;

fn params(on_pairs: bool) -> Params {
    Params {
        namespace: "common".into(),
        statefulset: "etcd".into(),
        claim: "data".into(),
        on_pairs,
        keeps_claims: false,
        removable: false,
        besides: Vec::new(),
    }
}

fn pairs(count: usize) -> Vec<Pair> {
    let member = |ordinal: usize| PairMember {
        site: "primary".to_owned(),
        node: format!("n{ordinal}"),
        hostname: format!("n{ordinal}"),
        address: String::new(),
        port: 7790,
        device: "/dev/drbd0".to_owned(),
        disk: "/dev/sdc".to_owned(),
        node_id: 1,
    };
    let pair = |ordinal| Pair {
        ordinal,
        resource: format!("etcd{ordinal}"),
        members: [("primary".to_owned(), member(ordinal))].into_iter().collect(),
    };
    (0..count).map(pair).collect()
}

fn claim(ordinal: usize) -> Value {
    json!({
        "metadata": {"name": format!("data-etcd-{ordinal}"), "namespace": "common", "uid": format!("c{ordinal}")},
        "spec": {"volumeName": format!("pv{ordinal}")}, "status": {"phase": "Bound"},
    })
}

fn volume(ordinal: usize) -> Value {
    json!({
        "metadata": {"name": format!("pv{ordinal}"), "uid": format!("v{ordinal}")},
        "spec": {
            "persistentVolumeReclaimPolicy": "Retain", "hostPath": {"path": format!("/data/pv{ordinal}/")},
            "claimRef": {"namespace": "common", "name": format!("data-etcd-{ordinal}"), "uid": format!("c{ordinal}")},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [
                {"key": "kubernetes.io/hostname", "operator": "In", "values": [format!("n{ordinal}.example.com")]},
            ]}]}},
        },
        "status": {"phase": "Bound"},
    })
}

fn pod(ordinal: usize) -> Value {
    let owner = json!([{"kind": "StatefulSet", "uid": "set"}]);
    json!({"metadata": {"name": format!("etcd-{ordinal}"), "ownerReferences": owner}, "spec": {"nodeName": format!("n{ordinal}")}})
}

fn sources(replicas: usize) -> Sources {
    let node = |ordinal: usize| {
        let labels = json!({"kubernetes.io/hostname": format!("n{ordinal}.example.com")});
        json!({"metadata": {"name": format!("n{ordinal}"), "labels": labels}})
    };
    Sources {
        set: json!({"metadata": {"uid": "set"}, "spec": {"replicas": replicas, "volumeClaimTemplates": [{"metadata": {"name": "data"}}]}}),
        pods: (0..replicas).map(pod).collect(),
        claims: (0..3).map(claim).collect(),
        volumes: (0..3).map(volume).collect(),
        nodes: (0..4).map(node).collect(),
    }
}

/// What is wrong, and which node each replica is taken to be on.
fn look(sources: &Sources, edit: impl FnOnce(&mut Facts), on_pairs: bool) -> String {
    let params = params(on_pairs);
    let mut facts = Facts::of(&params, sources, 3);
    edit(&mut facts);
    let violations = proof::violations(&params, "primary", &pairs(3), &facts);
    if violations.is_empty() {
        let nodes: Vec<&str> = facts.replicas.iter().filter_map(facts::Replica::node).collect();
        return format!("proven: {}\n", nodes.join(" "));
    }
    violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n") + "\n--\n"
}

fn with(replicas: usize, edit: impl FnOnce(&mut Sources)) -> String {
    let mut sources = sources(replicas);
    edit(&mut sources);
    look(&sources, |_| {}, false)
}

#[test]
fn a_map_is_proven_with_and_without_pods() {
    assert_eq!(with(3, |_| {}), "proven: n0 n1 n2\n");
    assert_eq!(with(0, |_| {}), "proven: n0 n1 n2\n");
    // Without an affinity the annotation of the claim, or the pod, tells.
    let loose = |s: &mut Sources| {
        s.volumes[1]["spec"]["nodeAffinity"] = Value::Null;
        s.claims[1]["metadata"]["annotations"] = json!({"volume.kubernetes.io/selected-node": "n1"});
    };
    assert_eq!(with(0, loose), "proven: n0 n1 n2\n");
    assert_eq!(with(3, |s| s.volumes[1]["spec"]["nodeAffinity"] = Value::Null), "proven: n0 n1 n2\n");
    // A volume that is released and kept does no harm beside its successor.
    let old = |s: &mut Sources| {
        let mut old = volume(0);
        old["metadata"]["name"] = json!("old");
        old["status"]["phase"] = json!("Released");
        s.volumes.push(old);
    };
    assert_eq!(with(3, old), "proven: n0 n1 n2\n");
}

#[test]
fn every_break_of_the_map_is_named() {
    let swapped = |s: &mut Sources| {
        s.claims[0]["spec"]["volumeName"] = json!("pv1");
        s.claims[1]["spec"]["volumeName"] = json!("pv0");
    };
    let other = |s: &mut Sources, path: &str| {
        let mut other = volume(0);
        other["metadata"]["name"] = json!("other");
        other["spec"]["hostPath"]["path"] = json!(path);
        s.volumes.push(other);
    };
    let shown = [
        with(3, swapped),
        with(3, |s| s.claims[2]["spec"]["volumeName"] = json!("pv0")),
        with(3, |s| s.volumes[1]["spec"]["claimRef"]["uid"] = json!("c9")),
        with(3, |s| s.pods[1]["spec"]["nodeName"] = json!("n3")),
        with(3, |s| {
            s.volumes[1] = volume(1);
            s.volumes[1]["spec"]["nodeAffinity"] = volume(0)["spec"]["nodeAffinity"].clone();
            s.volumes[1]["spec"]["hostPath"] = json!({"path": "/data/pv0/x"});
            s.pods[1]["spec"]["nodeName"] = json!("n0");
        }),
        with(3, |s| other(s, "/data/pv0")),
        with(3, |s| other(s, "/data")),
        with(3, |s| drop(s.claims.remove(1))),
        with(3, |s| drop(s.volumes.remove(1))),
        with(3, |s| s.volumes[0]["status"]["phase"] = json!("Released")),
        with(3, |s| s.volumes[0]["spec"]["hostPath"] = Value::Null),
        with(0, |s| s.volumes[0]["spec"]["nodeAffinity"] = Value::Null),
        with(2, |_| {}),
        with(0, |s| s.claims.push(claim(3))),
        with(3, |s| s.set["spec"]["volumeClaimTemplates"][0]["metadata"]["name"] = json!("dat")),
    ];
    insta::assert_snapshot!(shown.concat());
    let missing = proof::violations(&params(false), "primary", &pairs(3), &Facts::default());
    assert_eq!(missing, ["StatefulSet common/etcd does not exist"]);
}

#[test]
fn claims_that_would_not_survive_are_named_if_asked_for() {
    let found = |edit: &dyn Fn(&mut Sources), keeps_claims: bool| {
        let mut sources = sources(3);
        edit(&mut sources);
        let params = Params { keeps_claims, ..params(false) };
        proof::violations(&params, "primary", &pairs(3), &Facts::of(&params, &sources, 3))
    };
    let deletes = |s: &mut Sources| {
        s.set["metadata"]["name"] = json!("etcd");
        s.set["spec"]["persistentVolumeClaimRetentionPolicy"] =
            json!({"whenScaled": "Retain", "whenDeleted": "Delete"});
    };
    let owned = |s: &mut Sources| s.claims[1]["metadata"]["ownerReferences"] = json!([{"uid": "set"}]);
    assert_eq!(found(&deletes, false), [""; 0]);
    assert_eq!(found(&|_| {}, true), [""; 0]);
    let reasons = found(&deletes, true).iter().map(ToString::to_string).collect::<String>();
    assert!(reasons.contains("whenDeleted: Delete): data-etcd-0, data-etcd-1, data-etcd-2 would go"), "{reasons}");
    assert!(
        found(&owned, true).iter().any(|one| one.contains("StatefulSet common/etcd owns data-etcd-1")),
        "{:?}",
        found(&owned, true)
    );
}

#[test]
fn data_beside_the_claim_is_named_or_accepted_by_name() {
    let found = |edit: &dyn Fn(&mut Sources), besides: &[&str]| {
        let mut sources = sources(3);
        edit(&mut sources);
        let params = Params { besides: besides.iter().map(ToString::to_string).collect(), ..params(false) };
        let found = proof::violations(&params, "primary", &pairs(3), &Facts::of(&params, &sources, 3));
        found.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let two = |s: &mut Sources| {
        s.set["spec"]["volumeClaimTemplates"] = json!([{"metadata": {"name": "data"}}, {"metadata": {"name": "wal"}}]);
    };
    let [one] = found(&two, &[]).try_into().unwrap();
    assert!(one.contains("have a volume wal besides data (another volume claim template)"), "{one}");
    assert_eq!(found(&two, &["wal"]), [""; 0]);
    let more = |s: &mut Sources| {
        let mount = |name: &str, only: bool| json!({"name": name, "mountPath": "/x", "readOnly": only});
        s.set["spec"]["template"]["spec"] = json!({
            "containers": [{"volumeMounts": [mount("host", false), mount("zone", true), mount("sock", false), mount("tmp", false)]}],
            "volumes": [
                {"name": "extra", "persistentVolumeClaim": {"claimName": "extra-claim"}},
                {"name": "host", "hostPath": {"path": "/srv/wal", "type": "Directory"}},
                {"name": "zone", "hostPath": {"path": "/etc/localtime"}},
                {"name": "sock", "hostPath": {"path": "/run/x.sock", "type": "Socket"}},
                {"name": "tmp", "emptyDir": {}}, {"name": "conf", "configMap": {"name": "c"}},
            ],
        });
    };
    let all = found(&more, &[]);
    assert_eq!(all.len(), 2, "{all:?}");
    assert!(all[0].contains("extra besides data (the claim extra-claim)"), "{all:?}");
    assert!(all[1].contains("host besides data (the directory /srv/wal of the node)"), "{all:?}");
    assert_eq!(found(&more, &["host"]).len(), 1);
}

#[test]
fn what_another_controller_holds_is_named_if_asked_for() {
    let found = |edit: &dyn Fn(&mut Sources), removable: bool| {
        let mut sources = sources(3);
        edit(&mut sources);
        let params = Params { removable, ..params(false) };
        let found = proof::violations(&params, "primary", &pairs(3), &Facts::of(&params, &sources, 3));
        found.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let own = |s: &mut Sources| s.claims[1]["metadata"]["finalizers"] = json!(["kubernetes.io/pvc-protection"]);
    assert_eq!(found(&own, true), [""; 0]);
    let held = |s: &mut Sources| {
        s.claims[1]["metadata"]["finalizers"] =
            json!(["kubernetes.io/pvc-protection", "snapshot.storage.kubernetes.io/x"]);
        s.claims[0] = claim(0);
        s.pods[2]["metadata"]["finalizers"] = json!(["kueue.x-k8s.io/managed"]);
        s.set["metadata"]["name"] = json!("etcd");
        s.set["metadata"]["finalizers"] = json!(["example.com/guard"]);
    };
    assert_eq!(found(&held, false), [""; 0]);
    let all = found(&held, true);
    assert_eq!(all.len(), 3, "{all:?}");
    assert!(all[0].starts_with("StatefulSet etcd is held by example.com/guard: once deleted"), "{all:?}");
    assert!(all[1].starts_with("Pod etcd-2 is held by kueue.x-k8s.io/managed"), "{all:?}");
    assert!(
        all[2].starts_with("PersistentVolumeClaim data-etcd-1 is held by snapshot.storage.kubernetes.io/x:"),
        "{all:?}"
    );
    // A claim of another set that begins alike is not one of its claims.
    let other = |s: &mut Sources| {
        let mut other = claim(0);
        other["metadata"]["name"] = json!("data-etcd-events-0");
        other["metadata"]["finalizers"] = json!(["example.com/x"]);
        s.claims.push(other);
    };
    assert_eq!(found(&other, true), [""; 0]);
}

#[test]
fn each_replica_sits_on_its_own_pair() {
    let mounted = |source: Option<&str>| Mounted {
        device: "/dev/drbd0".into(),
        source: source.map(str::to_owned),
        target: Some("/data".into()),
    };
    let all = |facts: &mut Facts| {
        facts.replicas.iter_mut().for_each(|replica| replica.mounted = Some(mounted(Some("/dev/drbd0"))))
    };
    let looked = |replicas: usize, edit: &dyn Fn(&mut Facts)| {
        let edit = |facts: &mut Facts| {
            all(facts);
            edit(facts);
        };
        look(&sources(replicas), edit, true)
    };
    let shown = [
        looked(3, &|_| {}),
        looked(3, &|facts| facts.replicas[0].mounted = Some(mounted(Some("/dev/sdb1")))),
        looked(3, &|facts| facts.replicas[1].mounted = Some(mounted(None))),
        looked(3, &|facts| {
            facts.replicas[2].pod_node = Some("n3".into());
            let volume = facts.replicas[2].volume.as_mut().unwrap();
            volume.nodes = Some(vec!["n3".into()]);
        }),
    ];
    insta::assert_snapshot!(shown.concat());
}
