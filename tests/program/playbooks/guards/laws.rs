//! What a playbook that ended well says of the world, looked at by hand: what is not so, and what is lost.

use std::time::Duration;

use cutover_engine::event::{Event, EventKind};
use cutover_engine::world::{Command, Place};
use serde_json::{Value, json};

use super::deed::OLD;
use super::good::{DRILL, FAILOVER, PURGE, REPROTECT, ROLLBACK, SWITCHOVER};
use crate::support::play::{CUTOVER, PREPARE};
use crate::support::stage::Stage;
use crate::support::truth::{Truth, Workload, files};

const SET: &str = "/apis/apps/v1/namespaces/common/statefulsets/common-etcd-etcd";
const LABEL: &str = "cnp.inspurcloud.cn/etcd-tenant";
const HOSTNAME: &str = "kubernetes.io/hostname";
/// The nodes of the pairs, by ordinal.
const WORKERS: [&str; 3] = ["worker01", "worker02", "worker03"];

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// What is not as the playbook claims.
    pub(super) untrue: Vec<String>,
    /// What is nowhere any more.
    pub(super) lost: Vec<String>,
}

impl Found {
    fn holds(&mut self, holds: bool, words: impl FnOnce() -> String) {
        if !holds {
            self.untrue.push(words());
        }
    }
}

/// Looks at everything that a playbook claims when it ends well.
pub(super) async fn claims(playbook: &str, stage: &Stage, truth: &Truth, params: &Value, events: &[Event]) -> Found {
    stage.world.grant(None);
    // Readiness comes some seconds after a member serves.
    tokio::time::sleep(Duration::from_secs(20)).await;
    let mut found = Found::default();
    let (serving, other) = match playbook {
        FAILOVER | REPROTECT | SWITCHOVER => ("standby", "primary"),
        _ => ("primary", "standby"),
    };
    served(stage, serving, truth, &mut found).await;
    if !found.lost.is_empty() || !found.untrue.is_empty() {
        return found;
    }
    let volumes = Workload::default().volumes(stage, serving).await;
    let on_pairs = volumes.iter().enumerate().all(|(ordinal, (_, node, path))| {
        node == WORKERS[ordinal] && *path == format!("/data/vmdata/hpvolumes/common-etcd-etcd-{ordinal}/data")
    });
    let on_old = volumes.iter().zip(OLD).all(|((name, node, _), old)| name.starts_with("pvc-") && node == old);
    let moved = !matches!(playbook, PREPARE | ROLLBACK);
    found.holds(if moved { on_pairs } else { on_old }, || format!("the volumes are {volumes:?}"));
    if matches!(playbook, CUTOVER | SWITCHOVER | DRILL) && params["etcd"] != json!(false) {
        let get = Command::new(["etcdctl", "get", "test-ts", "--print-value-only"]);
        let canary = stage.exec(&pod(serving), &get).await.stdout;
        let started = events[0].at.to_string();
        found.holds(canary.trim() == started, || format!("the canary is {canary} and not {started}"));
    }
    if matches!(playbook, CUTOVER | SWITCHOVER | DRILL | ROLLBACK) {
        let outage = cutover_report::outage(events);
        found.holds(matches!(outage, Some((_, false))), || format!("the outage is reported as {outage:?}"));
    }
    if matches!(playbook, CUTOVER | SWITCHOVER | DRILL) && params["etcd"] != json!(false) {
        let latest = |event: &Event| match &event.kind {
            EventKind::Registered { name, value, .. } if name == "latest" => value["revision"].as_u64(),
            _ => None,
        };
        let (proven, now) = (events.iter().rev().find_map(latest), revision(stage, serving).await);
        found.holds(proven == now, || format!("the proof is of revision {proven:?}, the service is at {now:?}"));
    }
    if playbook == CUTOVER {
        copies(stage, &mut found).await;
    }
    if playbook != FAILOVER && playbook != ROLLBACK {
        replicated(stage, serving, other, moved, &mut found).await;
    }
    if matches!(playbook, PREPARE | CUTOVER | SWITCHOVER | DRILL | PURGE) {
        can_take_over(stage, other, &mut found).await;
    }
    if playbook == REPROTECT {
        let victim = params["victim"].as_str().unwrap_or(other);
        found.holds(victim == other, || format!("{victim} was to lose its changes, and {other} has"));
    }
    if playbook == FAILOVER {
        let answers = stage.try_api("primary", "GET", "/api/v1/nodes", None).await.is_ok();
        found.holds(!answers, || "the site that was taken over from is alive".to_owned());
        known(stage, serving, params, &mut found).await;
    }
    if playbook == PREPARE {
        if params["platform"] != json!("plain") {
            component(stage, &mut found).await;
        }
        link(stage, &mut found).await;
        mounts_there(stage, &mut found).await;
    }
    found
}

fn pod(site: &str) -> Place {
    let (namespace, pod) = ("common".to_owned(), "common-etcd-etcd-0".to_owned());
    Place::Pod { site: site.to_owned(), namespace, pod, container: None }
}

async fn get(stage: &Stage, site: &str, path: &str) -> Value {
    match stage.try_api(site, "GET", path, None).await {
        Ok(answer) if answer.is_success() => answer.body,
        _ => Value::Null,
    }
}

async fn printed(stage: &Stage, site: &str, node: &str, line: &str) -> Option<String> {
    let output = stage.try_exec(&Place::node(site, node), &Command::new(line.split(' '))).await.ok()?;
    output.success().then(|| output.stdout.trim().to_owned())
}

/// The service is whole on a site, with all that it had.
pub(super) async fn served(stage: &Stage, site: &str, truth: &Truth, found: &mut Found) {
    let set = get(stage, site, SET).await;
    let ready = set["status"]["readyReplicas"] == json!(3) && set["spec"]["replicas"] == json!(3);
    found.holds(ready, || format!("the service is not whole on {site}: {}", set["status"]));
    match Workload::default().read(stage, site).await {
        Ok(now) => {
            found.lost.extend(now.lacks(truth));
            found.holds(*truth == now || !found.lost.is_empty(), || "members or cluster are others".to_owned());
        }
        Err(why) => found.untrue.push(why),
    }
}

/// Nobody but one side is Primary. Nothing else makes two of a service.
pub(super) async fn two_primaries(stage: &Stage) -> Vec<String> {
    let (here, there) = (primaries(stage, "primary").await, primaries(stage, "standby").await);
    let both = |name: &&String| there.iter().any(|other| other.split(' ').next() == name.split(' ').next());
    here.iter().filter(both).map(|name| format!("{name} and on standby")).collect()
}

/// The replicas that are Primary on a site.
pub(super) async fn primaries(stage: &Stage, site: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (ordinal, worker) in WORKERS.iter().enumerate() {
        let role = printed(stage, site, worker, &format!("drbdadm role etcd{ordinal}")).await;
        found.extend(role.filter(|role| role.starts_with("Primary")).map(|_| format!("etcd{ordinal} on {site}")));
    }
    found
}

/// Both sides hold the same blocks, and one has the roles and the markers.
async fn replicated(stage: &Stage, serving: &str, other: &str, moved: bool, found: &mut Found) {
    for (ordinal, worker) in WORKERS.iter().enumerate() {
        for (command, wanted) in [("dstate", "UpToDate/UpToDate"), ("cstate", "Connected")] {
            let is = printed(stage, serving, worker, &format!("drbdadm {command} etcd{ordinal}")).await;
            let holds = is.as_deref().is_some_and(|is| is == wanted || is == "Established");
            found.holds(holds, || format!("{command} of etcd{ordinal} on {serving} is {is:?}"));
        }
        for (site, is_serving) in [(serving, true), (other, false)] {
            let role = printed(stage, site, worker, &format!("drbdadm role etcd{ordinal}")).await;
            let is_primary = role.as_deref().is_some_and(|role| role.starts_with("Primary"));
            found.holds(is_primary == is_serving, || format!("etcd{ordinal} on {site} is {role:?}"));
            let marker = format!("test -e /etc/drbd.d/cke_etcd{ordinal}.primary");
            let marked = printed(stage, site, worker, &marker).await.is_some();
            if is_serving && moved {
                let unit = format!(r"data-vmdata-hpvolumes-common\x2detcd\x2detcd\x2d{ordinal}.mount");
                let at_boot = printed(stage, site, worker, &format!("test -e /etc/systemd/system/{unit}")).await;
                found.holds(at_boot.is_some(), || format!("{site}/{worker} has no {unit}"));
            }
            found.holds(marked == (is_serving && moved), || format!("marker of etcd{ordinal} on {site}: {marked}"));
        }
    }
}

/// A side could take the service over: Kubernetes has all that its pods need, and nothing runs there.
async fn can_take_over(stage: &Stage, site: &str, found: &mut Found) {
    let set = get(stage, site, SET).await;
    found.holds(set["spec"]["replicas"] == json!(0), || format!("replicas on {site}: {}", set["spec"]["replicas"]));
    let policy = &set["spec"]["podManagementPolicy"];
    found.holds(policy == "Parallel", || format!("the pods of {site} wait for each other: {policy}"));
    for (ordinal, worker) in WORKERS.iter().enumerate() {
        let node = get(stage, site, &format!("/api/v1/nodes/{worker}")).await;
        let labels = &node["metadata"]["labels"];
        let wanted = set["spec"]["template"]["spec"]["nodeSelector"].as_object().cloned().unwrap_or_default();
        let fits = labels[LABEL] == "true" && wanted.iter().all(|(key, value)| labels[key] == *value);
        let takes =
            node["spec"]["unschedulable"] != json!(true) && node["spec"]["taints"].as_array().is_none_or(Vec::is_empty);
        let conditions = node["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let is_ready = |condition: &Value| condition["type"] == "Ready" && condition["status"] == "True";
        let ready = conditions.iter().any(is_ready);
        found.holds(fits && takes && ready, || format!("{site}/{worker} does not take the pods"));
        let claim = format!("/api/v1/namespaces/common/persistentvolumeclaims/data-common-etcd-etcd-{ordinal}");
        let claim = get(stage, site, &claim).await;
        let own = format!("common-etcd-etcd-{ordinal}");
        let bound = claim["status"]["phase"] == "Bound" && claim["spec"]["volumeName"] == own;
        found.holds(bound, || format!("claim {ordinal} of {site}: {} {}", claim["spec"], claim["status"]));
        let volume = get(stage, site, &format!("/api/v1/persistentvolumes/common-etcd-etcd-{ordinal}")).await;
        let terms = "/spec/nodeAffinity/required/nodeSelectorTerms/0/matchExpressions/0/values/0";
        let there = volume.pointer(terms).is_some_and(|name| *name == labels[HOSTNAME]);
        found.holds(there, || format!("volume {ordinal} of {site} is on {:?}", volume.pointer(terms)));
        let directory = format!("test -d /data/vmdata/hpvolumes/common-etcd-etcd-{ordinal}");
        let there = printed(stage, site, worker, &directory).await.is_some();
        found.holds(there, || format!("{site}/{worker} has no mount point"));
    }
}

/// The revision of the service.
async fn revision(stage: &Stage, site: &str) -> Option<u64> {
    let asked = stage.exec(&pod(site), &Command::new(["etcdctl", "endpoint", "status", "-w", "json"])).await;
    let status: Value = serde_json::from_str(&asked.stdout).ok()?;
    status[0]["Status"]["header"]["revision"].as_u64()
}

/// The service has what the person knew of it.
async fn known(stage: &Stage, site: &str, params: &Value, found: &mut Found) {
    if let Some(least) = params["min_revision"].as_u64() {
        let now = revision(stage, site).await;
        found.holds(now >= Some(least), || format!("the revision is {now:?}"));
    }
    if let Some(canary) = params["canary_value"].as_str() {
        let get = Command::new(["etcdctl", "get", "test-ts", "--print-value-only"]);
        let now = stage.exec(&pod(site), &get).await.stdout;
        found.holds(now.trim() == canary, || format!("the canary is {now}"));
    }
}

/// Why the old volumes are needed still.
pub(super) async fn needed(stage: &Stage) -> Vec<String> {
    let mut found = Found::default();
    let record = get(stage, "primary", "/api/v1/namespaces/common/configmaps/common-etcd-etcd-cutover").await;
    let (run, committed) = (&record["data"]["run"], &record["data"]["committed"]);
    found.holds(run == committed, || "the cutover is not committed".to_owned());
    let volumes = get(stage, "primary", "/api/v1/persistentvolumes").await;
    for volume in volumes["items"].as_array().into_iter().flatten() {
        let (name, phase) = (&volume["metadata"]["name"], &volume["status"]["phase"]);
        let old = name.as_str().is_some_and(|name| name.starts_with("pvc-"));
        found.holds(!old || phase == "Released", || format!("{name} is {phase}"));
    }
    for node in OLD {
        let mounts = printed(stage, "primary", node, "findmnt -P -o TARGET,SOURCE,FSTYPE,OPTIONS").await;
        found.holds(!mounts.unwrap_or_default().contains("pvc-"), || format!("something is mounted on {node}"));
    }
    replicated(stage, "primary", "standby", true, &mut found).await;
    let placed = Workload::default().volumes(stage, "primary").await;
    let is_new = |(name, ..): &(String, String, String)| name.starts_with("common-etcd-etcd-");
    found.holds(placed.iter().all(is_new), || "the service is not on the replicated disks".to_owned());
    found.untrue
}

/// Whether an old volume is gone.
pub(super) async fn old_volumes_are_gone(stage: &Stage) -> bool {
    let mut count = 0;
    for node in OLD {
        let names = printed(stage, "primary", node, "ls /data/vmdata/hpvolumes").await.unwrap_or_default();
        count += names.lines().filter(|name| name.starts_with("pvc-")).count();
    }
    count < OLD.len()
}

/// The platform has DRBD on all nodes of both sites.
async fn component(stage: &Stage, found: &mut Found) {
    for site in ["primary", "standby"] {
        let path = "/apis/cie.inspur.com/v1alpha1/namespaces/kube-system/comdeploys/drbd-deploy";
        let status = get(stage, site, path).await["status"].clone();
        found.holds(status["status"] == "Running", || format!("DRBD on {site}: {status}"));
    }
}

/// The link is as near as synchronous replication needs it, and nothing is lost on it.
async fn link(stage: &Stage, found: &mut Found) {
    let ping = "ping -n -q -c 10 -i 0.2 -W 2 172.16.2.1";
    let output = printed(stage, "primary", WORKERS[0], ping).await.unwrap_or_default();
    let average = output.rsplit_once(" = ").and_then(|(_, times)| times.split('/').nth(1)?.parse::<f64>().ok());
    found.holds(average.is_some_and(|average| average < 10.0), || format!("the link: {output}"));
}

/// The standby mounts what was made on the active side. Changes the world: for the last look.
async fn mounts_there(stage: &Stage, found: &mut Found) {
    for (ordinal, worker) in WORKERS.iter().enumerate() {
        printed(stage, "primary", worker, &format!("drbdadm secondary etcd{ordinal}")).await;
        for line in [&format!("drbdadm primary etcd{ordinal}"), "mkdir -p /mnt/try", "mount /dev/drbd0 /mnt/try"] {
            let done = printed(stage, "standby", worker, line).await;
            found.holds(done.is_some(), || format!("standby/{worker}: {line} fails"));
        }
    }
}

/// The backups are what the originals are, and so are the files of the new volumes that etcd does not write.
async fn copies(stage: &Stage, found: &mut Found) {
    let record = get(stage, "primary", "/api/v1/namespaces/common/configmaps/common-etcd-etcd-cutover").await;
    let volumes: Value = serde_json::from_str(record["data"]["volumes"].as_str().unwrap_or("[]")).expect("JSON");
    for (ordinal, (old, worker)) in OLD.iter().zip(WORKERS).enumerate() {
        let Some(path) = volumes[ordinal]["path"].as_str() else {
            return found.untrue.push("there is no record".to_owned());
        };
        let original = files(stage, "primary", old, path).await;
        let backup = format!("/data/vmdata/backup/r1/common-etcd-etcd-{ordinal}");
        let same = files(stage, "primary", old, &backup).await == original;
        found.holds(same, || format!("the backup on {old} is not what the original is"));
        let mounted = format!("/data/vmdata/hpvolumes/common-etcd-etcd-{ordinal}/data");
        let mount = printed(stage, "primary", worker, &format!("findmnt -n -o TARGET -T {mounted}")).await;
        if mount.as_deref() != mounted.strip_suffix("/data") {
            found.lost.push(format!("the data of replica {ordinal} lies beneath another mount: {mount:?}"));
            continue;
        }
        let new = files(stage, "primary", worker, &mounted).await;
        let still = |name: &&String| !name.is_empty() && !name.starts_with("member");
        let gone = original.keys().filter(still).filter(|name| !new.contains_key(*name));
        found.lost.extend(gone.map(|name| format!("{name} of replica {ordinal}")));
        let more = new.keys().filter(still).filter(|name| !original.contains_key(*name));
        found.untrue.extend(more.map(|name| format!("{name} of replica {ordinal} was not in the original")));
        let mountpoint = format!("/data/vmdata/hpvolumes/common-etcd-etcd-{ordinal}");
        let listed = printed(stage, "primary", worker, &format!("ls -A {mountpoint}")).await.unwrap_or_default();
        let strange: Vec<&str> = listed.lines().filter(|name| !["data", "lost+found"].contains(name)).collect();
        found.holds(strange.is_empty(), || format!("{worker} has {strange:?} beside the data"));
    }
}
