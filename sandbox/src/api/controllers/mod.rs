//! The controllers of a cluster. They run when the world is looked at: everything due since then happens in its order,
//! at its time, and after each of these moments all controllers run until nothing changes any more.

mod cke;
mod container;
mod events;
mod garbage;
mod kubelet;
mod nodes;
mod provisioner;
mod scheduler;
mod statefulset;
mod status;
mod volumes;

use std::time::Duration;

use serde_json::Value;

#[cfg(test)]
pub(crate) use provisioner::node_of;
pub(crate) use provisioner::{PROVISIONER, SELECTED_NODE};

use super::cluster::{Cluster, Timer};
pub(crate) use crate::machine::Machines;

/// The machines of the world.

/// Rounds after which controllers that contradict each other are stopped.
const ROUNDS: usize = 100;

/// Brings one cluster up to the present.
pub(crate) fn settle(cluster: &mut Cluster, machines: &mut Machines, elapsed: Duration) {
    catch_up(cluster, machines, elapsed);
    cluster.now = elapsed.max(cluster.now);
    let up = machines.values().filter(|machine| machine.site == cluster.site).map(|machine| machine.up).collect();
    let quiet = cluster.settled == cluster.revision && cluster.up == up;
    if quiet && !cluster.groups.values().any(|group| group.members.values().any(|member| member.dirty)) {
        return;
    }
    cluster.up = up;
    reconcile(cluster, machines);
    // What was just planned may be due at once.
    catch_up(cluster, machines, elapsed);
}

/// Lets everything happen that is due.
fn catch_up(cluster: &mut Cluster, machines: &mut Machines, elapsed: Duration) {
    while let Some(entry) = cluster.timers.first_entry() {
        if entry.key().0 > elapsed {
            break;
        }
        cluster.now = entry.key().0.max(cluster.now);
        let timer = entry.remove();
        fire(cluster, machines, timer);
        reconcile(cluster, machines);
    }
}

fn fire(cluster: &mut Cluster, machines: &mut Machines, timer: Timer) {
    match timer {
        Timer::Start { uid } => kubelet::start(cluster, machines, &uid),
        Timer::Ready { uid } => {
            if let Some(process) = cluster.processes.get_mut(&uid) {
                process.warm = true;
            }
        }
        Timer::Gone { uid } => kubelet::gone(cluster, machines, &uid),
        Timer::Labels { node } => cke::sync_labels(cluster, &node),
        Timer::Deployed { key } => cke::deployed(cluster, &key),
    }
}

fn reconcile(cluster: &mut Cluster, machines: &mut Machines) {
    for _ in 0..ROUNDS {
        let before = (cluster.revision, cluster.timers.len());
        nodes::reconcile(cluster, machines);
        cke::reconcile(cluster);
        garbage::reconcile(cluster);
        statefulset::reconcile(cluster);
        volumes::reconcile(cluster);
        provisioner::reconcile(cluster, machines);
        scheduler::reconcile(cluster);
        kubelet::reconcile(cluster, machines);
        status::reconcile(cluster, machines);
        if before == (cluster.revision, cluster.timers.len()) {
            break;
        }
    }
    cluster.settled = cluster.revision;
}

/// Whether a pod is ready.
pub(crate) fn pod_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    conditions.clone().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

/// Whether an object is being deleted.
fn deleting(object: &Value) -> bool {
    !object["metadata"]["deletionTimestamp"].is_null()
}

/// The text of a field; empty if it is not there.
fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The UID of an object.
fn uid(object: &Value) -> &str {
    text(&object["metadata"]["uid"])
}
