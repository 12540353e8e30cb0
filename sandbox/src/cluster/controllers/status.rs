//! Readiness: keeps what pods report of themselves, and lets the processes of services meet and write their data through.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::container::main_container;
use super::{Machines, Touched, deleting, kubelet, text, uid};
use crate::cluster::running::Settled;
use crate::cluster::state::{Cluster, Key, key};

/// Lets what runs of services settle, and keeps the readiness of all pods.
pub(crate) fn reconcile(cluster: &mut Cluster, machines: &mut Machines, touched: &Touched) {
    let mut pods: BTreeSet<Key> = touched.of("pods").cloned().collect();
    if cluster.services.iter().any(|service| service.is_stirred()) {
        let now = cluster.now_ns();
        let services = Arc::make_mut(&mut cluster.services).iter_mut().filter(|service| service.is_stirred());
        let settled: Vec<Settled> = services.map(|service| service.settle(&cluster.site, machines, now)).collect();
        for Settled { crashes, changed } in settled {
            for crash in crashes {
                kubelet::crash(cluster, machines, &crash.uid, &crash.message);
            }
            pods.extend(changed.into_iter().map(|(namespace, pod)| key("pods", &namespace, &pod)));
        }
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
        let service = cluster.services.iter().find(|service| service.has(&id));
        let main = main_container(cluster, &key, pod);
        let probed = !pod["spec"]["containers"][main]["readinessProbe"].is_null();
        let serves = service.is_none_or(|service| !probed || service.serves(&id));
        let ready = up && process.warm && serves && !deleting(pod);
        let beside = up && process.warm;
        let host = machine.map(|machine| machine.address.clone()).unwrap_or_default();
        let number = crate::kernel::number(cluster.seed, &format!("{}/ip/{id}", cluster.site));
        cluster.edit(&key, |pod| {
            pod["status"]["hostIP"] = json!(host);
            pod["status"]["podIP"] = json!(format!("10.244.{}.{}", number >> 8 & 0xff, (number & 0x7f) + 2));
            set_ready(pod, ready, &stamp);
            for (index, status) in pod["status"]["containerStatuses"].as_array_mut().into_iter().flatten().enumerate() {
                status["ready"] = json!(if index == main { ready } else { beside });
            }
        });
    }
}

fn set_ready(pod: &mut Value, ready: bool, stamp: &str) {
    for status in pod["status"]["containerStatuses"].as_array_mut().into_iter().flatten() {
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
