//! The controllers of a cluster. They run when the world is looked at: everything due since then happens in its order,
//! at its time, and after each of these moments all controllers run until nothing changes any more.

mod autoscaler;
mod cke;
mod container;
mod events;
mod garbage;
mod kubelet;
mod nodes;
mod provisioner;
mod quotas;
mod scheduler;
mod statefulset;
mod status;
mod volumes;

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

pub(crate) use container::main_container;
#[cfg(test)]
pub(crate) use provisioner::node_of;
pub(crate) use provisioner::{PROVISIONER, SELECTED_NODE};

use crate::cluster::state::{Cluster, Key, Timer};
use crate::machine::Machines;

/// Rounds after which controllers that contradict each other are stopped.
const ROUNDS: usize = 100;

/// The objects that were touched since a controller last ran.
struct Touched(BTreeSet<Key>);

impl Touched {
    /// Those of a kind.
    fn of(&self, plural: &'static str) -> impl Iterator<Item = &Key> {
        let first = (plural, String::new(), String::new());
        self.0.range(first..).take_while(move |key| key.0 == plural)
    }

    /// Whether there is one of some kinds.
    fn any(&self, plurals: &[&'static str]) -> bool {
        plurals.iter().any(|plural| self.of(plural).next().is_some())
    }
}

/// Brings one cluster up to the present.
pub(crate) fn settle(cluster: &mut Cluster, machines: &mut Machines, elapsed: Duration) {
    catch_up(cluster, machines, elapsed);
    cluster.now = elapsed.max(cluster.now);
    if cluster.objects.touches() == 0 && cluster.switched == Some(machines.switched()) {
        return;
    }
    reconcile(cluster, machines);
    // What was just planned may be due at once.
    catch_up(cluster, machines, elapsed);
}

/// Lets everything happen that is due.
fn catch_up(cluster: &mut Cluster, machines: &mut Machines, elapsed: Duration) {
    while let Some(timer) = cluster.take_due(elapsed) {
        fire(cluster, machines, timer);
        reconcile(cluster, machines);
    }
}

fn fire(cluster: &mut Cluster, machines: &mut Machines, timer: Timer) {
    match timer {
        Timer::Start { uid } => kubelet::start(cluster, machines, &uid),
        Timer::Ready { uid } => {
            if let Some(process) = cluster.process_mut(&uid) {
                process.warm = true;
            }
        }
        Timer::Gone { uid } => kubelet::gone(cluster, machines, &uid),
        Timer::Look { key } => cluster.objects.touch(key),
        Timer::Labels { node } => cke::sync_labels(cluster, &node),
        Timer::Deployed { key } => cke::deployed(cluster, &key),
    }
}

/// Runs all controllers until nothing changes any more. Each looks at what was touched since it last ran; at everything when a
/// machine was switched on or off.
fn reconcile(cluster: &mut Cluster, machines: &mut Machines) {
    let switched = cluster.switched.replace(machines.switched()) != Some(machines.switched());
    let again: Vec<Key> = match switched {
        true => cluster.objects.iter().map(|(key, _)| key.clone()).collect(),
        false => std::mem::take(&mut cluster.unfinished).into_iter().collect(),
    };
    again.into_iter().for_each(|key| cluster.objects.touch(key));
    if switched {
        kubelet::bury(cluster, machines);
    }
    let mut seen = [0; 11];
    for _ in 0..ROUNDS {
        let before = (cluster.objects.touches(), cluster.timers());
        for (controller, seen) in seen.iter_mut().enumerate() {
            let touched = Touched(cluster.objects.touched_after(*seen));
            *seen = cluster.objects.touches();
            if touched.0.is_empty() {
                continue;
            }
            match controller {
                0 => nodes::reconcile(cluster, machines, &touched),
                1 => cke::reconcile(cluster, &touched),
                2 => garbage::reconcile(cluster, &touched),
                10 => quotas::reconcile(cluster, &touched),
                9 => autoscaler::reconcile(cluster, &touched),
                3 => statefulset::reconcile(cluster, &touched),
                4 => volumes::reconcile(cluster, &touched),
                5 => provisioner::reconcile(cluster, machines, &touched),
                6 => scheduler::reconcile(cluster, &touched),
                7 => kubelet::reconcile(cluster, machines, &touched),
                _ => status::reconcile(cluster, machines, &touched),
            }
        }
        if before == (cluster.objects.touches(), cluster.timers()) {
            break;
        }
    }
    cluster.objects.forget_touched();
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
