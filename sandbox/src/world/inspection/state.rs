//! A world as a playbook's invariants know it: plain data with the names of the field.

use serde_json::{Map, Value, json};

use crate::Sandbox;
use crate::machine::Machine;

/// The sites, each with its nodes and the objects of its API server: `sites.primary.nodes.worker01.mounts`,
/// `sites.primary.statefulsets["common/etcd"].spec.replicas`.
pub(super) fn of(world: &Sandbox) -> Value {
    let mut sites: Map<String, Value> = Map::new();
    for machine in world.clusters.hosts.machines().values() {
        let site = sites.entry(machine.site.clone()).or_insert_with(|| json!({"nodes": {}}));
        site["nodes"][machine.node.as_str()] = node(machine);
    }
    for cluster in world.clusters.by_site().values() {
        let site = sites.entry(cluster.site.clone()).or_insert_with(|| json!({"nodes": {}}));
        site["answers"] = cluster.answers.into();
        for ((plural, namespace, name), object) in cluster.objects.iter() {
            // Nodes of the API server are `k8s_nodes`: those of the inventory are machines.
            let plural = if *plural == "nodes" { "k8s_nodes" } else { plural };
            let name = if namespace.is_empty() { name.clone() } else { format!("{namespace}/{name}") };
            site[plural][name.as_str()] = Value::clone(object);
        }
    }
    json!({ "sites": sites })
}

fn node(machine: &Machine) -> Value {
    let mounts = machine
        .mounts
        .iter()
        .map(|mount| json!({"source": mount.source, "target": mount.target, "options": mount.options}));
    let resources = machine.drbd.values().map(|resource| {
        let role = if resource.primary { "Primary" } else { "Secondary" };
        let state = json!({
            "role": role,
            "disk": resource.disk_state.to_string(),
            "connection": resource.connection.to_string(),
            "replication": resource.replication.to_string(),
        });
        (resource.name.clone(), state)
    });
    json!({
        "up": machine.up,
        "mounts": mounts.collect::<Vec<Value>>(),
        "drbd": resources.collect::<Map<String, Value>>(),
        "enabled_units": machine.enabled_units,
    })
}
