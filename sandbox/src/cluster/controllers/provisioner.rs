//! The hostpath provisioner: makes a directory and a volume for a claim on the node its pod was given, and deletes both
//! with the claim if the volume's reclaim policy says so. It does what it says: a mounted disk is emptied, too.

use serde_json::{Value, json};

use super::{Machines, Touched, deleting, events, text, uid};
use crate::cluster::api::store::{self, DeleteOptions};
use crate::cluster::state::{Cluster, Key, key};

/// The provisioner's name, as storage classes and volumes carry it.
pub(crate) const PROVISIONER: &str = "kubevirt.io/hostpath-provisioner";
/// The annotation by which the scheduler tells the node.
pub(crate) const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";

/// Provisions for claims that have a node, and reclaims released volumes.
pub(crate) fn reconcile(cluster: &mut Cluster, machines: &mut Machines, touched: &Touched) {
    if touched.any(&["storageclasses"]) {
        cluster.keys("persistentvolumeclaims").iter().for_each(|claim| provision(cluster, machines, claim));
    }
    touched.of("persistentvolumeclaims").for_each(|claim| provision(cluster, machines, claim));
    touched.of("persistentvolumes").for_each(|volume| reclaim(cluster, machines, volume));
}

fn provision(cluster: &mut Cluster, machines: &mut Machines, claim: &Key) {
    let Some(object) = cluster.get(claim).cloned() else { return };
    let node = text(&object["metadata"]["annotations"][SELECTED_NODE]).to_owned();
    let pending = object["status"]["phase"] == "Pending" && text(&object["spec"]["volumeName"]).is_empty();
    let class = key("storageclasses", "", text(&object["spec"]["storageClassName"]));
    let Some(class) = cluster.get(&class).cloned() else { return };
    if node.is_empty() || !pending || deleting(&object) || class["provisioner"] != PROVISIONER {
        return;
    }
    let name = format!("pvc-{}", uid(&object));
    if cluster.get(&key("persistentvolumes", "", &name)).is_some() {
        return;
    }
    let path = format!("{}/{name}", cluster.spec.workload.hostpath);
    let now = cluster.now_ns();
    let Some(machine) = machines.named_mut(&cluster.site, &node).filter(|machine| machine.up) else {
        return;
    };
    if let Err(errno) = machine.mkdir_p(&path, 0o777, now) {
        cluster.unfinished.insert(claim.clone());
        return events::warn(cluster, claim, "ProvisioningFailed", &format!("mkdir {path}: {errno}"));
    }
    let volume = json!({
        "apiVersion": "v1", "kind": "PersistentVolume",
        "metadata": {"name": name, "annotations": {
            "pv.kubernetes.io/provisioned-by": PROVISIONER,
            "hostPathProvisionerIdentity": format!("{PROVISIONER}-{node}"),
            "kubevirt.io/provisionOnNode": node,
        }},
        "spec": {
            "capacity": {"storage": object["spec"]["resources"]["requests"]["storage"]},
            "accessModes": object["spec"]["accessModes"],
            "claimRef": {
                "kind": "PersistentVolumeClaim", "apiVersion": "v1", "namespace": claim.1, "name": claim.2,
                "uid": object["metadata"]["uid"], "resourceVersion": object["metadata"]["resourceVersion"],
            },
            "hostPath": {"path": path, "type": ""},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [
                {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]},
            ]}]}},
            "persistentVolumeReclaimPolicy": class["reclaimPolicy"],
            "storageClassName": class["metadata"]["name"],
        },
    });
    if store::create(cluster, "", volume).is_ok() {
        super::volumes::bind(cluster, claim, &key("persistentvolumes", "", &name));
    }
}

fn reclaim(cluster: &mut Cluster, machines: &mut Machines, volume: &Key) {
    let Some(object) = cluster.get(volume) else { return };
    let due = object["status"]["phase"] == "Released" && object["spec"]["persistentVolumeReclaimPolicy"] == "Delete";
    if !due || deleting(object) {
        return;
    }
    let annotations = &object["metadata"]["annotations"];
    if annotations["pv.kubernetes.io/provisioned-by"] != PROVISIONER {
        let message = "error getting deleter volume plugin for volume: no deletable volume plugin matched";
        cluster.edit(volume, |volume| volume["status"] = json!({"phase": "Failed", "message": message}));
        return events::warn(cluster, volume, "VolumeFailedDelete", message);
    }
    let node = node_of(object).unwrap_or_default().to_owned();
    let path = text(&object["spec"]["hostPath"]["path"]).to_owned();
    let now = cluster.now_ns();
    let Some(machine) = machines.named_mut(&cluster.site, &node).filter(|machine| machine.up) else { return };
    if machine.exists(&path)
        && let Err(errno) = machine.remove_tree(&path, now)
    {
        let message = format!("unlinkat {path}: {}", errno.to_string().to_lowercase());
        cluster.edit(volume, |volume| volume["status"] = json!({"phase": "Failed", "message": message}));
        return events::warn(cluster, volume, "VolumeFailedDelete", &message);
    }
    // It can only be gone already.
    let _ = store::delete(cluster, volume, &DeleteOptions::default());
}

/// The node that a volume is tied to.
pub(crate) fn node_of(volume: &Value) -> Option<&str> {
    volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"][0]["matchExpressions"][0]["values"][0].as_str()
}
