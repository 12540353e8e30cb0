//! The clusters of the world: nodes, a storage class, and on the active site the workload with years of data in it.

use std::sync::Arc;
use std::time::Duration;

use cutover_engine::inventory::Site;
use serde_json::{Value, json};

use crate::cluster::api::{Problem, create};
use crate::cluster::controllers;
use crate::cluster::helm::{Record, install, manifest_text};
use crate::cluster::{self, Chart, Cluster, Clusters, Service};
use crate::kernel::{Kernel, WorldSpec};
use crate::machine::Machines;

/// How old everything is when the world begins.
const AGE: Duration = Duration::from_secs(400 * 24 * 3600);
/// The label that a production release does not ask for before it is tied to the DRBD nodes.
const TENANT_LABEL: &str = "cnp.inspurcloud.cn/etcd-tenant";

/// Puts a cluster for every site into the world. Needs the machines.
///
/// # Errors
/// Says what of the workload cannot be.
pub(crate) fn clusters(clusters: &Clusters, services: &[&dyn Service]) -> Result<(), String> {
    let kernel = &clusters.hosts.kernel;
    for site in kernel.inventory.sites.values() {
        let running = services.iter().map(|service| service.running()).collect();
        let begins = kernel.clock.starts - AGE;
        let mut cluster = Cluster::new(&site.name, Arc::clone(&kernel.spec), kernel.seed, begins, running);
        // What was there before was not made by the user of the run.
        let rights = cluster.rights.take();
        base(kernel, site, &mut cluster).map_err(|problem| format!("{}: {}", site.name, problem.message))?;
        if site.name == kernel.inventory.roles.active {
            workload(kernel, site, &mut cluster, &mut clusters.hosts.machines(), services)?;
        }
        // Everything that takes time has happened long ago.
        let spec = std::mem::replace(&mut cluster.spec, Arc::new(instant(&kernel.spec)));
        controllers::settle(&mut cluster, &mut clusters.hosts.machines(), Duration::ZERO);
        (cluster.spec, cluster.starts, cluster.rights) = (spec, kernel.clock.starts, rights);
        clusters.by_site().insert(site.name.clone(), cluster);
    }
    Ok(())
}

fn instant(spec: &WorldSpec) -> WorldSpec {
    let mut spec = spec.clone();
    spec.pod_start.0 = Duration::ZERO;
    spec.pod_ready.0 = Duration::ZERO;
    spec.pod_stop.0 = Duration::ZERO;
    spec
}

fn base(kernel: &Kernel, site: &Site, cluster: &mut Cluster) -> Result<(), Problem> {
    let workload = &kernel.spec.workload;
    for name in ["default", "kube-public", "kube-system", &workload.namespace] {
        create(cluster, "", json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}))?;
    }
    if let Some(uid) = &site.kubernetes.uid {
        cluster.edit(&cluster::key("namespaces", "", "kube-system"), |object| object["metadata"]["uid"] = json!(uid));
    }
    let class = json!({
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "hostpath"},
        "provisioner": cluster::PROVISIONER, "reclaimPolicy": "Delete", "volumeBindingMode": "WaitForFirstConsumer",
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
                    "kubeletVersion": cluster.version().git(), "operatingSystem": "linux", "architecture": "amd64",
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
fn workload(
    kernel: &Kernel,
    site: &Site,
    cluster: &mut Cluster,
    machines: &mut Machines,
    services: &[&dyn Service],
) -> Result<(), String> {
    let wanted = &kernel.spec.workload;
    let service = services.iter().find(|service| service.chart().name() == wanted.chart).ok_or_else(|| {
        let known: Vec<String> = services.iter().map(|service| service.chart().name().to_owned()).collect();
        format!("`workload.chart: {}`: the charts are {}", wanted.chart, known.join(", "))
    })?;
    let record = release(kernel, service.chart(), cluster);
    let set = record.objects().into_iter().find(|object| object["kind"] == "StatefulSet").unwrap_or_default();
    let name = set["metadata"]["name"].as_str().unwrap_or_default();
    let template = set["spec"]["volumeClaimTemplates"][0]["metadata"]["name"].as_str().unwrap_or_default();
    if wanted.claim != template {
        return Err(format!(
            "`workload.claim: {}`: the chart's volume claim template is called {template}",
            wanted.claim
        ));
    }
    let planned = |node: &String| {
        let members = kernel.inventory.pairs.iter().filter_map(|pair| pair.members.get(&site.name));
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
    for (ordinal, node) in nodes.iter().take(wanted.replicas).enumerate() {
        let pod = format!("{name}-{ordinal}");
        let path = volume(kernel, cluster, &set, &pod, node).map_err(|problem| problem.message)?;
        let machine = machines.named_mut(&site.name, node).ok_or_else(|| format!("{}: no node {node}", site.name))?;
        let then = (kernel.clock.starts - AGE).as_nanosecond();
        service
            .furnish(machine, &path, (&set, &pod), &kernel.spec, then)
            .map_err(|errno| format!("{}/{node}: {path}: {errno}", site.name))?;
    }
    install(cluster, record, "Install complete").map(drop).map_err(|problem| problem.message)
}

fn release(kernel: &Kernel, mut chart: Chart, cluster: &Cluster) -> Record {
    let wanted = &kernel.spec.workload;
    // The production release is older than the plan: its chart does not know the planned nodes.
    chart.metadata["version"] = json!("1.0.0");
    if let Some(labels) = chart.values["nodeSelector"].as_object_mut() {
        labels.shift_remove(TENANT_LABEL);
    }
    let mut config = json!({
        "replicas": wanted.replicas, "securityContext": {"runAsUser": wanted.uid, "runAsGroup": wanted.gid},
    });
    let rendered = chart.render(&wanted.release, &wanted.namespace, &chart.values);
    if !rendered.iter().any(|(_, object)| object["metadata"]["name"] == wanted.statefulset) {
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
    record
}

/// Makes a claim and its volume on a node, as the provisioner did when the pod was there for the first time.
fn volume(kernel: &Kernel, cluster: &mut Cluster, set: &Value, pod: &str, node: &str) -> Result<String, Problem> {
    let wanted = &kernel.spec.workload;
    let template = &set["spec"]["volumeClaimTemplates"][0];
    let claim = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": format!("{}-{pod}", wanted.claim), "labels": set["spec"]["selector"]["matchLabels"],
            "annotations": {cluster::SELECTED_NODE: node},
        },
        "spec": template["spec"],
    });
    let claim = create(cluster, &wanted.namespace, claim)?;
    let uid = claim["metadata"]["uid"].as_str().unwrap_or_default();
    Ok(format!("{}/pvc-{uid}", wanted.hostpath))
}
