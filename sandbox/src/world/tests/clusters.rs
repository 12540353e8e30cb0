//! The clusters as a playbook meets them: through requests, from the default world on.

use std::sync::Arc;
use std::time::Duration;

use cutover_engine::world::{Request, TransportFault, World as _};
use serde_json::{Value, json};

use crate::Sandbox;
use crate::cluster::Clusters;
use crate::cluster::api::handle;
use crate::cluster::controllers::{node_of, pod_ready};
use crate::kernel::WorldSpec;
use crate::machine::Machine;
use crate::services::etcd::revisions;
use crate::testing::{inventory, sandbox};
use crate::world::carry_out::call;

const SET: &str = "/apis/apps/v1/namespaces/common/statefulsets/common-etcd-etcd";
const PODS: &str = "/api/v1/namespaces/common/pods";
const CLAIMS: &str = "/api/v1/namespaces/common/persistentvolumeclaims";

fn world(seed: u64) -> Arc<Clusters> {
    Sandbox::new(inventory(), WorldSpec::default(), seed).unwrap().clusters
}

/// Sends a request and settles, as the service does.
fn send(world: &Clusters, site: &str, method: &str, path: &str, body: Value) -> (u16, Value) {
    let content_type = (method == "PATCH").then(|| "application/merge-patch+json".to_owned());
    let request = Request { method: method.into(), content_type, body: Some(body), ..Request::get(site, path) };
    let call = call(&request);
    world.settle();
    let answer = handle(world.by_site().get_mut(site).unwrap(), &call);
    world.settle();
    answer.unwrap_or_else(|problem| (problem.code, problem.status()))
}

fn get(world: &Clusters, path: &str) -> Value {
    let (code, value) = send(world, "primary", "GET", path, Value::Null);
    assert_eq!(code, 200, "{path}: {value}");
    value
}

fn scale(world: &Clusters, replicas: usize) {
    let (code, answer) =
        send(world, "primary", "PATCH", &format!("{SET}/scale"), json!({"spec": {"replicas": replicas}}));
    assert_eq!(code, 200, "{answer}");
}

fn items(list: &Value) -> Vec<Value> {
    list["items"].as_array().unwrap().clone()
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// One line for each pod: name, node, phase, readiness, why it does not run.
fn table(world: &Clusters, site: &str) -> String {
    let (_, list) = send(world, site, "GET", PODS, Value::Null);
    let row = |pod: &Value| {
        let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        format!(
            "{} {} {} {} {}",
            text(&pod["metadata"]["name"]),
            text(&pod["spec"]["nodeName"]),
            text(&pod["status"]["phase"]),
            if pod_ready(pod) { "ready" } else { "unready" },
            text(&pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"]),
        )
    };
    items(&list).iter().map(row).collect::<Vec<String>>().join("\n")
}

/// The volumes of the members by ordinal: node, directory and name.
fn volumes(world: &Clusters) -> Vec<(String, String, String)> {
    let claims = items(&get(world, CLAIMS));
    let volume = |claim: &Value| {
        let name = claim["spec"]["volumeName"].as_str().unwrap();
        let volume = get(world, &format!("/api/v1/persistentvolumes/{name}"));
        let node = node_of(&volume).unwrap().to_owned();
        (node, volume["spec"]["hostPath"]["path"].as_str().unwrap().to_owned(), name.to_owned())
    };
    claims.iter().map(volume).collect()
}

fn machine<T>(world: &Clusters, node: &str, work: impl FnOnce(&mut Machine) -> T) -> T {
    work(world.hosts.machines().named_mut("primary", node).unwrap())
}

fn revision(world: &Clusters) -> Vec<u64> {
    world.settle();
    revisions(&world.by_site()["primary"])
}

#[tokio::test(start_paused = true)]
async fn the_default_world_serves_from_the_wrong_nodes() {
    let sim = world(1);
    insta::assert_snapshot!(table(&sim, "primary"), @r"
    common-etcd-etcd-0 worker04 Running ready -
    common-etcd-etcd-1 worker05 Running ready -
    common-etcd-etcd-2 worker06 Running ready -
    ");
    assert!(table(&sim, "standby").is_empty());
    let set = get(&sim, SET);
    assert_eq!(set["status"]["readyReplicas"], 3);
    assert_eq!(set["status"]["observedGeneration"], set["metadata"]["generation"]);
    for (node, path, name) in volumes(&sim) {
        let volume = get(&sim, &format!("/api/v1/persistentvolumes/{name}"));
        assert_eq!(volume["spec"]["persistentVolumeReclaimPolicy"], "Delete");
        assert_eq!(volume["status"]["phase"], "Bound");
        assert_eq!(machine(&sim, &node, |machine| machine.stat(&path).unwrap().mode), 0o750);
        assert_eq!(machine(&sim, &node, |machine| machine.holders[&path].clone()), "etcd");
    }
    assert_eq!(revision(&sim), [587, 587, 587]);
}

#[tokio::test(start_paused = true)]
async fn scaling_to_zero_and_back_keeps_the_data() {
    let sim = world(1);
    scale(&sim, 0);
    pass(3).await;
    insta::assert_snapshot!(table(&sim, "primary"), @r"
    common-etcd-etcd-0 worker04 Running unready -
    common-etcd-etcd-1 worker05 Running unready -
    common-etcd-etcd-2 worker06 Running unready -
    ");
    assert_eq!(get(&sim, SET)["status"]["replicas"], 3, "terminating pods count");
    pass(4).await;
    assert!(table(&sim, "primary").is_empty());
    assert_eq!(get(&sim, SET)["status"]["replicas"], 0);
    let (node, path, _) = &volumes(&sim)[0];
    assert!(machine(&sim, node, |machine| machine.holders.is_empty() && machine.exists(&format!("{path}/member"))));
    scale(&sim, 3);
    pass(60).await;
    insta::assert_snapshot!(table(&sim, "primary"), @r"
    common-etcd-etcd-0 worker04 Running ready -
    common-etcd-etcd-1 worker05 Running ready -
    common-etcd-etcd-2 worker06 Running ready -
    ");
    assert_eq!(revision(&sim), [587, 587, 587]);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_claim_waits_for_its_pod_and_then_takes_the_directory_along() {
    let sim = world(1);
    let (node, path, name) = volumes(&sim).remove(0);
    let claim = format!("{CLAIMS}/data-common-etcd-etcd-0");
    assert_eq!(send(&sim, "primary", "DELETE", &claim, Value::Null).0, 200);
    pass(60).await;
    let there = get(&sim, &claim);
    assert_eq!(there["metadata"]["finalizers"], json!(["kubernetes.io/pvc-protection"]));
    assert!(!there["metadata"]["deletionTimestamp"].is_null());
    scale(&sim, 0);
    pass(10).await;
    assert_eq!(send(&sim, "primary", "GET", &claim, Value::Null).0, 404);
    assert_eq!(send(&sim, "primary", "GET", &format!("/api/v1/persistentvolumes/{name}"), Value::Null).0, 404);
    assert!(!machine(&sim, &node, |machine| machine.exists(&path)), "the reclaim policy is Delete");
}

#[tokio::test(start_paused = true)]
async fn retain_keeps_the_directory_and_a_cleared_reference_binds_again() {
    let sim = world(1);
    let (node, path, name) = volumes(&sim).remove(0);
    let volume = format!("/api/v1/persistentvolumes/{name}");
    let claim = format!("{CLAIMS}/data-common-etcd-etcd-0");
    let retain = json!({"spec": {"persistentVolumeReclaimPolicy": "Retain"}});
    assert_eq!(send(&sim, "primary", "PATCH", &volume, retain).0, 200);
    scale(&sim, 0);
    pass(10).await;
    let old = get(&sim, &claim);
    send(&sim, "primary", "DELETE", &claim, Value::Null);
    assert_eq!(get(&sim, &volume)["status"]["phase"], "Released");
    assert!(machine(&sim, &node, |machine| machine.exists(&format!("{path}/member/snap/db"))));
    let mut spec = old["spec"].clone();
    spec["volumeName"] = json!(name);
    let again = json!({"metadata": {"name": "data-common-etcd-etcd-0"}, "spec": spec});
    assert_eq!(send(&sim, "primary", "POST", CLAIMS, again).0, 201);
    assert_eq!(get(&sim, &claim)["status"]["phase"], "Pending", "a released volume is not bound again by itself");
    send(&sim, "primary", "PATCH", &volume, json!({"spec": {"claimRef": {"uid": null, "resourceVersion": null}}}));
    assert_eq!(get(&sim, &claim)["status"]["phase"], "Bound");
    scale(&sim, 3);
    pass(60).await;
    assert_eq!(revision(&sim), [587, 587, 587]);
}

#[tokio::test(start_paused = true)]
async fn swapped_volumes_never_become_ready() {
    let sim = world(1);
    scale(&sim, 0);
    pass(10).await;
    let volumes = volumes(&sim);
    let trees: Vec<Vec<u8>> = volumes
        .iter()
        .map(|(node, path, _)| {
            machine(&sim, node, |machine| machine.read_file(&format!("{path}/member/snap/db")).unwrap())
        })
        .collect();
    for (at, from) in [(0, 1), (1, 0)] {
        let (node, path, _) = &volumes[at];
        let meta = crate::machine::Meta { uid: 1001, gid: 1002, mode: 0o600, mtime_ns: 0 };
        machine(&sim, node, |machine| machine.write_file(&format!("{path}/member/snap/db"), trees[from].clone(), meta))
            .unwrap();
    }
    scale(&sim, 3);
    pass(120).await;
    insta::assert_snapshot!(table(&sim, "primary"), @r"
    common-etcd-etcd-0 worker04 Running unready -
    common-etcd-etcd-1 worker05 Running unready -
    common-etcd-etcd-2 worker06 Running unready -
    ");
}

#[tokio::test(start_paused = true)]
async fn a_foreign_owner_makes_the_container_crash_until_it_is_put_right() {
    let sim = world(1);
    scale(&sim, 0);
    pass(10).await;
    let (node, path, _) = volumes(&sim).remove(1);
    machine(&sim, &node, |machine| machine.chown(&format!("{path}/member/snap/db"), 0, 0)).unwrap();
    scale(&sim, 3);
    pass(60).await;
    insta::assert_snapshot!(table(&sim, "primary"), @r"
    common-etcd-etcd-0 worker04 Running ready -
    common-etcd-etcd-1 worker05 Running unready CrashLoopBackOff
    common-etcd-etcd-2 worker06 Running ready -
    ");
    let pod = get(&sim, &format!("{PODS}/common-etcd-etcd-1"));
    let terminated = &pod["status"]["containerStatuses"][0]["lastState"]["terminated"];
    assert_eq!(
        terminated["message"],
        format!("cannot access data directory: open {path}/member/snap/db: permission denied")
    );
    machine(&sim, &node, |machine| machine.chown(&format!("{path}/member/snap/db"), 1001, 1002)).unwrap();
    pass(300).await;
    assert_eq!(get(&sim, SET)["status"]["readyReplicas"], 3);
}

#[tokio::test(start_paused = true)]
async fn a_directory_that_is_not_the_mount_makes_a_new_empty_cluster() {
    let sim = world(1);
    scale(&sim, 0);
    pass(10).await;
    for (node, path, _) in volumes(&sim) {
        let stamp = sim.hosts.kernel.now_ns();
        machine(&sim, &node, |machine| machine.rename(&path, &format!("{path}.away"), stamp)).unwrap();
    }
    scale(&sim, 3);
    pass(60).await;
    // A hostPath without a type is made by the container runtime, as root: etcd's user cannot write there.
    insta::assert_snapshot!(table(&sim, "primary"), @r"
    common-etcd-etcd-0 worker04 Running unready CrashLoopBackOff
    common-etcd-etcd-1 worker05 Running unready CrashLoopBackOff
    common-etcd-etcd-2 worker06 Running unready CrashLoopBackOff
    ");
    // What the provisioner once made is open to everyone: an empty cluster comes up, and looks healthy.
    for (node, path, _) in volumes(&sim) {
        machine(&sim, &node, |machine| machine.chmod(&path, 0o777)).unwrap();
    }
    pass(400).await;
    assert_eq!(get(&sim, SET)["status"]["readyReplicas"], 3);
    assert_eq!(revision(&sim), [1, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_makes_the_same_world() {
    let objects = |seed| {
        let sim = world(seed);
        scale(&sim, 1);
        format!("{:?}", sim.by_site()["primary"].objects)
    };
    assert_eq!(objects(7), objects(7));
    assert_ne!(objects(7), objects(8));
}

#[tokio::test(start_paused = true)]
async fn labels_travel_from_the_platform_to_the_node() {
    let sim = world(1);
    let labels = json!({"metadata": {"labels": {"cnp.inspurcloud.cn/etcd-tenant": "true"}}});
    let owner = "/apis/cie.inspur.com/v1alpha1/namespaces/kube-system/ckenodes/worker01";
    assert_eq!(send(&sim, "primary", "PATCH", owner, labels).0, 200);
    let selected = || items(&get(&sim, "/api/v1/nodes?labelSelector=cnp.inspurcloud.cn/etcd-tenant=true")).len();
    assert_eq!(selected(), 0);
    pass(2).await;
    assert_eq!(selected(), 1);
    send(&sim, "primary", "PATCH", owner, json!({"metadata": {"labels": {"cnp.inspurcloud.cn/etcd-tenant": null}}}));
    pass(2).await;
    assert_eq!(selected(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_component_is_deployed_once_it_is_defined() {
    let sim = world(1);
    let path = "/apis/cie.inspur.com/v1alpha1/namespaces/kube-system";
    let deploy =
        json!({"metadata": {"name": "drbd-deploy"}, "spec": {"component": {"name": "drbd", "version": "9.1.7-1"}}});
    let status = || get(&sim, &format!("{path}/comdeploys/drbd-deploy"))["status"]["status"].clone();
    assert_eq!(send(&sim, "primary", "POST", &format!("{path}/comdeploys"), deploy).0, 201);
    assert_eq!(status(), "Failed");
    let component = json!({"metadata": {"name": "drbd-9.1.7-1"}, "spec": {"version": "9.1.7-1"}});
    assert_eq!(send(&sim, "primary", "POST", &format!("{path}/components"), component).0, 201);
    assert_eq!(status(), "Deploying");
    pass(60).await;
    assert_eq!(status(), "Running");
}

#[tokio::test(start_paused = true)]
async fn claims_go_as_the_retention_policy_says() {
    let names = |world: &Clusters| items(&get(world, CLAIMS)).len();
    for (when, scaled, deleted) in [("whenScaled", 1, 1), ("whenDeleted", 3, 0)] {
        let sim = world(1);
        let policy = json!({"spec": {"persistentVolumeClaimRetentionPolicy": {when: "Delete"}}});
        assert_eq!(send(&sim, "primary", "PATCH", SET, policy).0, 200);
        scale(&sim, 1);
        pass(60).await;
        assert_eq!(names(&sim), scaled, "{when}");
        assert_eq!(send(&sim, "primary", "DELETE", SET, Value::Null).0, 200);
        pass(60).await;
        assert_eq!(names(&sim), deleted, "{when}");
        // The volumes of the class `hostpath` have the reclaim policy Delete: the data goes, too.
        let volumes = items(&get(&sim, "/api/v1/persistentvolumes")).len();
        assert_eq!(volumes, deleted, "{when}");
    }
}

#[test]
fn a_request_is_decoded_once() {
    let path = "/api/v1/namespaces/a%2Fb/pods?labelSelector=app%3Detcd%2Btier+x&limit=5&watch";
    let call = call(&Request::get("primary", path));
    assert_eq!(call.path, "/api/v1/namespaces/a/b/pods");
    let query = [("labelSelector", "app=etcd+tier x"), ("limit", "5"), ("watch", "")];
    assert_eq!(call.query, query.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[tokio::test(start_paused = true)]
async fn faults_strike_requests_before_and_after_their_effect() {
    use crate::kernel::strike::{Strike, StrikeKind};

    let sandbox = sandbox();
    let body = json!({"spec": {"replicas": 0}});
    let content_type = Some("application/merge-patch+json".to_owned());
    let patch = Request {
        method: "PATCH".into(),
        content_type,
        body: Some(body),
        ..Request::get("primary", format!("{SET}/scale"))
    };
    let strike = |kind| sandbox.inject(Strike::text("PATCH", kind));
    strike(StrikeKind::LostBefore);
    assert!(matches!(sandbox.request(&patch).await, Err(TransportFault::Lost(_))));
    assert_eq!(sandbox.effects(), [""; 0]);
    strike(StrikeKind::Fails(503));
    let refused = sandbox.request(&patch).await.unwrap();
    assert_eq!((refused.status, refused.body["reason"].as_str()), (503, Some("ServiceUnavailable")));
    strike(StrikeKind::LostAfter);
    assert!(matches!(sandbox.request(&patch).await, Err(TransportFault::Lost(_))));
    assert_eq!(sandbox.effects(), [format!("{patch} [200]")]);
    let nowhere = Request::get("nowhere", "/version");
    assert!(matches!(sandbox.request(&nowhere).await, Err(TransportFault::Unreachable(_))));
}
