//! What must hold whatever somebody else does: what was acknowledged is served after a good end, and on the original volumes
//! after any other; a service that went back has everything; no replica is Primary on two sides by our doing.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use cutover_engine::world::Place;
use cutover_sandbox::{Part, Sandbox};
use serde_json::Value;

use super::hand::{CLAIMS, Hand, SET, VOLUMES};
use crate::support::stage::Stage;

/// Keys with their values.
pub(super) type Keys = BTreeMap<String, String>;

/// A directory on a node of the primary site.
#[derive(Debug, Clone)]
pub(super) struct Directory {
    pub(super) node: String,
    pub(super) path: String,
}

const MEMBERS: usize = 3;
/// How many members have a write that was acknowledged, at least.
const QUORUM: usize = 2;
/// How long a service is given to come up again by itself.
const PATIENCE: Duration = Duration::from_secs(600);

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The volumes' directories, by ordinal.
pub(super) async fn originals(stage: &Stage) -> Vec<Directory> {
    let mut found = Vec::new();
    for ordinal in 0..MEMBERS {
        let claim = stage.api("primary", "GET", &format!("{CLAIMS}/data-{SET}-{ordinal}"), None).await;
        let name = text(&claim["spec"]["volumeName"]);
        let volume = stage.api("primary", "GET", &format!("{VOLUMES}/{name}"), None).await;
        let path = text(&volume["spec"]["hostPath"]["path"]);
        let terms = &volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"];
        found.push(Directory { node: text(&terms[0]["matchExpressions"][0]["values"][0]), path });
    }
    found
}

/// The directories on the replicated disks, by ordinal.
pub(super) fn replicated() -> Vec<Directory> {
    let directory = |ordinal: usize| Directory {
        node: format!("worker0{}", ordinal + 1),
        path: format!("/data/vmdata/hpvolumes/{SET}-{ordinal}/data"),
    };
    (0..MEMBERS).map(directory).collect()
}

/// What members hold in directories; nothing where there is no member's data.
pub(super) async fn keys_of(world: &Sandbox, directories: &[Directory]) -> Vec<Keys> {
    let (hand, mut all) = (Hand::new(world), Vec::new());
    for Directory { node, path } in directories {
        let database = hand.on("primary", node, &format!("cat {path}/member/snap/db")).await.unwrap_or_default();
        let database: Value = serde_json::from_str(&database).unwrap_or_default();
        let keys = database["keys"].as_object().into_iter().flatten();
        all.push(keys.map(|(key, entry)| (key.clone(), text(&entry["value"]))).collect());
    }
    all
}

/// The first acknowledged write that too few members hold.
pub(super) fn not_held(acknowledged: &Keys, members: &[Keys]) -> Option<String> {
    let lost = acknowledged.iter().find(|(key, value)| {
        let holds = |keys: &&Keys| keys.get(*key) == Some(*value);
        members.iter().filter(holds).count() < QUORUM
    });
    let counts: Vec<usize> = members.iter().map(BTreeMap::len).collect();
    lost.map(|(key, _)| format!("{key} is not held by {QUORUM} of {MEMBERS} members, which have {counts:?} keys"))
}

/// Lets what was lost come back, as the people of the site would.
pub(super) async fn bring_back(world: &Sandbox) {
    for site in ["primary", "standby"] {
        for node in 1..=6 {
            world.bring_back(&Part::Node(site.to_owned(), format!("worker0{node}")));
        }
    }
    world.bring_back(&Part::Link("primary".to_owned(), "standby".to_owned()));
    tokio::time::sleep(Duration::from_secs(60)).await;
}

/// Takes out of the way what a person would who has read why something was refused.
pub(super) async fn mend(world: &Sandbox) {
    bring_back(world).await;
    let hand = Hand::new(world);
    for node in 1..=6 {
        let spec = serde_json::json!({"spec": {"unschedulable": null, "taints": null}});
        hand.patch("primary", &format!("/api/v1/nodes/worker0{node}"), spec).await;
    }
    for (ordinal, Directory { node, path }) in replicated().into_iter().enumerate() {
        let root = path.trim_end_matches("/data");
        for directory in [&path, root] {
            let device = hand.on("primary", &node, &format!("findmnt -n -o SOURCE {directory}")).await;
            if device.is_some_and(|device| device.contains("/dev/sda1")) {
                hand.on("primary", &node, &format!("umount {directory}")).await;
            }
        }
        hand.on("primary", &node, &format!("mount -o remount,rw {root}")).await;
        hand.on("standby", &node, &format!("drbdadm secondary etcd{ordinal}")).await;
        for site in ["primary", "standby"] {
            hand.on(site, &node, &format!("drbdadm adjust etcd{ordinal}")).await;
        }
    }
    tokio::time::sleep(Duration::from_secs(60)).await;
}

/// Whether a site serves every acknowledged write, now or after a while.
pub(super) async fn served(world: &Sandbox, site: &str, acknowledged: &Keys) -> Result<(), String> {
    let (hand, began) = (Hand::new(world), tokio::time::Instant::now());
    loop {
        let missing = match missing(&hand, site, acknowledged).await {
            None => return Ok(()),
            Some(missing) => missing,
        };
        if began.elapsed() > PATIENCE {
            return Err(format!("{site} does not serve: {missing}"));
        }
        tokio::time::sleep(Duration::from_secs(20)).await;
    }
}

/// What a site does not serve.
async fn missing(hand: &Hand, site: &str, acknowledged: &Keys) -> Option<String> {
    let pods = hand.ready_pods(site).await;
    if pods.len() < MEMBERS {
        return Some(format!("{} pods are ready", pods.len()));
    }
    for (pod, _) in &pods {
        let Some(answer) = hand.line(&Hand::pod(site, pod), "etcdctl get / --prefix -w json").await else {
            return Some(format!("{pod} does not answer"));
        };
        let answer: Value = serde_json::from_str(&answer).unwrap_or_default();
        let plain = |value: &Value| {
            let bytes = base64::engine::general_purpose::STANDARD.decode(text(value)).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let pairs = answer["kvs"].as_array().into_iter().flatten();
        let keys: Keys = pairs.map(|pair| (plain(&pair["key"]), plain(&pair["value"]))).collect();
        if let Some((key, _)) = acknowledged.iter().find(|(key, value)| keys.get(*key) != Some(*value)) {
            return Some(format!("{pod} has {} keys, and not {key}", keys.len()));
        }
    }
    None
}

/// Whether every pod is on a replicated disk.
pub(super) async fn on_replicated_disks(world: &Sandbox) -> Result<(), String> {
    let hand = Hand::new(world);
    for (ordinal, Directory { node, path }) in replicated().into_iter().enumerate() {
        let device = hand.on("primary", &node, &format!("findmnt -n -o SOURCE -T {path}")).await.unwrap_or_default();
        if !device.starts_with("/dev/drbd") {
            return Err(format!("{SET}-{ordinal} is on {node}:{path}, which is on `{}`", device.trim()));
        }
    }
    Ok(())
}

/// The pairs that are Primary on both sides.
pub(super) async fn two_primaries(world: &Sandbox) -> Vec<String> {
    let (hand, mut found) = (Hand::new(world), Vec::new());
    for ordinal in 0..MEMBERS {
        let mut primaries = 0;
        for site in ["primary", "standby"] {
            let place = Place::node(site, format!("worker0{}", ordinal + 1));
            let role = hand.line(&place, &format!("drbdadm role etcd{ordinal}")).await.unwrap_or_default();
            primaries += usize::from(role.starts_with("Primary"));
        }
        if primaries > 1 {
            found.push(format!("etcd{ordinal}"));
        }
    }
    found
}
