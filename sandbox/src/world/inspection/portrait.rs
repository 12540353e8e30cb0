//! A world as lines that can be compared with those of another moment: what is the same has the same lines, whenever and in whichever
//! order it came about.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{Inspector, filesystems};
use crate::Sandbox;

/// Kinds of objects that tell of what happened, not of what is.
const HISTORY: &[&str] = &["events", "leases", "controllerrevisions"];
/// Fields of objects that depend on when and how often something was done.
const PASSING: &[&str] = &[
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "deletionTimestamp",
    "generation",
    "observedGeneration",
    "managedFields",
    "startTime",
    "startedAt",
    "finishedAt",
    "lastTransitionTime",
    "lastProbeTime",
    "lastState",
    "restartCount",
    "currentRevision",
    "updateRevision",
];

/// A world at a moment: what each thing in it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Portrait(pub BTreeMap<String, String>);

impl Portrait {
    /// What another portrait shows otherwise, a line for each thing.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        for (name, was) in &self.0 {
            match other.0.get(name) {
                Some(is) if is == was => {}
                Some(is) => match (serde_json::from_str(was), serde_json::from_str(is)) {
                    (Ok(was), Ok(is)) => fields(name, &was, &is, &mut lines),
                    _ => lines.push(format!("{name}: was {was}, is {is}")),
                },
                None if was.starts_with('{') => lines.push(format!("{name}: is gone")),
                None => lines.push(format!("{name}: is gone; was {was}")),
            }
        }
        let new = other.0.iter().filter(|(name, _)| !self.0.contains_key(*name));
        lines.extend(new.map(|(name, is)| match is.starts_with('{') {
            true => format!("{name}: is new"),
            false => format!("{name}: is new: {is}"),
        }));
        lines
    }
}

/// The fields in which two objects differ.
fn fields(name: &str, was: &Value, is: &Value, lines: &mut Vec<String>) {
    match (was, is) {
        _ if was == is => {}
        (Value::Object(before), Value::Object(after)) => {
            let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
            for field in names {
                let (before, after) =
                    (before.get(field).unwrap_or(&Value::Null), after.get(field).unwrap_or(&Value::Null));
                fields(&format!("{name} {field}"), before, after, lines);
            }
        }
        _ => lines.push(format!("{name}: was {was}, is {is}")),
    }
}

pub(super) fn of(inspector: &mut Inspector, world: &Sandbox) -> Portrait {
    let mut lines = BTreeMap::new();
    let starts = world.kernel().clock.starts.as_nanosecond();
    let machines = world.clusters.hosts.machines().clone();
    for machine in machines.values() {
        let node = format!("{}/{}", machine.site, machine.node);
        let mut put = |what: String, is: String| drop(lines.insert(format!("{node} {what}"), is));
        put("power".to_owned(), if machine.up { "on" } else { "off" }.to_owned());
        for mount in machine.mounts.iter().skip(1) {
            put(format!("mount {}", mount.target), format!("{} ({})", mount.source, mount.options));
        }
        for mount in machine.fstab.iter().skip(1) {
            put(format!("fstab {}", mount.target), mount.source.clone());
        }
        for unit in &machine.enabled_units {
            put(format!("unit {unit}"), "enabled".to_owned());
        }
        for resource in machine.drbd.values() {
            let role = if resource.primary { "Primary" } else { "Secondary" };
            let (disk, connection, replication) = (resource.disk_state, resource.connection, resource.replication);
            put(format!("DRBD {}", resource.name), format!("{role}, {disk}, {connection}, {replication}"));
        }
        for (path, by) in &machine.holders {
            put(format!("open {path}"), by.clone());
        }
        for (device, disk) in &machine.disks {
            let metadata = if disk.metadata.is_some() { ", DRBD metadata" } else { "" };
            put(format!("disk {device}"), format!("{}{metadata}", disk.content.kind()));
        }
        for (device, filesystem) in filesystems(machine) {
            for (path, line) in &inspector.scan(filesystem, starts).lines {
                put(format!("{device}:{path}"), line.clone());
            }
        }
    }
    for cluster in world.clusters.by_site().values() {
        for ((plural, namespace, name), object) in cluster.objects.iter() {
            if !HISTORY.contains(plural) {
                let name = if namespace.is_empty() { name.clone() } else { format!("{namespace}/{name}") };
                lines.insert(format!("{} {plural} {name}", cluster.site), lasting(plural, object).to_string());
            }
        }
        lines.insert(format!("{} API server", cluster.site), cluster.answers.to_string());
    }
    let roles = &world.kernel().inventory.roles_file;
    if let Some(text) = world.controllers_file(&roles.display().to_string()) {
        lines.insert("the roles file".to_owned(), text);
    }
    Portrait(lines)
}

/// What lasts of an object.
fn lasting(plural: &str, object: &Value) -> Value {
    let mut object = object.clone();
    strip(&mut object);
    if plural == "secrets" && object["type"] == "helm.sh/release.v1" {
        object["data"] = json!("a release");
        object["metadata"]["labels"]["modifiedAt"] = Value::Null;
    }
    if let Some(status) = object.get_mut("status").and_then(Value::as_object_mut) {
        let ready = ready(status);
        let phase = status.get("phase").cloned().unwrap_or_default();
        let replicas = [status.get("replicas"), status.get("readyReplicas")].map(|number| number.cloned());
        object["status"] = json!({"phase": phase, "ready": ready, "replicas": replicas});
    }
    object
}

/// The status of the condition `Ready`.
fn ready(status: &Map<String, Value>) -> Value {
    let conditions = status.get("conditions").and_then(Value::as_array).into_iter().flatten();
    let mut ready =
        conditions.filter(|condition| condition["type"] == "Ready").map(|condition| condition["status"].clone());
    ready.next_back().unwrap_or_default()
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !PASSING.contains(&name.as_str()));
            fields.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}
