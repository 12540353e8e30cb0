//! What `k8s_scale` decides, for objects as data.

use super::*;
use crate::support::kubernetes::kind::STATEFUL_SET;
use crate::testing;

const PODS: usize = 3;

fn pod(ordinal: usize) -> Value {
    json!({
        "metadata": {"name": format!("etcd-{ordinal}"), "uid": format!("u{ordinal}")},
        "spec": {"nodeName": format!("n{ordinal}"), "containers": [{"name": "etcd"}]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
    })
}

fn object(replicas: usize, template: Value) -> Value {
    json!({
        "metadata": {"generation": 4, "uid": "1-2", "resourceVersion": "34"},
        "spec": {"replicas": replicas, "podManagementPolicy": "Parallel", "template": template},
        "status": {"observedGeneration": 4, "replicas": replicas, "readyReplicas": replicas, "updatedReplicas": replicas},
    })
}

fn running() -> (Value, Vec<Value>) {
    (
        object(PODS, json!({"spec": {"containers": [{"name": "etcd", "readinessProbe": {}}]}})),
        (0..PODS).map(pod).collect(),
    )
}

fn look(more: Value, (object, pods): (Value, Vec<Value>)) -> String {
    let mut params = json!({"kind": "StatefulSet", "namespace": "common", "name": "etcd"});
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let params: Params = serde_json::from_value(params).unwrap();
    let scale =
        json!({"spec": {"replicas": object["spec"]["replicas"]}, "status": {"replicas": object["status"]["replicas"]}});
    let seen = pods.iter().map(|pod| Pod::of(pod, &[])).collect();
    let mut workload = Workload::of(&STATEFUL_SET, &object, &scale, &pods, seen);
    if params.takes_away(&STATEFUL_SET, &object, &workload) {
        workload.keep = Keep::of("primary", params.named(&STATEFUL_SET), &object, &[]);
    }
    let state = State { kind: STATEFUL_SET, workload: Some(workload) };
    format!("-- {more}\n{}", testing::show(&K8sScale.diff(testing::pair_context().facts(), &params, &state)))
}

fn with_hook(command: &str, env: Value) -> (Value, Vec<Value>) {
    let container =
        json!({"name": "etcd", "env": env, "lifecycle": {"preStop": {"exec": {"command": ["sh", "-c", command]}}}});
    (object(PODS, json!({"spec": {"containers": [container]}})), (0..PODS).map(pod).collect())
}

#[test]
fn zero_is_zero_only_when_no_pod_is_left() {
    let to = |replicas: u32| json!({"replicas": replicas});
    let mut terminating = pod(2);
    terminating["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    let zero = |pods: Vec<Value>| (object(0, json!({})), pods);
    let mut stale = zero(vec![]);
    stale.0["status"]["observedGeneration"] = json!(3);
    let mut counting = zero(vec![]);
    counting.0["status"]["replicas"] = json!(1);
    let mut foreign = pod(7);
    foreign["metadata"]["ownerReferences"] = json!([{"kind": "Job", "uid": "j", "controller": true}]);
    let shown = [
        look(to(0), zero(vec![foreign])),
        look(to(0), running()),
        look(to(0), zero(vec![terminating, pod(0)])),
        look(to(0), zero(vec![])),
        look(to(0), stale),
        look(to(0), counting),
        look(json!({"replicas": 0, "wait": "none"}), zero(vec![pod(0)])),
    ];
    insta::assert_snapshot!(shown.concat());
}

#[test]
fn ready_is_ready_only_when_pods_and_status_agree() {
    let to = |replicas: u32| json!({"replicas": replicas});
    let mut crashing = pod(1);
    crashing["status"] = json!({"phase": "Running", "containerStatuses": [{"state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"exitCode": 1, "message": "member has been removed"}}}]});
    let mut late = running();
    late.0["status"]["updatedReplicas"] = json!(2);
    let mut unequal = running();
    unequal.1[1] = crashing.clone();
    let mut ordered = running();
    ordered.0["spec"]["podManagementPolicy"] = json!("OrderedReady");
    ordered.1 = vec![pod(0), crashing];
    let mut beside = running();
    beside.1.push(pod(7));
    beside.1[3]["metadata"]["ownerReferences"] = json!([{"kind": "Job", "uid": "j", "controller": true}]);
    let shown = [
        look(to(3), beside),
        look(to(3), running()),
        look(to(3), unequal.clone()),
        look(json!({"replicas": 3, "wait": "none"}), unequal),
        look(to(3), ordered),
        look(to(3), late),
        look(to(5), running()),
    ];
    insta::assert_snapshot!(shown.concat());
}

#[test]
fn hooks_and_order_that_lose_members_are_refused() {
    let zero = json!({"replicas": 0});
    let accept = json!({"replicas": 0, "accept_pre_stop": true});
    let removes = || with_hook("etcdctl member remove $(cat id)", json!([]));
    let bitnami = |value: &str| {
        with_hook("/opt/bitnami/scripts/etcd/prestop.sh", json!([{"name": "ETCD_DISABLE_PRESTOP", "value": value}]))
    };
    // The template is clean by now, a running pod is not.
    let mut older = running();
    older.1[0] = removes().0["spec"]["template"].clone();
    let ordered = |probe: Value| {
        let mut at_zero =
            (object(0, json!({"spec": {"containers": [{"name": "etcd", "readinessProbe": probe}]}})), vec![]);
        at_zero.0["spec"]["podManagementPolicy"] = json!("OrderedReady");
        at_zero
    };
    let shown = [
        look(zero.clone(), removes()),
        look(accept.clone(), removes()),
        look(zero.clone(), with_hook("sleep 5", json!([]))),
        look(accept, with_hook("sleep 5", json!([]))),
        look(zero.clone(), bitnami("no")),
        look(zero.clone(), bitnami("yes")),
        look(zero, older),
        look(json!({"replicas": 2}), removes()),
        look(json!({"replicas": 3}), ordered(json!({}))),
        look(json!({"replicas": 3, "accept_ordered_start": true}), ordered(json!({}))),
        look(json!({"replicas": 3}), ordered(Value::Null)),
        look(json!({"replicas": 1}), ordered(json!({}))),
    ];
    insta::assert_snapshot!(shown.concat());
}

#[test]
fn the_hook_of_a_native_sidecar_counts_and_that_of_an_init_container_does_not() {
    let with = |policy: Value| {
        let hook = json!({"preStop": {"exec": {"command": ["sh", "-c", "etcdctl member remove $(cat /id)"]}}});
        let init = json!({"name": "member", "restartPolicy": policy, "lifecycle": hook});
        let template = json!({"spec": {"initContainers": [init], "containers": [{"name": "etcd"}]}});
        (object(PODS, template), (0..PODS).map(pod).collect::<Vec<_>>())
    };
    let shown = look(json!({"replicas": 0}), with(json!("Always")));
    assert!(shown.contains("blocked: container member of StatefulSet common/etcd removes its member"), "{shown}");
    assert!(look(json!({"replicas": 0}), with(Value::Null)).contains("change"));
}

#[test]
fn a_look_ahead_names_the_hazards_and_changes_nothing() {
    let look_ahead = json!({"replicas": 0, "check_only": true});
    let hook = look(look_ahead.clone(), with_hook("sleep 5", json!([])));
    assert!(
        hook.contains("blocked: container etcd of StatefulSet common/etcd has a preStop hook (sh -c sleep 5)"),
        "{hook}"
    );
    assert!(look(look_ahead.clone(), running()).ends_with("\nin sync\n"));
    // A hook of Kubernetes 1.30 that only waits.
    let mut waiting = running();
    waiting.0["spec"]["template"]["spec"]["containers"][0]["lifecycle"] = json!({"preStop": {"sleep": {"seconds": 5}}});
    assert!(look(look_ahead, waiting).ends_with("\nin sync\n"));
}

#[test]
fn a_set_that_would_delete_claims_is_made_to_keep_them_first() {
    let with = |mut running: (Value, Vec<Value>), policy: Value| {
        running.0["metadata"]["name"] = json!("etcd");
        running.0["spec"]["volumeClaimTemplates"] = json!([{"metadata": {"name": "data"}}]);
        running.0["spec"]["persistentVolumeClaimRetentionPolicy"] = policy;
        running
    };
    let to = |replicas: u32| json!({"replicas": replicas, "wait": "none"});
    let shown = [
        look(to(0), with(running(), json!({"whenScaled": "Delete", "whenDeleted": "Retain"}))),
        look(to(2), with(running(), json!({"whenScaled": "Delete"}))),
        look(to(0), with(running(), json!({"whenDeleted": "Delete"}))),
        // No replica goes, but what is undone would make some go.
        look(to(5), with(running(), json!({"whenScaled": "Delete"}))),
        look(to(0), with((object(0, json!({})), vec![]), json!({"whenScaled": "Delete"}))),
        // What has made it would put the policy back.
        look(to(0), {
            let mut run = with(running(), json!({"whenScaled": "Delete"}));
            run.0["metadata"]["ownerReferences"] =
                json!([{"kind": "Ring", "name": "main", "uid": "r", "controller": true}]);
            run
        }),
    ];
    insta::assert_snapshot!(shown.concat());
}

#[test]
fn a_workload_that_is_not_there_is_reported() {
    let params = serde_json::from_value(json!({"kind": "StatefulSet", "namespace": "c", "name": "x", "replicas": 0}));
    let state = State { kind: STATEFUL_SET, workload: None };
    let diff = K8sScale.diff(testing::pair_context().facts(), &params.unwrap(), &state);
    assert_eq!(testing::show(&diff), "blocked: StatefulSet c/x does not exist\n");
}

#[test]
fn what_would_scale_it_up_again_is_named() {
    let (mut set, pods) = running();
    set["metadata"]["ownerReferences"] =
        json!([{"kind": "EtcdCluster", "name": "main", "controller": true}, {"kind": "Note", "name": "n"}]);
    set["metadata"]["labels"] = json!({"kustomize.toolkit.fluxcd.io/name": "apps", "app": "etcd"});
    set["metadata"]["managedFields"] = json!([
        {"manager": "argocd-application-controller", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
        {"manager": "helm", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
        {"manager": "kustomize-controller", "fieldsV1": {"f:metadata": {"f:labels": {}}}},
    ]);
    let seen = |more: Value| look(more, (set.clone(), pods.clone()));
    let words = seen(json!({"replicas": 0}));
    let named = "its controller EtcdCluster main, Flux (labels kustomize.toolkit.fluxcd.io/name), field manager argocd-application-controller;";
    assert!(words.contains(named), "{words}");
    assert!(!seen(json!({"replicas": 0, "accept_rescaling": true})).contains("scaled up again"));
    // Only the way to zero is a promise that nobody writes.
    assert!(!seen(json!({"replicas": 2})).contains("scaled up again"));
    assert!(seen(json!({"replicas": 0, "check_only": true})).contains("scaled up again"));
    assert!(!look(json!({"replicas": 0}), running()).contains("scaled up again"));
}
