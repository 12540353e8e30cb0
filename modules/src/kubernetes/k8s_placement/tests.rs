//! What speaks against the pods of a set on their nodes, for objects as data.

use super::*;

/// A world of three nodes in two zones, of which n0 and n1 are planned.
struct World {
    nodes: Vec<Value>,
    pods: Vec<Value>,
    labels: Value,
    spec: Value,
}

fn node(name: &str, zone: &str) -> Value {
    json!({
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "zone": zone}},
        "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "3"}},
    })
}

fn asks(cpu: &str, memory: &str) -> Value {
    json!({"containers": [{"name": "c", "resources": {"requests": {"cpu": cpu, "memory": memory}}}]})
}

fn other(name: &str, node: &str, spec: Value) -> Value {
    let mut pod = json!({"metadata": {"name": name, "namespace": "web", "labels": {"app": "web"}}, "spec": spec});
    pod["spec"]["nodeName"] = json!(node);
    pod
}

fn own(ordinal: usize) -> Value {
    let mut pod = other(&format!("etcd-{ordinal}"), "n2", asks("1", "1Gi"));
    pod["metadata"]["namespace"] = json!("common");
    pod["metadata"]["labels"] = json!({"app": "etcd"});
    pod["metadata"]["ownerReferences"] = json!([{"kind": "StatefulSet", "name": "etcd", "controller": true}]);
    pod
}

impl World {
    fn new(spec: Value) -> Self {
        let nodes = vec![node("n0", "a"), node("n1", "b"), node("n2", "b")];
        Self { nodes, pods: vec![own(0), own(1)], labels: json!({"app": "etcd"}), spec }
    }

    fn look(&self, reasons: impl Fn(&Scene<'_>) -> Vec<Text>) -> Vec<String> {
        let template = json!({"spec": {"containers": []}});
        let params = json!({"namespace": "common", "statefulset": "etcd", "template": template});
        let params: Params = serde_json::from_value(params).unwrap();
        let (own, others) = self.pods.iter().partition(|pod| params.owns(pod));
        let planned = self.nodes[..2].iter().collect();
        let scene = Scene {
            namespace: "common",
            labels: &self.labels,
            spec: &self.spec,
            planned,
            nodes: &self.nodes,
            own,
            others,
        };
        reasons(&scene).iter().map(ToString::to_string).collect()
    }
}

#[test]
fn what_other_pods_ask_for_is_not_free_and_what_the_set_has_now_is() {
    let mut world = World::new(asks("1500m", "4Gi"));
    world.pods[0]["spec"]["nodeName"] = json!("n0");
    world.pods.push(other("a", "n0", asks("2500m", "4Gi")));
    assert_eq!(world.look(room::reasons), [""; 0]);
    world.pods.push(other("b", "n0", asks("1m", "0")));
    let words = world.look(room::reasons);
    assert_eq!(words.len(), 1, "{words:?}");
    assert!(words[0].starts_with(
        "n0 has no room for one of the pods: it needs 1500m of cpu, what runs there asks for 2501m, and 4 is"
    ));
    world.pods.push(other("c", "n1", asks("0", "5Gi")));
    assert!(world.look(room::reasons)[1].contains("n1 has no room for one of the pods: it needs 4Gi of memory"));
    // A node takes so many pods and no more.
    let mut world = World::new(json!({"containers": []}));
    world.pods.extend(["a", "b", "c"].map(|name| other(name, "n1", json!({}))));
    assert!(world.look(room::reasons)[0].contains("it needs 1 of pods"), "{:?}", world.look(room::reasons));
}

#[test]
fn a_quota_is_counted_without_the_pods_that_go() {
    let quota =
        |hard: Value, used: Value| json!({"metadata": {"name": "q"}, "spec": {"hard": hard}, "status": {"used": used}});
    let world = World::new(asks("1", "1Gi"));
    let of = |quota: Value| world.look(|scene| quota::reasons(scene, &quota));
    assert_eq!(of(quota(json!({"requests.cpu": "2", "pods": 2}), json!({"requests.cpu": "2", "pods": "2"}))), [""; 0]);
    let words = of(quota(json!({"requests.cpu": "2"}), json!({"requests.cpu": "2500m"})));
    assert!(
        words[0].contains(
            "the quota q of common leaves no room for 2 pods: they need 2 of requests.cpu, others use 500m, and 2 is"
        ),
        "{words:?}"
    );
    assert!(
        of(quota(json!({"pods": "1"}), json!({"pods": "2"})))[0]
            .contains("they need 2 of pods, others use 0, and 1 is all")
    );
    // A limit that nobody sets: the API server itself refuses such pods.
    assert_eq!(of(quota(json!({"limits.memory": "9Gi"}), json!({}))), [""; 0]);
    // What pods do not use up, and scopes.
    assert_eq!(of(quota(json!({"configmaps": "0", "requests.storage": "0"}), json!({}))), [""; 0]);
    for (scope, applies) in
        [("BestEffort", false), ("NotBestEffort", true), ("Terminating", false), ("NotTerminating", true)]
    {
        let mut quota = quota(json!({"pods": "1"}), json!({"pods": "2"}));
        quota["spec"]["scopes"] = json!([scope]);
        assert_eq!(!of(quota).is_empty(), applies, "{scope}");
    }
}

#[test]
fn pods_that_keep_apart_are_not_put_together() {
    let term =
        |app: &str, topology: &str| json!({"labelSelector": {"matchLabels": {"app": app}}, "topologyKey": topology});
    let with = |which: &str, term: Value| json!({"containers": [], "affinity": {which: {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}});
    let mut world = World::new(with("podAntiAffinity", term("etcd", "kubernetes.io/hostname")));
    assert_eq!(world.look(neighbours::reasons), [""; 0], "from each other, and each has its own node");
    world.nodes[1]["metadata"]["labels"]["zone"] = json!("a");
    world.spec = with("podAntiAffinity", term("etcd", "zone"));
    assert!(world.look(neighbours::reasons)[0].contains("two of the pods cannot run on n0 and n1"));
    // Pods of another namespace are meant only if the term says so.
    world.spec = with("podAntiAffinity", term("web", "kubernetes.io/hostname"));
    world.pods.push(other("a", "n1", json!({})));
    assert_eq!(world.look(neighbours::reasons), [""; 0]);
    let mut wide = term("web", "kubernetes.io/hostname");
    wide["namespaces"] = json!(["web"]);
    world.spec = with("podAntiAffinity", wide);
    let words = world.look(neighbours::reasons);
    assert!(
        words[0].contains("n1 takes none of the pods beside web/a (podAntiAffinity over kubernetes.io/hostname)"),
        "{words:?}"
    );
    // It is the other one that wants to be alone.
    let mut alone = term("etcd", "zone");
    alone["namespaceSelector"] = json!({});
    world.spec = json!({"containers": []});
    world.pods.push(other("b", "n2", with("podAntiAffinity", alone)));
    world.nodes[2]["metadata"]["labels"]["zone"] = json!("c");
    assert_eq!(world.look(neighbours::reasons), [""; 0]);
    world.nodes[2]["metadata"]["labels"]["zone"] = json!("a");
    assert!(world.look(neighbours::reasons)[0].contains("beside web/b (podAntiAffinity over zone)"));
    // And one that has to be beside something.
    let mut world = World::new(with("podAffinity", term("cache", "zone")));
    assert_eq!(world.look(neighbours::reasons).len(), 2, "there is no cache anywhere");
    world.pods.push(other("cache", "n2", json!({})));
    world.pods[2]["metadata"] = json!({"name": "cache", "namespace": "common", "labels": {"app": "cache"}});
    let words = world.look(neighbours::reasons);
    assert_eq!(words.len(), 1, "n1 is in the zone of n2: {words:?}");
    assert!(words[0].contains("n0 takes none of the pods"), "{words:?}");
}

#[test]
fn pods_are_spread_as_they_require() {
    let spread = |skew: u64, when: &str| {
        let constraint = json!({
            "topologyKey": "zone", "maxSkew": skew, "whenUnsatisfiable": when, "labelSelector": {"matchLabels": {"app": "etcd"}},
        });
        json!({"containers": [], "topologySpreadConstraints": [constraint]})
    };
    let mut world = World::new(spread(1, "DoNotSchedule"));
    assert_eq!(world.look(neighbours::reasons), [""; 0], "one in each zone");
    // Both in one zone, and none in the other.
    world.nodes[1]["metadata"]["labels"]["zone"] = json!("a");
    let words = world.look(neighbours::reasons);
    assert!(words[0].contains("2 in a, and only 0 elsewhere, where maxSkew is 1"), "{words:?}");
    for spec in [spread(2, "DoNotSchedule"), spread(1, "ScheduleAnyway")] {
        world.spec = spec;
        assert_eq!(world.look(neighbours::reasons), [""; 0]);
    }
    // Zones whose nodes the pods do not select do not count.
    world.spec = spread(1, "DoNotSchedule");
    world.spec["nodeSelector"] = json!({"zone": "a"});
    assert_eq!(world.look(neighbours::reasons), [""; 0]);
    world.nodes[0]["metadata"]["labels"].as_object_mut().unwrap().shift_remove("zone");
    assert!(world.look(neighbours::reasons)[0].contains("n0 has no label zone"));
}
