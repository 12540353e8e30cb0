//! Other worlds than the manual's: one pair, five pairs, other names, a plain platform, a workload that is not etcd.

use std::fmt::Write as _;

use cutover_sandbox::WorldSpec;
use serde_json::{Value, json};

use crate::support::play::{CUTOVER, PREPARE, Play};
use crate::support::stage::Stage;
use crate::support::truth::Workload;

/// Two sites with names of their own: as many pairs as there are replicas, and as many nodes again that run pods now.
fn inventory(pairs: usize) -> String {
    let mut text = "sites:\n".to_owned();
    for (site, net) in [("left", 1), ("right", 2)] {
        write!(text, "  {site}:\n    kubernetes: {{kubeconfig: /etc/{site}.conf, context: {site}}}\n    nodes:\n")
            .unwrap();
        for node in 1..=2 * pairs {
            writeln!(text, "      {site}-n{node}: {{address: 10.0.{net}.{node}}}").unwrap();
        }
    }
    text += "roles: {active: left, passive: right}\npairs:\n";
    for n in 1..=pairs {
        let (port, device) = (7800 + n, 10 + n);
        write!(
            text,
            "  - resource: store{n}\n    port: {port}\n    device: /dev/drbd{device}\n    disk: /dev/disk/by-id/scsi-spare-{n}\n    \
             members: {{left: {{node: left-n{n}, node_id: 0}}, right: {{node: right-n{n}, node_id: 1}}}}\n"
        )
        .unwrap();
    }
    text
}

/// Prepares, cuts over, and compares.
async fn rehearse(pairs: usize, spec: WorldSpec, params: Value, cutover_params: Value) -> Stage {
    let inventory = inventory(pairs);
    let load = |name: &str, more: &Value| {
        let mut provided = params.clone();
        provided.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Play::load(name, &|text| text, &inventory).provided(provided)
    };
    let (prepare, cutover) = (load(PREPARE, &json!({"platform": "plain"})), load(CUTOVER, &cutover_params));
    let workload = Workload {
        namespace: spec.workload.namespace.clone(),
        set: spec.workload.statefulset.clone(),
        replicas: pairs,
    };
    let stage = Stage::new(&prepare, spec, 1);
    let truth = workload.truth(&stage, "left").await;
    stage.run(&prepare).await.well();
    stage.run(&cutover).await.well();
    workload.serves(&stage, "left", &truth).await;
    for (ordinal, (_, node, _)) in workload.volumes(&stage, "left").await.iter().enumerate() {
        assert_eq!(*node, format!("left-n{}", ordinal + 1));
    }
    let set = format!("/apis/apps/v1/namespaces/{}/statefulsets/{}", workload.namespace, workload.set);
    let (left, right) = (stage.api("left", "GET", &set, None).await, stage.api("right", "GET", &set, None).await);
    assert_eq!(left["spec"]["template"], right["spec"]["template"], "the standby is like the active side");
    assert_eq!(right["spec"]["replicas"], 0);
    stage
}

#[tokio::test(start_paused = true)]
async fn one_pair_is_enough() {
    let mut spec = WorldSpec::default();
    spec.workload.replicas = 1;
    rehearse(1, spec, json!({}), json!({})).await;
}

#[tokio::test(start_paused = true)]
async fn five_pairs_with_other_names_are_as_good() {
    let mut spec = WorldSpec::default();
    spec.workload.replicas = 5;
    spec.workload.namespace = "platform".to_owned();
    spec.workload.release = "store".to_owned();
    spec.workload.statefulset = "store-etcd".to_owned();
    spec.workload.hostpath = "/srv/volumes".to_owned();
    let params = json!({
        "namespace": "platform", "release": "store", "statefulset": "store-etcd", "volumes_dir": "/srv/volumes",
        "volume_size": "5Gi",
    });
    let more = json!({"backup_dir": "/srv/backup", "marker_suffix": ".res.primary", "canary_key": "probe"});
    let stage = rehearse(5, spec, params, more).await;
    stage.must("left", "left-n5", "ls /etc/drbd.d/cke_store5.res.primary").await;
}

#[tokio::test(start_paused = true)]
async fn a_workload_that_is_not_etcd_is_not_asked_for_keys() {
    let mut spec = WorldSpec::default();
    spec.workload.replicas = 2;
    let stage = rehearse(2, spec, json!({}), json!({"etcd": false})).await;
    let asked: Vec<String> =
        stage.world.effects().into_iter().filter(|effect| effect.contains("etcdctl put")).collect();
    assert_eq!(asked, [""; 0]);
}
