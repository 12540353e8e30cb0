//! The one chart that rehearsals know: `playbooks/charts/etcd`. Its defaults are read from the chart itself; its templates
//! are rendered by the code here, and a test with the real helm holds the two together.

use serde_json::{Value, json};

use crate::cluster::{Chart, Release, merge_values};

/// The defaults of the chart.
const VALUES: &str = include_str!("../../../../playbooks/charts/etcd/values.yaml");
/// The chart's own description.
const CHART: &str = include_str!("../../../../playbooks/charts/etcd/Chart.yaml");

/// The chart.
pub(super) fn chart() -> Chart {
    Chart::new(CHART, VALUES, render)
}

fn render(release: &Release<'_>) -> Vec<(String, Value)> {
    let Release { chart, name: release, namespace, values } = release;
    let name = match values["fullnameOverride"].as_str() {
        Some(name) if !name.is_empty() => name.to_owned(),
        _ => default_name(release),
    };
    let selector = json!({"app.kubernetes.io/name": "etcd", "app.kubernetes.io/instance": release});
    let mut labels = selector.clone();
    labels["app.kubernetes.io/managed-by"] = json!("Helm");
    labels["helm.sh/chart"] = json!(chart);
    let meta = |name: &str| json!({"name": name, "namespace": namespace, "labels": labels});
    let client = json!({"name": "client", "port": 2379, "targetPort": "client", "protocol": "TCP"});
    let peer = json!({"name": "peer", "port": 2380, "targetPort": "peer", "protocol": "TCP"});
    let headless = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": meta(&format!("{name}-headless")),
        "spec": {
            "clusterIP": "None", "publishNotReadyAddresses": true, "selector": selector, "ports": [client, peer],
        },
    });
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": meta(&name),
        "spec": {"type": "ClusterIP", "selector": selector, "ports": [client]},
    });
    let set = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": meta(&name),
        "spec": {
            "replicas": values["replicas"], "serviceName": format!("{name}-headless"),
            "podManagementPolicy": values["podManagementPolicy"], "updateStrategy": {"type": "RollingUpdate"},
            "selector": {"matchLabels": selector},
            "template": {"metadata": {"labels": selector}, "spec": pod(&name, namespace, &selector, values)},
            "volumeClaimTemplates": [{
                "metadata": {"name": "data"},
                "spec": {
                    "accessModes": ["ReadWriteOnce"], "storageClassName": values["persistence"]["storageClass"],
                    "resources": {"requests": {"storage": values["persistence"]["size"]}},
                },
            }],
        },
    });
    [("service-headless", headless), ("service", service), ("statefulset", set)]
        .map(|(file, object)| (format!("etcd/templates/{file}.yaml"), object))
        .to_vec()
}

/// What the chart calls the StatefulSet of a release if nobody names it.
fn default_name(release: &str) -> String {
    format!("{release}-etcd")
}

fn pod(name: &str, namespace: &str, selector: &Value, values: &Value) -> Value {
    let domain =
        format!("{name}-headless.{namespace}.svc.{}", values["clusterDomain"].as_str().unwrap_or("cluster.local"));
    let peer = |ordinal: u64| format!("{name}-{ordinal}=http://{name}-{ordinal}.{domain}:2380");
    let peers: Vec<String> = (0..values["replicas"].as_u64().unwrap_or(0)).map(peer).collect();
    let image = &values["image"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let plain = |name: &str, value: &str| json!({"name": name, "value": value});
    let mut probe = json!({"httpGet": {"path": "/health", "port": "client"}});
    merge_values(&mut probe, &values["readinessProbe"]);
    let mut container = json!({
        "name": "etcd", "image": format!("{}:{}", text(&image["repository"]), text(&image["tag"])),
        "imagePullPolicy": image["pullPolicy"], "command": ["etcd"],
        "env": [
            {"name": "ETCD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            plain("ETCD_DATA_DIR", "/var/lib/etcd"),
            plain("ETCD_INITIAL_CLUSTER", &peers.join(",")),
            plain("ETCD_INITIAL_CLUSTER_STATE", "new"),
            plain("ETCD_INITIAL_CLUSTER_TOKEN", &text(&values["clusterToken"])),
            plain("ETCD_LISTEN_PEER_URLS", "http://0.0.0.0:2380"),
            plain("ETCD_LISTEN_CLIENT_URLS", "http://0.0.0.0:2379"),
            plain("ETCD_INITIAL_ADVERTISE_PEER_URLS", &format!("http://$(ETCD_NAME).{domain}:2380")),
            plain("ETCD_ADVERTISE_CLIENT_URLS", &format!("http://$(ETCD_NAME).{domain}:2379")),
            plain("ETCDCTL_API", "3"),
        ],
        "ports": [{"name": "client", "containerPort": 2379}, {"name": "peer", "containerPort": 2380}],
        "readinessProbe": probe,
        "volumeMounts": [{"name": "data", "mountPath": "/var/lib/etcd"}],
    });
    if !is_empty(&values["resources"]) {
        container["resources"] = values["resources"].clone();
    }
    let mut spec = json!({
        "terminationGracePeriodSeconds": values["terminationGracePeriodSeconds"],
        "securityContext": values["securityContext"],
        "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
            {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": selector}},
        ]}},
        "containers": [container],
    });
    for field in ["nodeSelector", "tolerations"] {
        if !is_empty(&values[field]) {
            spec[field] = values[field].clone();
        }
    }
    spec
}

/// Whether a template's `with` would skip a value.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}
