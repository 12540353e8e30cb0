//! The StatefulSet controller: claims and pods by ordinal, in order or in parallel, highest first when scaling down. Claims
//! are given owners by the retention policy; the garbage collector deletes those whose owner is gone.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Touched, deleting, events, pod_ready, text, uid};
use crate::cluster::api::store::{self, DeleteOptions};
use crate::cluster::state::{Cluster, Key, Timer, key};

/// Brings every StatefulSet one step nearer to what it asks for.
pub(crate) fn reconcile(cluster: &mut Cluster, touched: &Touched) {
    if !touched.any(&["statefulsets", "pods", "persistentvolumeclaims", "resourcequotas", "limitranges"]) {
        return;
    }
    for key in cluster.keys("statefulsets") {
        let Some(set) = cluster.get(&key).cloned() else { continue };
        if !deleting(&set) {
            step(cluster, &key, &set);
        }
        count(cluster, &key);
    }
}

/// The pods of a StatefulSet by ordinal.
fn pods(cluster: &Cluster, set: &Value) -> Vec<(usize, Key, Arc<Value>)> {
    let prefix = format!("{}-", text(&set["metadata"]["name"]));
    let owned = |pod: &Value| pod["metadata"]["ownerReferences"][0]["uid"] == uid(set);
    let mut pods: Vec<(usize, Key, Arc<Value>)> = cluster
        .list("pods")
        .filter(|(key, pod)| key.1 == text(&set["metadata"]["namespace"]) && owned(pod))
        .filter_map(|(key, pod)| Some((key.2.strip_prefix(&prefix)?.parse().ok()?, key.clone(), pod.clone())))
        .collect();
    pods.sort_by_key(|(ordinal, ..)| *ordinal);
    pods
}

/// The number of a StatefulSet's first pod.
fn first(set: &Value) -> usize {
    usize::try_from(set["spec"]["ordinals"]["start"].as_u64().unwrap_or(0)).unwrap_or(0)
}

/// Since when a pod has been ready for as long as its StatefulSet wants; none if it has not yet.
fn available(cluster: &Cluster, set: &Value, pod: &Value) -> bool {
    let seconds = set["spec"]["minReadySeconds"].as_i64().unwrap_or(0);
    let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    let mut since = conditions.filter(|condition| condition["type"] == "Ready" && condition["status"] == "True");
    let since = since.find_map(|condition| text(&condition["lastTransitionTime"]).parse::<jiff::Timestamp>().ok());
    let now = text(&json!(cluster.stamp())).parse::<jiff::Timestamp>().ok();
    pod_ready(pod)
        && (seconds == 0 || since.zip(now).is_some_and(|(since, now)| now.as_second() - since.as_second() >= seconds))
}

fn step(cluster: &mut Cluster, key: &Key, set: &Value) {
    let replicas = usize::try_from(set["spec"]["replicas"].as_u64().unwrap_or(1)).unwrap_or(usize::MAX);
    let wanted = first(set)..first(set).saturating_add(replicas);
    let parallel = set["spec"]["podManagementPolicy"] == "Parallel";
    let present = pods(cluster, set);
    for (ordinal, pod_key, pod) in &present {
        own_claims(cluster, set, (pod_key, pod), !wanted.contains(ordinal));
    }
    for ordinal in wanted.clone() {
        match present.iter().find(|(known, ..)| *known == ordinal) {
            None => {
                create_pod(cluster, key, set, ordinal);
                if !parallel {
                    return;
                }
            }
            Some((_, _, pod)) if !parallel && (deleting(pod) || !available(cluster, set, pod)) => return,
            Some(_) => {}
        }
    }
    let surplus: Vec<&(usize, Key, Arc<Value>)> =
        present.iter().filter(|(ordinal, ..)| !wanted.contains(ordinal)).rev().collect();
    for (_, pod, object) in &surplus {
        if !deleting(object) {
            // It can only be gone already.
            let _ = store::delete(cluster, pod, &DeleteOptions::default());
        }
        if !parallel {
            return;
        }
    }
    if surplus.is_empty() && set["spec"]["updateStrategy"]["type"] != "OnDelete" {
        roll(cluster, set, &present);
    }
}

/// Sets who owns the claims of a pod, and so what they go with: the set, the pod if it is scaled away, or none. As the real
/// controller, it looks only at the claims of pods that are there.
fn own_claims(cluster: &mut Cluster, set: &Value, (pod_key, pod): (&Key, &Value), surplus: bool) {
    let deletes = |when: &str| set["spec"]["persistentVolumeClaimRetentionPolicy"][when] == "Delete";
    let owner = match (deletes("whenScaled"), deletes("whenDeleted"), surplus) {
        (true, _, true) => Some(("v1", "Pod", pod)),
        (_, true, _) => Some(("apps/v1", "StatefulSet", set)),
        _ => None,
    };
    let wanted = owner.map(|(version, kind, owner)| {
        json!({"apiVersion": version, "kind": kind, "name": owner["metadata"]["name"], "uid": uid(owner)})
    });
    for claim in set["spec"]["volumeClaimTemplates"].as_array().into_iter().flatten() {
        let name = format!("{}-{}", text(&claim["metadata"]["name"]), pod_key.2);
        let claim = key("persistentvolumeclaims", &pod_key.1, &name);
        let ownerless = cluster.get(&claim).is_none_or(|claim| claim["metadata"]["ownerReferences"].is_null());
        if ownerless && wanted.is_none() {
            continue;
        }
        cluster.edit(&claim, |claim| {
            let before = claim["metadata"]["ownerReferences"].as_array().cloned().unwrap_or_default();
            let ours = |owner: &&Value| [uid(set), uid(pod)].contains(&text(&owner["uid"]));
            let others = before.iter().filter(|owner| !ours(owner)).cloned();
            let owners: Vec<Value> = others.chain(wanted.clone()).collect();
            match claim["metadata"].as_object_mut() {
                Some(meta) if owners.is_empty() => drop(meta.shift_remove("ownerReferences")),
                Some(meta) => drop(meta.insert("ownerReferences".to_owned(), json!(owners))),
                None => {}
            }
        });
    }
}

/// Replaces one outdated pod, highest ordinal first, when all newer ones are ready.
fn roll(cluster: &mut Cluster, set: &Value, present: &[(usize, Key, Arc<Value>)]) {
    let wanted = revision(set);
    let partition = set["spec"]["updateStrategy"]["rollingUpdate"]["partition"].as_u64().unwrap_or(0);
    for (ordinal, pod, object) in present.iter().rev() {
        if (ordinal.saturating_sub(first(set)) as u64) < partition {
            return;
        }
        let current = object["metadata"]["labels"]["controller-revision-hash"] == wanted.as_str();
        if !current && !deleting(object) {
            let _ = store::delete(cluster, pod, &DeleteOptions::default());
            return;
        }
        if !available(cluster, set, object) || deleting(object) {
            return;
        }
    }
}

/// The name of the revision of a StatefulSet's template.
fn revision(set: &Value) -> String {
    let hash = crate::kernel::number(0, &set["spec"]["template"].to_string());
    format!("{}-{:010x}", text(&set["metadata"]["name"]), hash & 0xff_ffff_ffff)
}

fn create_pod(cluster: &mut Cluster, key: &Key, set: &Value, ordinal: usize) {
    let name = format!("{}-{ordinal}", key.2);
    let template = &set["spec"]["template"];
    let mut volumes = template["spec"]["volumes"].as_array().cloned().unwrap_or_default();
    for claim in set["spec"]["volumeClaimTemplates"].as_array().into_iter().flatten() {
        let label = text(&claim["metadata"]["name"]);
        let claim_name = format!("{label}-{name}");
        if cluster.get(&self::key("persistentvolumeclaims", &key.1, &claim_name)).is_none() {
            let mut object = json!({
                "apiVersion": "v1", "kind": "PersistentVolumeClaim",
                "metadata": {"name": claim_name, "labels": set["spec"]["selector"]["matchLabels"]},
                "spec": claim["spec"],
            });
            if !claim["metadata"]["annotations"].is_null() {
                object["metadata"]["annotations"] = claim["metadata"]["annotations"].clone();
            }
            let _ = store::create(cluster, &key.1, object);
        }
        volumes.retain(|volume| volume["name"] != label);
        volumes.push(json!({"name": label, "persistentVolumeClaim": {"claimName": claim_name}}));
    }
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": template["metadata"], "spec": template["spec"],
    });
    pod["metadata"]["name"] = json!(name);
    pod["metadata"]["labels"]["statefulset.kubernetes.io/pod-name"] = json!(name);
    if cluster.version().is_current() {
        pod["metadata"]["labels"]["apps.kubernetes.io/pod-index"] = json!(ordinal.to_string());
    }
    pod["metadata"]["labels"]["controller-revision-hash"] = json!(revision(set));
    pod["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "apps/v1", "kind": "StatefulSet", "name": key.2, "uid": set["metadata"]["uid"],
        "controller": true, "blockOwnerDeletion": true,
    }]);
    pod["spec"]["hostname"] = json!(name);
    pod["spec"]["subdomain"] = set["spec"]["serviceName"].clone();
    pod["spec"]["volumes"] = json!(volumes);
    if let Err(problem) = store::create(cluster, &key.1, pod) {
        let message = format!("create Pod {name} in StatefulSet {} failed error: {}", key.2, problem.message);
        events::warn(cluster, key, "FailedCreate", &message);
    }
}

/// Keeps the status counters.
fn count(cluster: &mut Cluster, key: &Key) {
    let Some(set) = cluster.get(key).cloned() else { return };
    let present = pods(cluster, &set);
    let wanted = revision(&set);
    let all = present.len();
    let ready = present.iter().filter(|(.., pod)| pod_ready(pod)).count();
    let available = present.iter().filter(|(.., pod)| available(cluster, &set, pod)).count();
    let cluster_is_current = cluster.version().is_current();
    // Nothing else happens when a pod has been ready for long enough.
    let timer = Timer::Look { key: key.clone() };
    if available < ready && !cluster.planned(&timer) {
        cluster.after(Duration::from_secs(1), timer);
    }
    let newest = |pod: &Value| pod["metadata"]["labels"]["controller-revision-hash"] == wanted.as_str();
    let updated = present.iter().filter(|(.., pod)| newest(pod) && !deleting(pod)).count();
    let replicas = set["spec"]["replicas"].as_u64().unwrap_or(1) as usize;
    cluster.edit(key, |set| {
        let old = text(&set["status"]["currentRevision"]).to_owned();
        let current =
            if old.is_empty() || (updated == all && ready == all && all == replicas) { wanted.clone() } else { old };
        let mut status = json!({
            "observedGeneration": set["metadata"]["generation"], "replicas": all, "currentRevision": current,
            "updateRevision": wanted, "collisionCount": 0,
        });
        // As in the real status, counters that are zero are left out.
        let counters = [
            ("readyReplicas", ready),
            ("availableReplicas", if cluster_is_current { available } else { 0 }),
            ("currentReplicas", if current == wanted { updated } else { all - updated }),
            ("updatedReplicas", updated),
        ];
        for (name, value) in counters.into_iter().filter(|(_, value)| *value > 0) {
            status[name] = json!(value);
        }
        set["status"] = status;
    });
}
