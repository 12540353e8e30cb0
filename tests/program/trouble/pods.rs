//! Pods that do not start, stop or answer as the cutover needs it.

use serde_json::{Value, json};

use super::{edit_set, found, made_anew};
use crate::support::play::Play;
use crate::support::ran::changed;
use crate::support::stage::Stage;

/// A proxy in front of etcd, as meshes inject it.
fn proxied(annotations: Value) -> impl Fn(&mut Value) {
    move |set: &mut Value| {
        let template = &mut set["spec"]["template"];
        let etcd = template["spec"]["containers"][0].clone();
        template["spec"]["containers"] = json!([{"name": "proxy", "image": "example.com/proxy:1"}, etcd]);
        template["metadata"]["annotations"] = annotations.clone();
    }
}

#[tokio::test(start_paused = true)]
async fn the_container_that_kubectl_would_take_is_asked() {
    let stage = Stage::prepared();
    edit_set(&stage, "primary", proxied(json!({"kubectl.kubernetes.io/default-container": "etcd"}))).await;
    let ran = stage.run(&Play::cutover()).await.well();
    let canaries = |text: &String| text.contains("put") && text.contains("test-ts");
    let asked: Vec<String> = changed(ran.own()).into_iter().filter(canaries).collect();
    assert_eq!(asked.len(), 1, "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn a_container_without_etcdctl_is_named_before_the_outage_and_another_one_can_be() {
    let stage = Stage::prepared();
    edit_set(&stage, "primary", proxied(json!({}))).await;
    let ran = stage.run(&Play::cutover()).await;
    let printed = ran.failures();
    assert!(printed.contains("primary/pod/common/common-etcd-etcd-0/proxy"), "{printed}");
    assert!(!changed(ran.own()).iter().any(|change| change.contains("scale")), "{:?}", changed(ran.own()));
    let missing = Play::cutover().provided(json!({"container": "db"}));
    let printed = stage.run(&missing).await.failures();
    assert!(printed.contains("has no container db, but proxy, etcd"), "{printed}");

    let stage = Stage::prepared();
    edit_set(&stage, "primary", proxied(json!({}))).await;
    // The release that is made anew has no proxy: both containers are called etcd.
    stage.run(&Play::cutover().provided(json!({"container": "etcd"}))).await.well();
}

#[tokio::test(start_paused = true)]
async fn etcdctl_is_called_as_it_has_to_be() {
    let stage = Stage::prepared();
    let play = Play::cutover().provided(json!({"etcdctl": ["etcdctl", "--dial-timeout=5s"]}));
    let ran = stage.run(&play).await;
    let effects = stage.world.effects();
    assert!(effects.iter().any(|effect| effect.contains("etcdctl --dial-timeout=5s put test-ts")), "{}", ran.summary());
}

#[tokio::test(start_paused = true)]
async fn members_that_would_wait_for_each_other_are_named() {
    let stage = Stage::prepared();
    let ordered = Play::cutover().provided(json!({"values": {"podManagementPolicy": "OrderedReady"}}));
    let printed = found(&stage, &ordered).await;
    assert!(printed.contains("podManagementPolicy: OrderedReady"), "{printed}");
    // A release that keeps its own values is made as it is, whatever the standby's is like.
    let ordered = |set: &mut Value| set["spec"]["podManagementPolicy"] = json!("OrderedReady");
    let printed = found(&made_anew(ordered).await, &Play::cutover()).await;
    assert!(printed.contains("podManagementPolicy: OrderedReady"), "{printed}");
}

#[tokio::test(start_paused = true)]
async fn what_a_pod_does_when_it_stops_is_looked_at_wherever_it_is_written() {
    let removes = json!({"preStop": {"exec": {"command": ["sh", "-c", "etcdctl member remove $(cat /id)"]}}});
    let asks = json!({"preStop": {"httpGet": {"path": "/leave", "port": 8080}}});
    let sidecar =
        |hook: &Value| json!([{"name": "member", "image": "tools:1", "restartPolicy": "Always", "lifecycle": hook}]);
    let container = |hook: &Value| {
        let hook = hook.clone();
        move |set: &mut Value| set["spec"]["template"]["spec"]["containers"][0]["lifecycle"] = hook
    };
    let native = |hook: &Value| {
        let sidecar = sidecar(hook);
        move |set: &mut Value| set["spec"]["template"]["spec"]["initContainers"] = sidecar
    };
    let words = |stage: Stage| async move { found(&stage, &Play::cutover()).await };
    let stage = Stage::prepared();
    edit_set(&stage, "primary", container(&removes)).await;
    assert!(words(stage).await.contains("removes its member from the cluster when it stops"));
    let stage = Stage::prepared();
    edit_set(&stage, "primary", native(&removes)).await;
    assert!(words(stage).await.contains("container member of StatefulSet common/common-etcd-etcd removes its member"));
    let stage = Stage::prepared();
    edit_set(&stage, "primary", container(&asks)).await;
    assert!(words(stage).await.contains("has a preStop hook"));
    let stage = Stage::prepared();
    edit_set(&stage, "primary", native(&asks)).await;
    assert!(words(stage).await.contains("container member of StatefulSet common/common-etcd-etcd has a preStop hook"));
    // A pause before the end leaves everything alone.
    let stage = Stage::prepared();
    edit_set(&stage, "primary", container(&json!({"preStop": {"sleep": {"seconds": 5}}}))).await;
    stage.run(&Play::cutover()).await.well();
}
