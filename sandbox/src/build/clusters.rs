//! The clusters of the world: nodes, a storage class, and on the active site the workload with years of data in it.

use std::sync::Arc;
use std::time::Duration;

use cutover_engine::inventory::Site;
use serde_json::{Value, json};

use super::dataset;
use crate::api::{self, Cluster, Problem, create};
use crate::helm::{Chart, Record, default_name, install, manifest_text};
use crate::sim::{Sim, State};

/// How old everything is when the world begins.
const AGE: Duration = Duration::from_secs(400 * 24 * 3600);
/// The label that a production release does not ask for before it is tied to the DRBD nodes.
const TENANT_LABEL: &str = "cnp.inspurcloud.cn/etcd-tenant";

/// Puts a cluster for every site into the world. Needs the machines.
///
/// # Errors
/// Says what of the workload cannot be.
pub(crate) fn clusters(sim: &Sim) -> Result<(), String> {
    for site in sim.inventory.sites.values() {
        let mut cluster = Cluster::new(&site.name, Arc::clone(&sim.spec), sim.seed, sim.starts - AGE);
        base(sim, site, &mut cluster).map_err(|problem| format!("{}: {}", site.name, problem.message))?;
        let active = site.name == sim.inventory.roles.active;
        let mut state = sim.state();
        if active {
            workload(sim, site, &mut cluster, &mut state)?;
        }
        // Everything that takes time has happened long ago.
        let spec = std::mem::replace(&mut cluster.spec, Arc::new(instant(&sim.spec)));
        state.clusters.insert(site.name.clone(), cluster);
        api::settle(&mut state, Duration::ZERO);
        if let Some(cluster) = state.clusters.get_mut(&site.name) {
            cluster.spec = spec;
            cluster.starts = sim.starts;
        }
    }
    Ok(())
}

fn instant(spec: &crate::spec::WorldSpec) -> crate::spec::WorldSpec {
    let mut spec = spec.clone();
    spec.pod_start.0 = Duration::ZERO;
    spec.pod_ready.0 = Duration::ZERO;
    spec.pod_stop.0 = Duration::ZERO;
    spec
}

fn base(sim: &Sim, site: &Site, cluster: &mut Cluster) -> Result<(), Problem> {
    let workload = &sim.spec.workload;
    for name in ["default", "kube-public", "kube-system", &workload.namespace] {
        create(cluster, "", json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}))?;
    }
    if let Some(uid) = &site.kubernetes.uid {
        cluster.edit(&api::key("namespaces", "", "kube-system"), |object| object["metadata"]["uid"] = json!(uid));
    }
    let class = json!({
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "hostpath"},
        "provisioner": api::PROVISIONER, "reclaimPolicy": "Delete", "volumeBindingMode": "WaitForFirstConsumer",
    });
    create(cluster, "", class)?;
    for node in site.nodes.values() {
        let labels = json!({
            "kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux", "kubernetes.io/hostname": node.name,
            "node-role.kubernetes.io/node": "true", "cnp.inspurcloud.cn/control-plane": "true",
        });
        let object = json!({
            "apiVersion": "v1", "kind": "Node", "metadata": {"name": node.name, "labels": labels},
            "status": {
                "addresses": [
                    {"type": "InternalIP", "address": node.address}, {"type": "Hostname", "address": node.hostname},
                ],
                "capacity": {"cpu": "16", "memory": "65536Mi", "pods": "110"},
                "nodeInfo": {
                    "kubeletVersion": "v1.20.2", "operatingSystem": "linux", "architecture": "amd64",
                    "osImage": "Ubuntu 18.04.6 LTS", "containerRuntimeVersion": "docker://19.3.15",
                },
            },
        });
        create(cluster, "", object)?;
        let owner = json!({
            "apiVersion": "cie.inspur.com/v1alpha1", "kind": "CkeNode",
            "metadata": {"name": node.name, "labels": labels}, "spec": {"address": node.address},
        });
        create(cluster, "kube-system", owner)?;
        Arc::make_mut(&mut cluster.synced).insert(node.name.clone(), labels);
    }
    Ok(())
}

/// Installs the release as it has been running: on nodes that were not planned for it, on volumes with the reclaim policy
/// `Delete`.
fn workload(sim: &Sim, site: &Site, cluster: &mut Cluster, state: &mut State) -> Result<(), String> {
    let wanted = &sim.spec.workload;
    let record = release(sim, cluster)?;
    let set = record.objects().into_iter().find(|object| object["kind"] == "StatefulSet").unwrap_or_default();
    let name = set["metadata"]["name"].as_str().unwrap_or_default();
    if wanted.claim != "data" {
        return Err(format!("`workload.claim: {}`: the chart's volume claim template is called data", wanted.claim));
    }
    let planned = |node: &String| {
        let members = sim.inventory.pairs.iter().filter_map(|pair| pair.members.get(&site.name));
        members.clone().any(|member| member.node == *node)
    };
    let mut nodes = wanted.nodes.clone();
    if nodes.is_empty() {
        let (taken, free): (Vec<String>, Vec<String>) = site.nodes.keys().cloned().partition(planned);
        nodes = [free, taken].concat();
    }
    if nodes.len() < wanted.replicas {
        return Err(format!("`workload.replicas: {}`: {} has only {} nodes", wanted.replicas, site.name, nodes.len()));
    }
    let env = set["spec"]["template"]["spec"]["containers"][0]["env"].clone();
    for (ordinal, node) in nodes.iter().take(wanted.replicas).enumerate() {
        let pod = format!("{name}-{ordinal}");
        let path = volume(sim, cluster, &set, &pod, node).map_err(|problem| problem.message)?;
        let machine =
            state.machines.named_mut(&site.name, node).ok_or_else(|| format!("{}: no node {node}", site.name))?;
        let config = dataset::config(&env, &pod);
        dataset::write(machine, &path, &sim.spec, &config, (sim.starts - AGE).as_nanosecond())
            .map_err(|errno| format!("{}/{node}: {path}: {errno}", site.name))?;
    }
    install(cluster, record, "Install complete").map(drop).map_err(|problem| problem.message)
}

fn release(sim: &Sim, cluster: &Cluster) -> Result<Record, String> {
    let wanted = &sim.spec.workload;
    let mut chart = Chart::find("etcd").ok_or("the chart etcd is missing")?;
    // The production release is older than the plan: its chart does not know the planned nodes.
    chart.metadata["version"] = json!("1.0.0");
    if let Some(labels) = chart.values["nodeSelector"].as_object_mut() {
        labels.shift_remove(TENANT_LABEL);
    }
    let mut config = json!({
        "replicas": wanted.replicas, "securityContext": {"runAsUser": wanted.uid, "runAsGroup": wanted.gid},
    });
    if wanted.statefulset != default_name(&wanted.release) {
        config["fullnameOverride"] = json!(wanted.statefulset);
    }
    let mut record = Record {
        name: wanted.release.clone(),
        info: json!({"first_deployed": cluster.stamp(), "last_deployed": cluster.stamp(), "deleted": ""}),
        chart: json!({"metadata": chart.metadata, "values": chart.values}),
        config,
        manifest: String::new(),
        version: 1,
        namespace: wanted.namespace.clone(),
    };
    record.manifest = manifest_text(&chart.render(&wanted.release, &wanted.namespace, &record.computed()));
    Ok(record)
}

/// Makes a claim and its volume on a node, as the provisioner did when the pod was there for the first time.
fn volume(sim: &Sim, cluster: &mut Cluster, set: &Value, pod: &str, node: &str) -> Result<String, Problem> {
    let wanted = &sim.spec.workload;
    let template = &set["spec"]["volumeClaimTemplates"][0];
    let claim = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": format!("{}-{pod}", wanted.claim), "labels": set["spec"]["selector"]["matchLabels"],
            "annotations": {api::SELECTED_NODE: node},
        },
        "spec": template["spec"],
    });
    let claim = create(cluster, &wanted.namespace, claim)?;
    let uid = claim["metadata"]["uid"].as_str().unwrap_or_default();
    Ok(format!("{}/pvc-{uid}", wanted.hostpath))
}
