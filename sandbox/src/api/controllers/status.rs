//! Readiness: keeps what pods report of themselves, and lets the etcd members meet and write their data through.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{Machines, Touched, deleting, kubelet, text, uid};
use crate::api::cluster::{Cluster, Key, key};
use crate::etcd::Crash;

/// Lets members meet, writes their data, and keeps the readiness of all pods.
pub(crate) fn reconcile(cluster: &mut Cluster, machines: &mut Machines, touched: &Touched) {
    let mut pods: BTreeSet<Key> = touched.of("pods").cloned().collect();
    if cluster.groups.values().any(|group| group.stirred) {
        let (crashes, changed) = meet(cluster, machines);
        for crash in crashes {
            kubelet::crash(cluster, machines, &crash.uid, &crash.message);
        }
        pods.extend(changed);
    }
    let stamp = cluster.stamp();
    for key in pods {
        let Some(pod) = cluster.get(&key) else { continue };
        let id = uid(pod).to_owned();
        let machine = machines.named(&cluster.site, text(&pod["spec"]["nodeName"]));
        let up = machine.is_some_and(|machine| machine.up);
        let Some(process) = cluster.processes.get(&id) else {
            cluster.edit(&key, |pod| set_ready(pod, false, &stamp));
            continue;
        };
        let group = cluster.groups.values().find(|group| group.members.contains_key(&id));
        let probed = !pod["spec"]["containers"][0]["readinessProbe"].is_null();
        let serves = group.is_none_or(|group| !probed || group.serves(&id));
        let ready = up && process.warm && serves && !deleting(pod);
        let host = machine.map(|machine| machine.address.clone()).unwrap_or_default();
        let number = crate::sim::number(cluster.seed, &format!("{}/ip/{id}", cluster.site));
        cluster.edit(&key, |pod| {
            pod["status"]["hostIP"] = json!(host);
            pod["status"]["podIP"] = json!(format!("10.244.{}.{}", number >> 8 & 0xff, (number & 0x7f) + 2));
            set_ready(pod, ready, &stamp);
        });
    }
}

fn set_ready(pod: &mut Value, ready: bool, stamp: &str) {
    if let Some(status) = pod["status"]["containerStatuses"].get_mut(0) {
        status["ready"] = json!(ready);
    }
    let (word, reason) = if ready { ("True", Value::Null) } else { ("False", json!("ContainersNotReady")) };
    for condition in pod["status"]["conditions"].as_array_mut().into_iter().flatten() {
        if matches!(text(&condition["type"]), "Ready" | "ContainersReady") && condition["status"] != word {
            condition["status"] = json!(word);
            condition["lastTransitionTime"] = json!(stamp);
            match (&reason, condition.as_object_mut()) {
                (Value::Null, Some(fields)) => drop(fields.shift_remove("reason")),
                (reason, _) => condition["reason"] = reason.clone(),
            }
        }
    }
}

/// Lets the members of every etcd cluster on running machines meet. Gives those that cannot go on, and the pods of a cluster
/// that has another leader than before, or none any more: they serve from now on, or no longer.
fn meet(cluster: &mut Cluster, machines: &mut Machines) -> (Vec<Crash>, Vec<Key>) {
    let now = cluster.now_ns();
    let (mut crashes, mut changed) = (Vec::new(), Vec::new());
    for (name, group) in Arc::make_mut(&mut cluster.groups).iter_mut().filter(|(_, group)| group.stirred) {
        group.stirred = false;
        let down = |node: &str| !machines.named(&cluster.site, node).is_some_and(|machine| machine.up);
        group.members.retain(|_, member| !down(&member.node));
        let before = group.leader.clone();
        crashes.extend(group.meet());
        if group.leader != before {
            let namespace = name.split('/').next().unwrap_or_default();
            changed.extend(group.members.values().map(|member| key("pods", namespace, &member.pod)));
        }
        for (uid, member) in group.members.iter_mut().filter(|(_, member)| member.dirty) {
            member.dirty = false;
            let Some(machine) = machines.named_mut(&cluster.site, &member.node) else { continue };
            if let Err(message) = member.volume.write(machine, &member.data, now) {
                crashes.push(Crash { uid: uid.clone(), message });
            }
        }
    }
    (crashes, changed)
}
