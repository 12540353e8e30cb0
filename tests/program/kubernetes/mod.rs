//! The modules for Kubernetes objects, driven against the sandbox's API servers: the manual's two clusters, etcd on the
//! three nodes without a pair.

mod retention;
mod strict;
mod volumes;

use std::sync::Arc;
use std::time::Duration;

use cutover_engine::module::{Change, Diff};
use cutover_engine::request::Request;
use cutover_engine::target::Target;
use cutover_engine::world::World;
use cutover_sandbox::{Sandbox, Strike, StrikeKind, WorldSpec};
use cutover_testkit::inventory::two_sites;
use cutover_testkit::lab::{End, Lab};
use serde_json::{Value, json};
use tokio::time::Instant;
use volumes::replica;

const SET: &str = "common-etcd-etcd";
const CKE: &str = "/apis/cie.inspur.com/v1alpha1/namespaces/kube-system";

/// The manual's inventory. The pairs' device is the spare disk itself: what replicates it does not matter here.
fn lab() -> Lab {
    lab_of(WorldSpec::default())
}

/// The same with another world.
fn lab_of(spec: WorldSpec) -> Lab {
    let mut inventory = two_sites("/dev/sdc", 6, 3);
    for pair in std::sync::Arc::make_mut(&mut inventory.pairs) {
        pair.members.values_mut().for_each(|member| member.device = "/dev/sdc".to_owned());
    }
    let inventory = Arc::new(inventory);
    let sandbox = Sandbox::new(Arc::clone(&inventory), spec, 7).expect("the world can be built");
    Lab { sandbox, inventory }
}

fn site() -> Target {
    Target::Site { site: "primary".into() }
}

/// The requests, the result and the changes of what must succeed.
async fn done(lab: &Lab, module: &str, params: Value) -> (Vec<String>, Value, Vec<Change>) {
    match lab.drive_at(site(), module, params.clone()).await {
        (End::Done(log, result), changes) => (log, result, changes),
        (other, _) => panic!("{module} {params}: {other:?}"),
    }
}

async fn blocked(lab: &Lab, module: &str, params: Value) -> String {
    match lab.drive_at(site(), module, params.clone()).await.0 {
        End::Blocked(reasons) => reasons.join("\n"),
        other => panic!("{module} {params}: {other:?}"),
    }
}

async fn failed(lab: &Lab, module: &str, params: Value) -> String {
    match lab.drive_at(site(), module, params.clone()).await.0 {
        End::Failed(words) => words,
        other => panic!("{module} {params}: {other:?}"),
    }
}

/// Undoes changes, the last one first, as the engine does.
async fn undo(lab: &Lab, changes: &[Change]) {
    for change in changes.iter().rev() {
        for action in change.undo.as_ref().expect("it can be undone") {
            lab.act(action).await.expect("it is undone");
        }
    }
}

async fn get(lab: &Lab, path: &str) -> Option<Value> {
    let answer = lab.sandbox.request(&Request::get("primary", path)).await.expect("there is a cluster");
    answer.is_success().then_some(answer.body)
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

async fn scale(lab: &Lab, replicas: u32) -> (Vec<String>, Value, Vec<Change>) {
    done(lab, "k8s_scale", json!({"kind": "StatefulSet", "namespace": "common", "name": SET, "replicas": replicas}))
        .await
}

async fn volumes(lab: &Lab) -> Vec<Value> {
    let params = json!({"namespace": "common", "statefulset": SET, "claim": "data"});
    let (log, result, _) = done(lab, "k8s_volumes", params).await;
    assert!(log.is_empty(), "it looks only");
    result["volumes"].as_array().expect("a list").clone()
}

fn names(volumes: &[Value], field: &str) -> Vec<Value> {
    volumes.iter().map(|volume| volume[field].clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn zero_is_reached_when_the_terminating_pods_are_gone_and_can_be_undone() {
    let lab = lab();
    let before = Instant::now();
    let (log, result, changes) = scale(&lab, 0).await;
    let [patch] = log.as_slice() else { panic!("{log:?}") };
    let path = "primary> PATCH /apis/apps/v1/namespaces/common/statefulsets/common-etcd-etcd/scale?fieldManager=cutover&fieldValidation=Strict";
    assert!(patch.starts_with(path) && patch.contains(r#""spec":{"replicas":0}"#), "{patch}");
    assert!(patch.contains(r#""uid":"#) && patch.contains(r#""resourceVersion":"#), "only as it was seen: {patch}");
    assert!(before.elapsed() >= Duration::from_secs(6), "pods take their time to stop");
    assert_eq!((&result["replicas"], &result["pods"]), (&json!(0), &json!([])));
    let pods = get(&lab, "/api/v1/namespaces/common/pods").await.unwrap();
    assert_eq!(pods["items"], json!([]));
    assert!(scale(&lab, 0).await.0.is_empty(), "nothing is left to do");

    undo(&lab, &changes).await;
    let (log, result, _) = scale(&lab, 3).await;
    assert!(log.is_empty(), "the old number is back");
    assert_eq!(result["pods"].as_array().unwrap().len(), 3);
    assert!(result["pods"].as_array().unwrap().iter().all(|pod| pod["ready"] == true));
    let missing = json!({"kind": "StatefulSet", "namespace": "common", "name": "etcd", "replicas": 0});
    assert_eq!(blocked(&lab, "k8s_scale", missing).await, "StatefulSet common/etcd does not exist");
}

#[tokio::test(start_paused = true)]
async fn the_reason_for_waiting_is_reported() {
    let lab = lab();
    let wait = |more: Value| {
        let mut params = json!({"kind": "Node", "for": "ready"});
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        params
    };
    assert_eq!(done(&lab, "k8s_wait", wait(json!({}))).await.1["count"], 6);
    done(&lab, "k8s_wait", wait(json!({"selector": "kubernetes.io/hostname in (worker01,worker02)", "count": 2})))
        .await;
    let words = failed(&lab, "k8s_wait", wait(json!({"selector": "tenant=true", "count": 3}))).await;
    assert_eq!(words, "there are 0 Node with tenant=true, not 3");
    let words = failed(&lab, "k8s_wait", wait(json!({"kind": "Noed"}))).await;
    assert_eq!(words, "`Noed` is not a built-in kind");
    let unknown =
        json!({"api_version": "cie.inspur.com/v1alpha1", "kind": "Comdeplo", "namespace": "x", "for": "exists"});
    let words = failed(&lab, "k8s_wait", unknown).await;
    assert_eq!(words, "primary has no kind `Comdeplo` in cie.inspur.com/v1alpha1");
    let unserved = json!({"api_version": "cie.inspur.com/v1", "kind": "Component", "namespace": "x", "for": "exists"});
    assert_eq!(failed(&lab, "k8s_wait", unserved).await, "primary does not serve the API cie.inspur.com/v1");

    // A workload reports that a pod's volume cannot be mounted.
    let path = volumes(&lab).await[2]["path"].as_str().unwrap().to_owned();
    scale(&lab, 2).await;
    lab.run("worker06", &format!("mv {path} {path}.away")).await;
    assert!(lab.run("worker06", &format!("touch {path}")).await.success());
    let set = json!({"kind": "StatefulSet", "namespace": "common", "name": SET});
    let mut up = set.clone();
    up.as_object_mut().unwrap().extend(json!({"replicas": 3, "wait": "none"}).as_object().unwrap().clone());
    done(&lab, "k8s_scale", up).await;
    let mut ready = set;
    ready["for"] = json!("ready");
    let words = failed(&lab, "k8s_wait", ready).await;
    assert!(
        words.starts_with("StatefulSet common/common-etcd-etcd: 2 of 3 replicas are ready (common-etcd-etcd-2: "),
        "{words}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_component_is_deployed_as_the_playbook_does() {
    let lab = lab();
    let object = |kind: &str, name: &str, spec: Value| {
        let meta = json!({"name": name, "namespace": "kube-system"});
        json!({"manifest": {"apiVersion": "cie.inspur.com/v1alpha1", "kind": kind, "metadata": meta, "spec": spec}})
    };
    let component = object("Component", "drbd-9.1.7-1", json!({"depends": ["docker"], "version": "9.1.7-1"}));
    let deploy = object(
        "Comdeploy",
        "drbd-deploy",
        json!({"component": {"name": "drbd", "version": "9.1.7-1"}, "parameters": {"resources": ""}}),
    );
    for params in [component, deploy] {
        assert_eq!(done(&lab, "k8s_apply", params.clone()).await.0.len(), 1);
        assert!(done(&lab, "k8s_apply", params).await.0.is_empty(), "twice is in sync");
    }
    let running = json!({
        "api_version": "cie.inspur.com/v1alpha1", "kind": "Comdeploy", "namespace": "kube-system", "name": "drbd-deploy",
        "for": {"field": "status.status", "equals": "Running"},
    });
    let before = Instant::now();
    assert_eq!(done(&lab, "k8s_wait", running).await.1["value"], "Running");
    assert!(before.elapsed() > Duration::from_secs(30), "it takes its time");
}

#[tokio::test(start_paused = true)]
async fn labels_reach_the_node_before_the_step_is_done() {
    let lab = lab();
    let labels = |value: Value| {
        json!({
            "api_version": "cie.inspur.com/v1alpha1", "kind": "CkeNode", "namespace": "kube-system", "name": "worker01",
            "labels": {"example.com/etcd": value, "node-role.kubernetes.io/node": null}, "synced_to": "Node",
        })
    };
    let node = async || get(&lab, "/api/v1/nodes/worker01").await.unwrap()["metadata"]["labels"].clone();
    let old = node().await;
    let (log, _, changes) = done(&lab, "k8s_label", labels(json!("true"))).await;
    assert_eq!(log.len(), 1);
    let new = node().await;
    assert_eq!(new["example.com/etcd"], "true");
    assert!(new.get("node-role.kubernetes.io/node").is_none());
    assert!(done(&lab, "k8s_label", labels(json!("true"))).await.0.is_empty());
    undo(&lab, &changes).await;
    let owner = get(&lab, &format!("{CKE}/ckenodes/worker01")).await.unwrap();
    assert_eq!(owner["metadata"]["labels"]["node-role.kubernetes.io/node"], "true");
    pass(3).await;
    assert_eq!(node().await, old);
}

#[tokio::test(start_paused = true)]
async fn a_task_on_a_pair_works_on_its_cluster() {
    let lab = Lab::new(WorldSpec::default());
    let label = json!({"kind": "Node", "name": "worker01", "labels": {"example.com/etcd": "true"}});
    let wanted = r#"primary> PATCH /api/v1/nodes/worker01?fieldManager=cutover&fieldValidation=Strict {"metadata":{"labels":{"example.com/etcd":"true"}}}"#;
    match lab.drive("k8s_label", label.clone()).await {
        End::Done(log, _) => assert_eq!(log, [wanted]),
        other => panic!("{other:?}"),
    }
    let ready = json!({"kind": "Node", "selector": "example.com/etcd=true", "for": "ready", "count": 1});
    done(&lab, "k8s_wait", ready).await;
    let missing = json!({"kind": "Node", "name": "worker09", "labels": {"a": "b"}});
    assert_eq!(blocked(&lab, "k8s_label", missing).await, "Node worker09 does not exist");
}

#[tokio::test(start_paused = true)]
async fn what_is_applied_twice_is_in_sync_and_can_be_undone() {
    let lab = lab();
    let mut params = replica(7, "worker01");
    let volume = format!("/api/v1/persistentvolumes/{SET}-7");
    let (log, result, made) = done(&lab, "k8s_apply", params.clone()).await;
    assert_eq!(log.len(), 2);
    assert_eq!(result["objects"][0]["name"], format!("{SET}-7"));
    pass(1).await;
    assert_eq!(get(&lab, &volume).await.unwrap()["status"]["phase"], "Bound");
    assert!(done(&lab, "k8s_apply", params.clone()).await.0.is_empty(), "binding is not a difference");

    params["manifest"][0]["metadata"]["labels"] = json!({"app.kubernetes.io/managed-by": "someone", "new": "1"});
    params["manifest"][0]["spec"]["capacity"]["storage"] = json!("20480Mi");
    let (log, _, changed) = done(&lab, "k8s_apply", params.clone()).await;
    assert_eq!(log.len(), 1, "{log:?}");
    assert!(changed[0].preview.as_ref().unwrap().contains("-    app.kubernetes.io/managed-by: cutover\n"));
    undo(&lab, &changed).await;
    let back = get(&lab, &volume).await.unwrap();
    assert_eq!(back["metadata"]["labels"], json!({"app.kubernetes.io/managed-by": "cutover"}));
    assert_eq!(back["spec"]["capacity"]["storage"], "20Gi", "an equal amount was not touched");

    params["manifest"][0]["spec"]["hostPath"]["path"] = json!("/elsewhere");
    let words = blocked(&lab, "k8s_apply", params).await;
    assert!(words.contains("spec.hostPath.path cannot be changed"), "{words}");
    undo(&lab, &made).await;
    pass(1).await;
    assert_eq!(get(&lab, &volume).await, None, "what was made is gone again");
    assert_eq!(get(&lab, &format!("/api/v1/namespaces/common/persistentvolumeclaims/data-{SET}-7")).await, None);
    let secret = json!({"manifest": {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "common"}, "stringData": {"a": "b"}}});
    let (_, _, made) = done(&lab, "k8s_apply", secret.clone()).await;
    assert!(done(&lab, "k8s_apply", secret).await.0.is_empty());
    undo(&lab, &made).await;
    assert_eq!(get(&lab, "/api/v1/namespaces/common/secrets/s").await, None);
}

#[tokio::test(start_paused = true)]
async fn claims_are_deleted_only_when_their_data_stays_and_come_back() {
    let lab = lab();
    let old = volumes(&lab).await;
    let delete = json!({"kind": "PersistentVolumeClaim", "namespace": "common", "names": names(&old, "claim")});
    let words = blocked(&lab, "k8s_delete", delete.clone()).await;
    assert!(
        words.contains("has the reclaim policy Delete") && words.contains("in use by pod common-etcd-etcd-0"),
        "{words}"
    );
    scale(&lab, 0).await;
    let words = blocked(&lab, "k8s_delete", delete.clone()).await;
    assert!(words.contains("has the reclaim policy Delete") && !words.contains("in use"), "{words}");
    let retain = json!({
        "kind": "PersistentVolume", "names": names(&old, "pv"), "patch": {"spec": {"persistentVolumeReclaimPolicy": "Retain"}},
    });
    let (log, _, patched) = done(&lab, "k8s_patch", retain.clone()).await;
    assert_eq!(log.len(), 3);
    assert!(done(&lab, "k8s_patch", retain).await.0.is_empty());

    let (log, result, deleted) = done(&lab, "k8s_delete", delete.clone()).await;
    assert_eq!(log.iter().filter(|line| line.contains("DELETE")).count(), 3);
    assert_eq!(result["names"], json!(names(&old, "claim")));
    assert_eq!(result["deleted"][0]["spec"]["volumeName"], old[0]["pv"], "the manifest is saved");
    assert!(done(&lab, "k8s_delete", delete).await.0.is_empty());
    let volume = format!("/api/v1/persistentvolumes/{}", old[0]["pv"].as_str().unwrap());
    assert_eq!(get(&lab, &volume).await.unwrap()["status"]["phase"], "Released");
    let path = old[0]["path"].as_str().unwrap();
    assert!(lab.run("worker04", &format!("test -d {path}/member")).await.success(), "the data stays");
    assert!(
        blocked(&lab, "k8s_volumes", json!({"namespace": "common", "statefulset": SET, "claim": "data"}))
            .await
            .contains("does not exist")
    );

    undo(&lab, &deleted).await;
    pass(1).await;
    let back = volumes(&lab).await;
    assert_eq!(names(&back, "pv_uid"), names(&old, "pv_uid"), "the same volumes, by ordinal");
    assert_ne!(names(&back, "claim_uid"), names(&old, "claim_uid"), "new claims");
    scale(&lab, 3).await;
    undo(&lab, &patched).await;
    assert_eq!(names(&volumes(&lab).await, "reclaim_policy"), [json!("Delete"), json!("Delete"), json!("Delete")]);
}

#[tokio::test(start_paused = true)]
async fn a_deletion_whose_outcome_is_unknown_is_not_sent_again() {
    let lab = lab();
    let params = json!({"kind": "ConfigMap", "namespace": "common", "name": "c"});
    let manifest = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "common"}, "data": {"a": "1"}});
    done(&lab, "k8s_apply", json!({"manifest": manifest})).await;
    lab.sandbox.inject(Strike::text("DELETE", StrikeKind::LostAfter));
    failed(&lab, "k8s_delete", params.clone()).await;
    assert!(done(&lab, "k8s_delete", params.clone()).await.0.is_empty(), "a probe shows that it is gone");
    // The other way round: nothing was sent, and a probe shows that it is still there.
    done(&lab, "k8s_apply", json!({"manifest": manifest})).await;
    lab.sandbox.inject(Strike::text("DELETE", StrikeKind::LostBefore));
    failed(&lab, "k8s_delete", params.clone()).await;
    let (log, result, changes) = done(&lab, "k8s_delete", params).await;
    assert_eq!((log.len(), &result["deleted"][0]["data"]["a"]), (2, &json!("1")));
    undo(&lab, &changes).await;
    assert_eq!(get(&lab, "/api/v1/namespaces/common/configmaps/c").await.unwrap()["data"]["a"], "1");
    let words = failed(&lab, "k8s_delete", json!({"kind": "Namespace", "name": "common"})).await;
    assert!(words.contains("everything in it"), "{words}");
}

/// Deletes an object and makes it anew.
async fn make_anew(lab: &Lab, path: &str) {
    let mut object = get(lab, path).await.expect("it is there");
    let (collection, _) = path.rsplit_once('/').unwrap();
    object["metadata"]["uid"].take();
    object["metadata"]["resourceVersion"].take();
    for (method, path, body) in [("DELETE", path, None), ("POST", collection, Some(object))] {
        let request = Request { method: method.to_owned(), body, ..Request::get("primary", path) };
        let answer = lab.sandbox.request(&request).await.expect("there is a cluster");
        assert!(answer.is_success(), "{method} {path}: {answer:?}");
        pass(60).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_looked_at_is_changed_and_nothing_that_took_its_name() {
    let set = "/apis/apps/v1/namespaces/common/statefulsets/common-etcd-etcd";
    let map = "/api/v1/namespaces/common/configmaps/c";
    let manifest = |value: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "common"}, "data": {"a": value}});
    let named = json!({"kind": "ConfigMap", "namespace": "common", "name": "c"});
    let mut patch = named.clone();
    patch["patch"] = json!({"data": {"a": "2"}});
    let scaled = json!({"kind": "StatefulSet", "namespace": "common", "name": SET, "replicas": 0});
    let mut patched = json!({"kind": "StatefulSet", "namespace": "common", "name": SET});
    patched["patch"] = json!({"spec": {"replicas": 0}});
    let cases = [
        ("k8s_scale", scaled, set),
        ("k8s_patch", patched, set),
        ("k8s_patch", patch, map),
        ("k8s_apply", json!({"manifest": manifest("2")}), map),
        ("k8s_delete", named, map),
    ];
    for (module, params, path) in cases {
        let lab = lab();
        done(&lab, "k8s_apply", json!({"manifest": manifest("1")})).await;
        let changes = match lab.look_at(site(), module, params).await {
            Diff::Change(changes) => changes,
            other => panic!("{module}: {other:?}"),
        };
        make_anew(&lab, path).await;
        let before = get(&lab, path).await;
        let mut acted = Ok(());
        for action in changes.iter().flat_map(|change| &change.actions) {
            acted = lab.act(action).await.map(drop);
        }
        let words = acted.expect_err(module).to_string();
        assert!(words.contains("UID in") || words.contains("metadata.uid"), "{module}: {words}");
        assert_eq!(get(&lab, path).await, before, "{module}: the other one is untouched");
    }
}
