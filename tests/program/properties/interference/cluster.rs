//! Interventions in the clusters: objects that are scaled, deleted, made, labelled.

use std::time::Duration;

use cutover_engine::world::Place;
use cutover_testkit::Random;
use serde_json::{Value, json};

use super::hand::{CLAIMS, Hand, NAMESPACE, PODS, SET, SETS, VOLUMES};

const SITE: &str = "primary";

fn set() -> String {
    format!("{SETS}/{SET}")
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

async fn scale(hand: &Hand, site: &str, replicas: usize) -> bool {
    hand.patch(site, &set(), json!({"spec": {"replicas": replicas}})).await
}

pub(super) async fn client_writes(hand: &Hand, random: &mut Random) -> bool {
    hand.write(random).await
}

pub(super) async fn scales_up(hand: &Hand, random: &mut Random) -> bool {
    let changed = scale(hand, SITE, 3).await;
    if changed {
        hand.fired();
        if random.chance(70) && hand.ready(SITE).await {
            hand.write(random).await;
        }
    }
    changed
}

pub(super) async fn scales_up_and_down(hand: &Hand, random: &mut Random) -> bool {
    let changed = scale(hand, SITE, 3).await;
    if changed {
        hand.fired();
        if random.chance(70) && hand.ready(SITE).await {
            hand.write(random).await;
        }
        scale(hand, SITE, 0).await;
        pass(random.between(0, 20) as u64).await;
    }
    changed
}

pub(super) async fn scales_down(hand: &Hand, random: &mut Random) -> bool {
    scale(hand, SITE, random.below(3)).await
}

pub(super) async fn scales_standby_up(hand: &Hand, _: &mut Random) -> bool {
    scale(hand, "standby", 3).await
}

pub(super) async fn deletes_pod(hand: &Hand, random: &mut Random) -> bool {
    hand.delete(SITE, &format!("{PODS}/{SET}-{}", random.below(3)), "Background").await
}

pub(super) async fn deletes_claim(hand: &Hand, random: &mut Random) -> bool {
    hand.delete(SITE, &format!("{CLAIMS}/data-{SET}-{}", random.below(3)), "Background").await
}

/// The names of the volumes whose claims are the set's.
async fn volumes(hand: &Hand) -> Vec<String> {
    let list = hand.get(SITE, VOLUMES).await.unwrap_or_default();
    let own = |volume: &&Value| {
        let claim = volume["spec"]["claimRef"]["name"].as_str().unwrap_or_default();
        claim.starts_with(&format!("data-{SET}-"))
    };
    let name = |volume: &Value| volume["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    list["items"].as_array().into_iter().flatten().filter(own).map(name).collect()
}

pub(super) async fn deletes_volume(hand: &Hand, random: &mut Random) -> bool {
    let all = volumes(hand).await;
    !all.is_empty() && hand.delete(SITE, &format!("{VOLUMES}/{}", random.pick(&all)), "Background").await
}

pub(super) async fn deletes_set(hand: &Hand, random: &mut Random) -> bool {
    let propagation = if random.chance(50) { "Orphan" } else { "Background" };
    hand.delete(SITE, &set(), propagation).await
}

/// Takes out of an object what an API server puts there.
fn bare(mut object: Value) -> Value {
    let metadata = &object["metadata"];
    object["metadata"] = json!({
        "name": metadata["name"], "namespace": metadata["namespace"], "labels": metadata["labels"],
        "annotations": metadata["annotations"],
    });
    object.as_object_mut().expect("an object").shift_remove("status");
    object
}

pub(super) async fn makes_set(hand: &Hand, random: &mut Random) -> bool {
    // As GitOps knows it: from the standby, with all its replicas.
    let Some(other) = hand.get("standby", &set()).await else { return false };
    let mut object = bare(other);
    object["spec"]["replicas"] = json!(if random.chance(70) { 3 } else { 0 });
    hand.ask(SITE, "POST", SETS, Some(object)).await.is_some()
}

pub(super) async fn makes_claim(hand: &Hand, random: &mut Random) -> bool {
    let claim = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {"name": format!("data-{SET}-{}", random.below(3)), "namespace": NAMESPACE},
        "spec": {
            "accessModes": ["ReadWriteOnce"], "storageClassName": "hostpath",
            "resources": {"requests": {"storage": "20Gi"}},
        },
    });
    hand.ask(SITE, "POST", CLAIMS, Some(claim)).await.is_some()
}

async fn helm(hand: &Hand, line: &str) -> bool {
    let all = format!("helm --kubeconfig /root/.kube/primary.conf --kube-context primary -n {NAMESPACE} {line}");
    hand.line(&Place::Controller, &all).await.is_some()
}

pub(super) async fn uninstalls(hand: &Hand, random: &mut Random) -> bool {
    let history = if random.chance(50) { " --keep-history" } else { "" };
    helm(hand, &format!("uninstall common-etcd{history}")).await
}

pub(super) async fn upgrades(hand: &Hand, random: &mut Random) -> bool {
    let install = if random.chance(30) { "install" } else { "upgrade" };
    helm(hand, &format!("{install} common-etcd charts/etcd")).await
}

pub(super) async fn deletes_record(hand: &Hand, _: &mut Random) -> bool {
    hand.delete(SITE, &format!("/api/v1/namespaces/{NAMESPACE}/configmaps/{SET}-cutover"), "Background").await
}

fn node(random: &mut Random) -> String {
    format!("/api/v1/nodes/worker0{}", random.between(1, 6))
}

pub(super) async fn relabels(hand: &Hand, random: &mut Random) -> bool {
    let body = json!({"metadata": {"labels": {"cnp.inspurcloud.cn/etcd-tenant": null}}});
    let name = format!("worker0{}", random.between(1, 3));
    // The platform carries the labels of its own objects to the nodes.
    let own = format!("/apis/cie.inspur.com/v1alpha1/namespaces/kube-system/ckenodes/{name}");
    if hand.get(SITE, &own).await.is_some() {
        return hand.patch(SITE, &own, body).await;
    }
    hand.patch(SITE, &format!("/api/v1/nodes/{name}"), body).await
}

pub(super) async fn cordons(hand: &Hand, random: &mut Random) -> bool {
    hand.patch(SITE, &node(random), json!({"spec": {"unschedulable": true}})).await
}

pub(super) async fn taints(hand: &Hand, random: &mut Random) -> bool {
    let taint = json!({"spec": {"taints": [{"key": "disk", "value": "slow", "effect": "NoSchedule"}]}});
    hand.patch(SITE, &node(random), taint).await
}

pub(super) async fn reclaims(hand: &Hand, _: &mut Random) -> bool {
    let mut changed = false;
    for volume in volumes(hand).await {
        let body = json!({"spec": {"persistentVolumeReclaimPolicy": "Delete"}});
        changed |= hand.patch(SITE, &format!("{VOLUMES}/{volume}"), body).await;
    }
    changed
}

pub(super) async fn retains(hand: &Hand, random: &mut Random) -> bool {
    let (scaled, deleted) = (random.chance(50), random.chance(50));
    let word = |delete| if delete { "Delete" } else { "Retain" };
    let policy = json!({"whenScaled": word(scaled || !deleted), "whenDeleted": word(deleted)});
    hand.patch(SITE, &set(), json!({"spec": {"persistentVolumeClaimRetentionPolicy": policy}})).await
}

pub(super) async fn annotates(hand: &Hand, random: &mut Random) -> bool {
    let pod = format!("{PODS}/{SET}-{}", random.below(3));
    let claim = format!("{CLAIMS}/data-{SET}-{}", random.below(3));
    let (set, node) = (set(), node(random));
    // Some of it tells who else looks after an object.
    let seen = ("example.com/seen", format!("{:x}", random.bits()));
    let tracked = ("argocd.argoproj.io/tracking-id", format!("etcd:apps/StatefulSet:{NAMESPACE}/{SET}"));
    let (path, (name, value)) = match random.below(5) {
        0 => (&pod, seen),
        1 => (&claim, seen),
        2 => (&set, seen),
        3 => (&node, seen),
        _ => (&set, tracked),
    };
    hand.patch(SITE, path, json!({"metadata": {"annotations": {name: value}}})).await
}

pub(super) async fn compacts(hand: &Hand, _: &mut Random) -> bool {
    let Some((pod, _)) = hand.ready_pods(SITE).await.into_iter().next() else { return false };
    let place = Hand::pod(SITE, &pod);
    let Some(status) = hand.line(&place, "etcdctl endpoint status -w json").await else { return false };
    let status: Value = serde_json::from_str(&status).unwrap_or_default();
    let revision = status[0]["Status"]["header"]["revision"].as_u64().unwrap_or(0);
    hand.line(&place, &format!("etcdctl compact {revision}")).await.is_some()
}
