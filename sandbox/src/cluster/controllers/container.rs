//! What a kubelet must know to start a pod's container: its environment, its user, where its volume lies on the node.

use std::collections::BTreeMap;

use serde_json::Value;

use super::text;
use crate::cluster::running::{Container, Volume};
use crate::cluster::state::{Cluster, Key, key};
use crate::machine::Machine;

/// The number of the container that runs a pod's service: the first that a service takes for its own, or the first of all.
pub(crate) fn main_container(cluster: &Cluster, pod: &Key, object: &Value) -> usize {
    let count = object["spec"]["containers"].as_array().map_or(0, Vec::len);
    let serves = |index: &usize| {
        let container = container(cluster, pod, object, *index);
        cluster.services.iter().any(|service| service.is_mine(&container))
    };
    if count < 2 { 0 } else { (0..count).find(serves).unwrap_or_default() }
}

/// Resolves a container of a pod.
pub(super) fn container(cluster: &Cluster, pod: &Key, object: &Value, index: usize) -> Container {
    let container = &object["spec"]["containers"][index];
    let id = |field: &str| {
        let own = container["securityContext"][field].as_u64();
        let id = own.or_else(|| object["spec"]["securityContext"][field].as_u64()).unwrap_or(0);
        u32::try_from(id).unwrap_or(u32::MAX)
    };
    let image = text(&container["image"]).rsplit('/').next().unwrap_or_default();
    Container {
        command: image.split([':', '@']).next().unwrap_or_default().to_owned(),
        env: environment(object, index),
        uid: id("runAsUser"),
        gid: id("runAsGroup"),
        volume: volume(cluster, pod, object, index),
    }
}

fn environment(object: &Value, index: usize) -> BTreeMap<String, String> {
    let mut env: BTreeMap<String, String> = BTreeMap::new();
    for entry in object["spec"]["containers"][index]["env"].as_array().into_iter().flatten() {
        let value = match entry["valueFrom"]["fieldRef"]["fieldPath"].as_str() {
            Some(path) => path.split('.').try_fold(object, |value, key| value.get(key)).map(text).unwrap_or_default(),
            None => text(&entry["value"]),
        };
        let mut value = value.to_owned();
        for (name, known) in &env {
            value = value.replace(&format!("$({name})"), known);
        }
        env.insert(text(&entry["name"]).to_owned(), value);
    }
    env
}

fn volume(cluster: &Cluster, pod: &Key, object: &Value, index: usize) -> Option<(String, Volume)> {
    let volumes = object["spec"]["volumes"].as_array()?;
    for mount in object["spec"]["containers"][index]["volumeMounts"].as_array()? {
        let Some(volume) = volumes.iter().find(|volume| volume["name"] == mount["name"]) else { continue };
        let mut source = volume.clone();
        if let Some(claim) = volume["persistentVolumeClaim"]["claimName"].as_str() {
            let claim = cluster.get(&key("persistentvolumeclaims", &pod.1, claim))?;
            source = cluster.get(&key("persistentvolumes", "", text(&claim["spec"]["volumeName"])))?["spec"].clone();
        }
        let found = match (source["hostPath"]["path"].as_str(), source["local"]["path"].as_str()) {
            (Some(path), _) => (path.to_owned(), text(&source["hostPath"]["type"]).to_owned()),
            (None, Some(path)) => (path.to_owned(), "local".to_owned()),
            (None, None) => continue,
        };
        let (path, check) = found;
        let path = match mount["subPath"].as_str() {
            Some(sub) => format!("{path}/{sub}"),
            None => path,
        };
        return Some((
            text(&mount["mountPath"]).to_owned(),
            Volume { path: path.trim_end_matches('/').to_owned(), check, name: text(&volume["name"]).to_owned() },
        ));
    }
    None
}

/// Makes the directory ready as the kubelet and the container runtime do: one that is missing is made, unless the
/// volume says that it must be there.
///
/// # Errors
/// The message of the `FailedMount` event.
pub(super) fn prepare(volume: &Volume, machine: &mut Machine, now: i128) -> Result<(), String> {
    let (path, name) = (&volume.path, &volume.name);
    let directory = machine.stat(path).is_ok_and(|stat| stat.is_dir());
    match volume.check.as_str() {
        "Directory" if !directory => Err(format!(
            "MountVolume.SetUp failed for volume \"{name}\" : hostPath type check failed: {path} is not a directory"
        )),
        "local" if !machine.exists(path) => Err(format!(
            "MountVolume.NewMounter initialization failed for volume \"{name}\" : path \"{path}\" does not exist"
        )),
        "" | "DirectoryOrCreate" if !machine.exists(path) => machine
            .mkdir_p(path, 0o755, now)
            .map_err(|errno| format!("mkdir {path}: {}", errno.to_string().to_lowercase())),
        _ => Ok(()),
    }
}
