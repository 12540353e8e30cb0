//! The volume controllers: binding claims and volumes, protecting those in use, releasing volumes whose claim is gone.
//! Making and deleting directories is the provisioner's.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Touched, deleting, text, uid};
use crate::cluster::api::store;
use crate::cluster::state::{Cluster, Key, key};

/// The finalizer of claims.
const CLAIM_PROTECTION: &str = "kubernetes.io/pvc-protection";
/// The finalizer of volumes.
const VOLUME_PROTECTION: &str = "kubernetes.io/pv-protection";

/// Brings claims and volumes up to the present.
pub(crate) fn reconcile(cluster: &mut Cluster, touched: &Touched) {
    if !touched.any(&["persistentvolumeclaims", "persistentvolumes", "pods", "storageclasses"]) {
        return;
    }
    let (claims, volumes) = concerned(cluster, touched);
    claims.iter().for_each(|claim| protect_claim(cluster, claim));
    volumes.iter().for_each(|volume| sync_volume(cluster, volume));
    claims.iter().for_each(|claim| sync_claim(cluster, claim));
    for volume in &volumes {
        let Some(object) = cluster.get(volume) else { continue };
        if deleting(object) && object["status"]["phase"] != "Bound" {
            store::remove_finalizer(cluster, volume, VOLUME_PROTECTION);
        }
    }
}

/// The claims and volumes that what was touched matters to: themselves, those they name and that name them, the claims of
/// pods; and all that still look for each other.
fn concerned(cluster: &Cluster, touched: &Touched) -> (BTreeSet<Key>, BTreeSet<Key>) {
    let mut claims: BTreeSet<Key> = touched.of("persistentvolumeclaims").cloned().collect();
    let mut volumes: BTreeSet<Key> = touched.of("persistentvolumes").cloned().collect();
    let pods_matter = touched.of("pods").next().is_some();
    for (key, claim) in cluster.list("persistentvolumeclaims") {
        let named = self::key("persistentvolumes", "", text(&claim["spec"]["volumeName"]));
        // A deleted claim stays as long as a pod uses it.
        let waits = (pods_matter && deleting(claim)) || claim["status"]["phase"] != "Bound";
        if waits || volumes.contains(&named) {
            claims.insert(key.clone());
        }
    }
    for (key, volume) in cluster.list("persistentvolumes") {
        let reference = &volume["spec"]["claimRef"];
        let claim = self::key("persistentvolumeclaims", text(&reference["namespace"]), text(&reference["name"]));
        if claims.contains(&claim) || deleting(volume) {
            volumes.insert(key.clone());
        }
    }
    (claims, volumes)
}

/// Lets a deleted claim go when no pod uses it.
fn protect_claim(cluster: &mut Cluster, claim: &Key) {
    if !cluster.get(claim).is_some_and(|claim| deleting(claim)) {
        return;
    }
    let used = cluster.list("pods").any(|(pod, object)| {
        let claims = object["spec"]["volumes"].as_array().into_iter().flatten();
        let finished = matches!(text(&object["status"]["phase"]), "Succeeded" | "Failed");
        pod.1 == claim.1
            && !finished
            && claims.clone().any(|volume| volume["persistentVolumeClaim"]["claimName"] == claim.2.as_str())
    });
    if !used {
        store::remove_finalizer(cluster, claim, CLAIM_PROTECTION);
    }
}

/// Keeps the phase of a volume by what its claim reference says.
fn sync_volume(cluster: &mut Cluster, volume: &Key) {
    let Some(object) = cluster.get(volume) else { return };
    let reference = &object["spec"]["claimRef"];
    let wanted = text(&reference["uid"]);
    let phase = if reference.is_null() {
        "Available"
    } else {
        let claim = key("persistentvolumeclaims", text(&reference["namespace"]), text(&reference["name"]));
        match cluster.get(&claim) {
            // Kept for a claim that does not exist yet, or has not taken it yet.
            _ if wanted.is_empty() => "Available",
            Some(claim) if uid(claim) == wanted => "Bound",
            _ if text(&object["status"]["phase"]) == "Failed" => "Failed",
            _ => "Released",
        }
    };
    cluster.edit(volume, |object| {
        if text(&object["status"]["phase"]) != phase {
            object["status"] = json!({"phase": phase});
        }
    });
}

/// Binds a claim that is not bound: to the volume it names, or to one that is kept for it. Volumes for claims that wait
/// for their first pod are chosen with the pod's node.
fn sync_claim(cluster: &mut Cluster, claim: &Key) {
    let Some(object) = cluster.get(claim).cloned() else { return };
    if deleting(&object) && object["status"]["phase"] == "Pending" {
        return;
    }
    let named = text(&object["spec"]["volumeName"]).to_owned();
    let own = uid(&object);
    let ours = |volume: &Value| {
        let reference = &volume["spec"]["claimRef"];
        text(&reference["namespace"]) == claim.1
            && text(&reference["name"]) == claim.2
            && (text(&reference["uid"]).is_empty() || text(&reference["uid"]) == own)
    };
    if object["status"]["phase"] == "Bound" {
        let lost = !cluster.get(&key("persistentvolumes", "", &named)).is_some_and(|volume| ours(volume));
        if lost {
            cluster.edit(claim, |claim| claim["status"] = json!({"phase": "Lost"}));
        }
        return;
    }
    if object["status"]["phase"] == "Lost" {
        return;
    }
    let candidate = if named.is_empty() {
        let reserved = cluster.list("persistentvolumes").find(|(_, volume)| ours(volume) && fits(volume, &object));
        reserved.or_else(|| {
            let now = !waits_for_pod(cluster, &object);
            cluster.list("persistentvolumes").find(|(_, volume)| now && is_free(volume) && fits(volume, &object))
        })
    } else {
        let there = cluster.list("persistentvolumes").find(|(key, _)| key.2 == named);
        there.filter(|(_, volume)| ours(volume) || is_free(volume))
    };
    if let Some(volume) = candidate.map(|(key, _)| key.clone()) {
        bind(cluster, claim, &volume);
    }
}

/// Whether nobody has claimed a volume.
pub(crate) fn is_free(volume: &Value) -> bool {
    volume["spec"]["claimRef"].is_null() && text(&volume["status"]["phase"]) == "Available" && !deleting(volume)
}

/// Whether a volume is of the class, size and access modes that a claim asks for.
pub(crate) fn fits(volume: &Value, claim: &Value) -> bool {
    let modes = |object: &Value| object["spec"]["accessModes"].as_array().cloned().unwrap_or_default();
    let offered = modes(volume);
    text(&volume["spec"]["storageClassName"]) == text(&claim["spec"]["storageClassName"])
        && modes(claim).iter().all(|mode| offered.contains(mode))
        && bytes(&volume["spec"]["capacity"]["storage"]) >= bytes(&claim["spec"]["resources"]["requests"]["storage"])
}

/// Whether a claim's class binds with the first pod only.
pub(crate) fn waits_for_pod(cluster: &Cluster, claim: &Value) -> bool {
    let class = key("storageclasses", "", text(&claim["spec"]["storageClassName"]));
    cluster.get(&class).is_some_and(|class| class["volumeBindingMode"] == "WaitForFirstConsumer")
}

/// Binds a claim and a volume to each other.
pub(crate) fn bind(cluster: &mut Cluster, claim: &Key, volume: &Key) {
    let Some(object) = cluster.get(claim).cloned() else { return };
    cluster.edit(volume, |volume| {
        volume["spec"]["claimRef"] = json!({
            "kind": "PersistentVolumeClaim", "apiVersion": "v1", "namespace": claim.1, "name": claim.2,
            "uid": object["metadata"]["uid"], "resourceVersion": object["metadata"]["resourceVersion"],
        });
        volume["status"] = json!({"phase": "Bound"});
    });
    let bound = cluster.get(volume).map(|volume| volume["spec"].clone()).unwrap_or_default();
    cluster.edit(claim, |claim| {
        claim["spec"]["volumeName"] = json!(volume.2);
        claim["metadata"]["annotations"]["pv.kubernetes.io/bind-completed"] = json!("yes");
        claim["status"] = json!({"phase": "Bound", "accessModes": bound["accessModes"], "capacity": bound["capacity"]});
    });
}

/// The bytes of a quantity such as `20Gi`; 0 if there is none.
fn bytes(quantity: &Value) -> u128 {
    let quantity = text(quantity);
    let digits = quantity.find(|c: char| !c.is_ascii_digit()).unwrap_or(quantity.len());
    let number: u128 = quantity[..digits].parse().unwrap_or(0);
    let factor: u128 = match &quantity[digits..] {
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        "Ti" => 1 << 40,
        "k" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "T" => 1_000_000_000_000,
        _ => 1,
    };
    number * factor
}
