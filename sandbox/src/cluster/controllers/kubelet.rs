//! The kubelets: start containers on what lies at their volume's path at that moment, restart those that crash, and let
//! terminating pods go after their time. A machine that is down does none of that.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::container::{container, main_container, prepare};
use super::{Machines, Touched, deleting, events, text, uid};
use crate::cluster::running::Start;
use crate::cluster::state::{Cluster, Key, Process, Timer};

/// How soon a failed mount is tried again.
const MOUNT_RETRY: Duration = Duration::from_secs(4);

/// Plans what pods that were given to nodes, and pods that are being deleted, need.
pub(crate) fn reconcile(cluster: &mut Cluster, machines: &mut Machines, touched: &Touched) {
    let up = |cluster: &Cluster, node: &str| machines.named(&cluster.site, node).is_some_and(|machine| machine.up);
    for key in touched.of("pods") {
        let Some(pod) = cluster.get(key) else { continue };
        let (node, id) = (text(&pod["spec"]["nodeName"]), uid(pod).to_owned());
        if node.is_empty() || !up(cluster, node) {
            continue;
        }
        let idle = !cluster.processes.contains_key(&id);
        if deleting(pod) {
            plan_end(cluster, id);
        } else if idle && !cluster.planned(&Timer::Start { uid: id.clone() }) {
            cluster.after(cluster.spec.pod_start.0, Timer::Start { uid: id });
        }
    }
    // Processes whose pod was deleted by force, or by a namespace's end: the container stops later all the same.
    for key in touched.of("pods") {
        let current = cluster.get(key).map(|pod| uid(pod).to_owned());
        let of_this = |(id, process): &(&String, &Process)| {
            process.pod.0 == key.1 && process.pod.1 == key.2 && Some(*id) != current.as_ref()
        };
        let orphans: Vec<(String, String)> =
            cluster.processes.iter().filter(of_this).map(|(id, process)| (id.clone(), process.node.clone())).collect();
        for (id, node) in orphans {
            if up(cluster, &node) {
                plan_end(cluster, id);
            }
        }
    }
}

/// Ends what ran on machines that went down.
pub(crate) fn bury(cluster: &mut Cluster, machines: &mut Machines) {
    let down = |process: &Process| !machines.named(&cluster.site, &process.node).is_some_and(|machine| machine.up);
    let dead: Vec<String> =
        cluster.processes.iter().filter(|(_, process)| down(process)).map(|(id, _)| id.clone()).collect();
    dead.iter().for_each(|id| end(cluster, machines, id));
}

fn plan_end(cluster: &mut Cluster, uid: String) {
    let timer = Timer::Gone { uid };
    if !cluster.planned(&timer) {
        cluster.after(cluster.spec.pod_stop.0, timer);
    }
}

/// Tries to start a pod's container.
pub(crate) fn start(cluster: &mut Cluster, machines: &mut Machines, id: &str) {
    let Some((key, pod)) = cluster.pod_by_uid(id).map(|(key, pod)| (key.clone(), pod.clone())) else { return };
    let node = text(&pod["spec"]["nodeName"]).to_owned();
    let now = cluster.now_ns();
    let machine = machines.named_mut(&cluster.site, &node).filter(|machine| machine.up);
    let Some(machine) = machine.filter(|_| !deleting(&pod)) else { return };
    let main = main_container(cluster, &key, &pod);
    let container = container(cluster, &key, &pod, main);
    if let Some((_, volume)) = &container.volume
        && let Err(message) = prepare(volume, machine, now)
    {
        events::warn(cluster, &key, "FailedMount", &message);
        wait(cluster, &key, "ContainerCreating", None);
        return cluster.after(MOUNT_RETRY, Timer::Start { uid: id.to_owned() });
    }
    let mut process =
        Process { pod: (key.1.clone(), key.2.clone()), node: node.clone(), path: None, device: None, warm: false };
    if let Some((mount, volume)) = &container.volume {
        let device = machine.path_device(&volume.path).map(str::to_owned).unwrap_or_default();
        if cluster.services.iter().any(|service| service.is_mine(&container)) {
            let start = Start {
                namespace: &key.1,
                pod: &key.2,
                uid: id,
                node: &node,
                container: &container,
                mount,
                directory: &volume.path,
                device: &device,
                now,
            };
            let mut services = Arc::make_mut(&mut cluster.services).iter_mut();
            let started =
                services.find(|service| service.is_mine(&container)).map(|service| service.start(&start, machine));
            if let Some(Err(message)) = started {
                return crash(cluster, machines, id, &message);
            }
        }
        machine.holders.insert(volume.path.clone(), container.command.clone());
        process.path = Some(volume.path.clone());
        process.device = Some(device);
    }
    Arc::make_mut(&mut cluster.processes).insert(id.to_owned(), process);
    cluster.objects.touch(key.clone());
    cluster.after(cluster.spec.pod_ready.0, Timer::Ready { uid: id.to_owned() });
    let stamp = cluster.stamp();
    cluster.edit(&key, |pod| {
        let statuses = containers(pod).into_iter().enumerate().map(|(index, container)| {
            let old = &pod["status"]["containerStatuses"][index];
            json!({
                "name": container["name"], "image": container["image"], "imageID": container["image"], "ready": false,
                "started": true, "restartCount": old["restartCount"].as_u64().unwrap_or(0),
                "state": {"running": {"startedAt": stamp}}, "lastState": if old.is_null() { json!({}) } else { old["lastState"].clone() },
            })
        });
        let statuses: Vec<Value> = statuses.collect();
        pod["status"]["phase"] = json!("Running");
        pod["status"]["containerStatuses"] = json!(statuses);
        if pod["status"]["startTime"].is_null() {
            pod["status"]["startTime"] = json!(stamp);
        }
    });
}

/// A container has ended with an error; it is started again after a while that doubles each time.
pub(crate) fn crash(cluster: &mut Cluster, machines: &mut Machines, id: &str, message: &str) {
    end(cluster, machines, id);
    let Some(key) = cluster.pod_by_uid(id).map(|(key, _)| key.clone()) else { return };
    let main = cluster.get(&key).map_or(0, |pod| main_container(cluster, &key, pod));
    let restarts = cluster.get(&key).and_then(|pod| pod["status"]["containerStatuses"][main]["restartCount"].as_u64());
    let restarts = restarts.map_or(0, |count| count + 1);
    wait(cluster, &key, "CrashLoopBackOff", Some(message));
    cluster.edit(&key, |pod| pod["status"]["containerStatuses"][main]["restartCount"] = json!(restarts));
    events::warn(cluster, &key, "BackOff", "Back-off restarting failed container");
    let delay = Duration::from_secs(10 << restarts.min(5)).min(Duration::from_secs(300));
    cluster.after(delay, Timer::Start { uid: id.to_owned() });
}

fn containers(pod: &Value) -> Vec<Value> {
    pod["spec"]["containers"].as_array().cloned().unwrap_or_default()
}

/// Writes down why a pod's service does not run: nothing of the pod runs yet, or the others go on beside it.
fn wait(cluster: &mut Cluster, key: &Key, reason: &str, message: Option<&str>) {
    let stamp = cluster.stamp();
    let main = cluster.get(key).map_or(0, |pod| main_container(cluster, key, pod));
    cluster.edit(key, |pod| {
        let waiting = |container: &Value, restarts: u64| {
            json!({
                "name": container["name"], "image": container["image"], "imageID": "", "ready": false, "started": false,
                "restartCount": restarts, "state": {"waiting": {"reason": reason}}, "lastState": {},
            })
        };
        let containers = containers(pod);
        let restarts = pod["status"]["containerStatuses"][main]["restartCount"].as_u64().unwrap_or(0);
        let mut status = waiting(&containers[main], restarts);
        if let Some(message) = message {
            pod["status"]["phase"] = json!("Running");
            status["state"]["waiting"]["message"] = json!("back-off restarting failed container");
            status["lastState"]["terminated"] =
                json!({"exitCode": 1, "reason": "Error", "message": message, "finishedAt": stamp});
        }
        let old = pod["status"]["containerStatuses"].as_array().cloned().unwrap_or_default();
        if old.get(main).is_none_or(|old| old["state"] != status["state"]) || message.is_some() {
            let beside = |index: usize| match old.get(index) {
                Some(old) if message.is_some() => old.clone(),
                _ => waiting(&containers[index], 0),
            };
            let all = (0..containers.len()).map(|index| if index == main { status.clone() } else { beside(index) });
            pod["status"]["containerStatuses"] = json!(all.collect::<Vec<_>>());
        }
    });
}

/// A terminating pod's time is over.
pub(crate) fn gone(cluster: &mut Cluster, machines: &mut Machines, id: &str) {
    end(cluster, machines, id);
    let Some(key) = cluster.pod_by_uid(id).map(|(key, _)| key.clone()) else { return };
    cluster.edit(&key, |pod: &mut Value| pod["metadata"]["deletionGracePeriodSeconds"] = json!(0));
    cluster.sweep(&key);
}

/// Ends a pod's process: its volume is let go.
fn end(cluster: &mut Cluster, machines: &mut Machines, id: &str) {
    if cluster.services.iter().any(|service| service.has(id)) {
        Arc::make_mut(&mut cluster.services).iter_mut().for_each(|service| service.end(id));
    }
    let Some(process) = Arc::make_mut(&mut cluster.processes).remove(id) else { return };
    cluster.objects.touch(crate::cluster::state::key("pods", &process.pod.0, &process.pod.1));
    let shared = cluster.processes.values().any(|other| other.node == process.node && other.path == process.path);
    let machine = machines.named_mut(&cluster.site, &process.node);
    if let (Some(machine), Some(path), false) = (machine, process.path, shared) {
        machine.holders.remove(&path);
    }
}
