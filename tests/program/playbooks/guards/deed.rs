//! What is done to a world to make it a bad one, each in a line: a command on a machine, a request, time that passes, a part that is lost.

use std::time::Duration;

use cutover_engine::world::{Command, Place};
use cutover_sandbox::{Part, Rights};
use serde_json::{Value, json};

use crate::support::play::Play;
use crate::support::releases::{edit_release, leave_upgrade_unfinished};
use crate::support::roles::shipped;
use crate::support::stage::Stage;
use crate::support::truth::Truth;

const SETS: &str = "/apis/apps/v1/namespaces/common/statefulsets/common-etcd-etcd";
const SETS_OF_ALL: &str = "/apis/apps/v1/namespaces/common/statefulsets";
const CLAIMS: &str = "/api/v1/namespaces/common/persistentvolumeclaims";
const VOLUMES: &str = "/api/v1/persistentvolumes";
/// The nodes of the old volumes, by ordinal.
pub(super) const OLD: [&str; 3] = ["worker04", "worker05", "worker06"];

/// Does to a world what a line, or a request with its body, says. What the service acknowledges on the way is added to its truth.
pub(super) async fn does(stage: &Stage, deed: &Value, truth: &mut Truth) {
    if let Some(map) = deed.as_object() {
        for (line, body) in map {
            if let Some(site) = line.strip_prefix("tie-release ") {
                tie(stage, site, body).await;
                continue;
            }
            request(stage, line, body).await;
        }
        return;
    }
    let line = deed.as_str().unwrap_or_else(|| panic!("not a deed: {deed}"));
    let line = &with_old(stage, line).await;
    if let Some((place, line)) = line.split_once("$ ") {
        let (site, node) = place.split_once('/').unwrap_or_else(|| panic!("`{place}` is not SITE/NODE"));
        stage.must(site, node, line).await;
        return;
    }
    match line.split(' ').collect::<Vec<_>>().as_slice() {
        ["wait", seconds] => tokio::time::sleep(Duration::from_secs(seconds.parse().expect("seconds"))).await,
        ["lose", part] => stage.world.lose(&named(part)),
        ["bring-back", part] => stage.world.bring_back(&named(part)),
        ["run", playbook] => drop(stage.run(&Play::in_world(playbook, &stage.world, &json!({}))).await.well()),
        ["heal", one, other] => stage.world.heal_link(one, other),
        ["cut", one, other] => stage.world.cut_link(one, other),
        ["socket", place, path] => {
            let (site, node) = place.split_once('/').expect("SITE/NODE");
            assert!(stage.world.leave_socket(site, node, path), "{line}");
        }
        ["exchange", site, one, other] => {
            let (one, other) = (one.split_once(':').expect("NODE:PATH"), other.split_once(':').expect("NODE:PATH"));
            stage.exchange(site, one, other).await;
        }
        ["carry", site, node, from, to] => stage.carry(site, (node, from), (node, to)).await,
        ["scale", site, replicas] => {
            let replicas: u64 = replicas.parse().expect("a number");
            stage.api(site, "PATCH", SETS, Some(json!({"spec": {"replicas": replicas}}))).await;
        }
        // One more write that the service acknowledges.
        ["write", site, key] => {
            etcdctl(stage, site, &["put", key, "x"]).await;
            *truth = truth.clone().with(key, "x");
        }
        ["etcdctl", site, words @ ..] => etcdctl(stage, site, words).await,
        ["compact", site] => {
            let pod = pod(site);
            let status = stage.exec(&pod, &Command::new(["etcdctl", "endpoint", "status", "-w", "json"])).await;
            let status: Value = serde_json::from_str(&status.stdout).expect("JSON");
            let revision = status[0]["Status"]["header"]["revision"].to_string();
            etcdctl(stage, site, &["compact", &revision]).await;
        }
        ["unfinished-upgrade"] => leave_upgrade_unfinished(stage).await,
        ["remake-set"] => remake_set(stage).await,
        ["other-volume", site, ordinal] => other_volume(stage, site, ordinal).await,
        ["without-right", resource, verb] => stage.world.grant(Some(all_but(resource, verb))),
        ["occupy", site, ordinal] => occupy(stage, site, ordinal).await,
        ["move-volume"] => move_volume(stage).await,
        _ => panic!("`{line}` is not a deed"),
    }
}

/// Makes the set of the primary site again, without replicas, as the standby has it.
async fn remake_set(stage: &Stage) {
    let mut set = stage.api("standby", "GET", SETS, None).await;
    set["metadata"] = json!({"name": "common-etcd-etcd", "namespace": "common"});
    set.as_object_mut().expect("a set").shift_remove("status");
    set["spec"]["template"]["spec"].as_object_mut().expect("a spec").shift_remove("nodeSelector");
    stage.api("primary", "POST", SETS_OF_ALL, Some(set)).await;
}

/// Moves replica 1 to another volume on its node, with all that it has, and starts the service again.
async fn move_volume(stage: &Stage) {
    scaled(stage, "primary", 0).await;
    let path = with_old(stage, "/data/vmdata/hpvolumes/OLD1").await;
    stage.carry("primary", (OLD[1], &path), (OLD[1], "/data/vmdata/hpvolumes/other-1")).await;
    other_volume(stage, "primary", "1").await;
    let old = with_old(stage, &format!("{VOLUMES}/OLD1")).await;
    stage.api("primary", "DELETE", &old, None).await;
    scaled(stage, "primary", 3).await;
}

async fn scaled(stage: &Stage, site: &str, replicas: u64) {
    stage.api(site, "PATCH", SETS, Some(json!({"spec": {"replicas": replicas}}))).await;
    tokio::time::sleep(Duration::from_secs(120)).await;
}

/// Binds the claim of a replica to another volume: a directory of its own on the same node. What was bound is released.
async fn other_volume(stage: &Stage, site: &str, ordinal: &str) {
    let (name, other) = (format!("data-common-etcd-etcd-{ordinal}"), format!("other-{ordinal}"));
    let claim = format!("{CLAIMS}/{name}");
    let claimed = stage.api(site, "GET", &claim, None).await;
    let volume = format!("{VOLUMES}/{}", claimed["spec"]["volumeName"].as_str().expect("a bound claim"));
    let mut objects = [stage.api(site, "GET", &volume, None).await, claimed];
    let keep = json!({"spec": {"persistentVolumeReclaimPolicy": "Retain"}});
    stage.api(site, "PATCH", &volume, Some(keep)).await;
    stage.api(site, "DELETE", &claim, None).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    for (object, name) in objects.iter_mut().zip([&other, &name]) {
        object["metadata"] = json!({"name": name});
        object.as_object_mut().expect("an object").shift_remove("status");
    }
    let [mut volume, mut claim] = objects;
    volume["spec"]["hostPath"]["path"] = json!(format!("/data/vmdata/hpvolumes/{other}"));
    volume["spec"]["claimRef"] = json!({"namespace": "common", "name": name});
    claim["spec"]["volumeName"] = json!(other);
    stage.api(site, "POST", VOLUMES, Some(volume)).await;
    stage.api(site, "POST", CLAIMS, Some(claim)).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
}

/// Ties the release to nodes by values of its own, as an upgrade with the chart that it was made of does. Waits until its pods are there again.
async fn tie(stage: &Stage, site: &str, selector: &Value) {
    edit_release(stage, |record| record["config"]["nodeSelector"] = selector.clone()).await;
    let tied = json!({"spec": {"template": {"spec": {"nodeSelector": selector}}}});
    stage.api(site, "PATCH", SETS, Some(tied)).await;
    tokio::time::sleep(Duration::from_secs(300)).await;
}

async fn request(stage: &Stage, line: &str, body: &Value) {
    let words: Vec<&str> = line.split(' ').collect();
    let [site, method, path] = words.as_slice() else { panic!("`{line}` is not SITE METHOD PATH") };
    let body = Some(body.clone()).filter(|body| !body.is_null());
    let path = with_old(stage, path).await;
    let body = match body {
        Some(body) => Some(serde_json::from_str(&with_old(stage, &body.to_string()).await).expect("JSON")),
        None => None,
    };
    stage.api(site, method, &path, body).await;
}

fn pod(site: &str) -> Place {
    Place::Pod {
        site: site.to_owned(),
        namespace: "common".to_owned(),
        pod: "common-etcd-etcd-1".to_owned(),
        container: None,
    }
}

async fn etcdctl(stage: &Stage, site: &str, words: &[&str]) {
    let output = stage.exec(&pod(site), &Command::new([&["etcdctl"], words].concat())).await;
    assert!(output.success(), "{words:?}: {output:?}");
}

fn named(part: &str) -> Part {
    match (part, part.split_once('/')) {
        ("link", _) => Part::Link("primary".to_owned(), "standby".to_owned()),
        (_, Some((site, node))) => Part::Node(site.to_owned(), node.to_owned()),
        (site, None) => Part::Site(site.to_owned()),
    }
}

/// Makes a pod that has the name of one of the set's, and is not the set's.
async fn occupy(stage: &Stage, site: &str, ordinal: &str) {
    let name = format!("common-etcd-etcd-{ordinal}");
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
        "spec": {"containers": [{"name": "main", "image": "busybox"}]},
    });
    stage.api(site, "POST", "/api/v1/namespaces/common/pods", Some(pod)).await;
}

/// The shipped rights, without one verb on one resource.
fn all_but(resource: &str, verb: &str) -> Rights {
    let mut rights = shipped();
    let mut taken = false;
    for rules in rights.namespaces.values_mut().chain([&mut rights.everywhere]) {
        for rule in rules.iter_mut().filter(|rule| rule.resources.iter().any(|name| name == resource)) {
            let before = rule.verbs.len();
            rule.verbs.retain(|other| other != verb);
            taken |= rule.verbs.len() < before;
        }
    }
    assert!(taken, "the roles have no {verb} of {resource}");
    rights
}

/// Puts names of old volumes in their places: `OLD1` is the name of the volume of replica 1, and of its directory.
pub(super) async fn with_old(stage: &Stage, line: &str) -> String {
    let mut line = line.to_owned();
    for (ordinal, node) in OLD.iter().enumerate() {
        let word = format!("OLD{ordinal}");
        if line.contains(&word) {
            let names = stage.must("primary", node, "ls -A /data/vmdata/hpvolumes").await;
            let name = names.lines().find(|name| name.starts_with("pvc-")).expect("an old volume");
            line = line.replace(&word, name);
        }
    }
    line
}
