//! What installing, upgrading and uninstalling does to the objects of a cluster. Nothing here waits.

use serde_json::{Value, json};

use super::record::{Record, forget, save};
use crate::cluster::api::rights::permit;
use crate::cluster::api::{DeleteOptions, Problem, create, delete, kind_of, replace};
use crate::cluster::state::{Cluster, Key};

/// Writes rendered objects as helm prints them.
pub(crate) fn manifest_text(objects: &[(String, Value)]) -> String {
    let document = |(file, object): &(String, Value)| {
        format!("---\n# Source: {file}\n{}\n", serde_yaml::to_string(object).unwrap_or_default().trim_end())
    };
    objects.iter().map(document).collect()
}

/// The key of an object of a manifest.
fn key_of(object: &Value, namespace: &str) -> Result<Key, Problem> {
    let kind = kind_of(object)?;
    let namespace = object["metadata"]["namespace"].as_str().unwrap_or(namespace);
    let namespace = if kind.namespaced { namespace.to_owned() } else { String::new() };
    Ok((kind.plural, namespace, object["metadata"]["name"].as_str().unwrap_or_default().to_owned()))
}

fn owned(object: &Value, record: &Record) -> Value {
    let mut object = object.clone();
    object["metadata"]["annotations"]["meta.helm.sh/release-name"] = json!(record.name);
    object["metadata"]["annotations"]["meta.helm.sh/release-namespace"] = json!(record.namespace);
    object["metadata"]["labels"]["app.kubernetes.io/managed-by"] = json!("Helm");
    object
}

/// Says which object of a manifest is there already and belongs to nobody or to another release.
pub(crate) fn conflict(cluster: &Cluster, record: &Record) -> Option<String> {
    record.objects().iter().find_map(|object| {
        let key = key_of(object, &record.namespace).ok()?;
        let there = cluster.get(&key)?;
        let owner = there["metadata"]["annotations"]["meta.helm.sh/release-name"].as_str();
        let kind = object["kind"].as_str().unwrap_or_default();
        (owner != Some(&record.name)).then(|| {
            let why = match owner {
                None => "missing key \"meta.helm.sh/release-name\": must be set to".to_owned(),
                Some(other) => format!(
                    "key \"meta.helm.sh/release-name\" must equal \"{}\": current value is \"{other}\", must be",
                    record.name
                ),
            };
            format!(
                "{kind} \"{}\" in namespace \"{}\" exists and cannot be imported into the current release: invalid \
                 ownership metadata; annotation validation error: {why} \"{}\"",
                key.2, key.1, record.name
            )
        })
    })
}

/// Creates the objects of a release and records it.
pub(crate) fn install(cluster: &mut Cluster, mut record: Record, done: &str) -> Result<Record, Problem> {
    record.set_status("pending-install", "Initial install underway");
    save(cluster, &record)?;
    for object in record.objects() {
        let key = key_of(&object, &record.namespace)?;
        if cluster.get(&key).is_some() {
            apply(cluster, &key, &owned(&object, &record), None)?;
        } else if let Err(problem) = add(cluster, &key, owned(&object, &record)) {
            record.set_status("failed", &format!("Release \"{}\" failed: {}", record.name, problem.message));
            save(cluster, &record)?;
            return Err(problem);
        }
    }
    record.set_status("deployed", done);
    save(cluster, &record)?;
    Ok(record)
}

/// Brings the objects of a release from one revision to another: what the new manifest says wins over what is there.
pub(crate) fn upgrade(cluster: &mut Cluster, mut old: Record, mut new: Record, done: &str) -> Result<Record, Problem> {
    new.set_status("pending-upgrade", "Preparing upgrade");
    save(cluster, &new)?;
    let before = old.objects();
    let after = new.objects();
    for object in &after {
        let key = key_of(object, &new.namespace)?;
        let previous = before.iter().find(|known| key_of(known, &old.namespace).is_ok_and(|known| known == key));
        let applied = if cluster.get(&key).is_some() {
            apply(cluster, &key, &owned(object, &new), previous)
        } else {
            add(cluster, &key, owned(object, &new))
        };
        if let Err(problem) = applied {
            let kind = object["kind"].as_str().unwrap_or_default();
            let message = format!("cannot patch \"{}\" with kind {kind}: {}", key.2, problem.message);
            new.set_status("failed", &format!("Upgrade \"{}\" failed: {message}", new.name));
            save(cluster, &new)?;
            return Err(Problem { message, ..problem });
        }
    }
    for object in &before {
        let key = key_of(object, &old.namespace)?;
        if !after.iter().any(|known| key_of(known, &new.namespace).is_ok_and(|known| known == key)) {
            permit(cluster, &["delete"], &key)?;
            // It may be gone already.
            let _ = delete(cluster, &key, &DeleteOptions::default());
        }
    }
    if old.status() == "deployed" {
        old.info["status"] = json!("superseded");
        save(cluster, &old)?;
    }
    new.set_status("deployed", done);
    save(cluster, &new)?;
    Ok(new)
}

/// Deletes the objects of a release in the background and its records. Claims made from templates stay, and pods may
/// still be there for a while.
pub(crate) fn uninstall(cluster: &mut Cluster, mut history: Vec<Record>, keep: bool) -> Result<(), Problem> {
    let Some(last) = history.last_mut() else { return Ok(()) };
    for object in last.objects().iter().rev() {
        let key = key_of(object, &last.namespace)?;
        permit(cluster, &["get", "delete"], &key)?;
        match delete(cluster, &key, &DeleteOptions::default()) {
            Err(problem) if problem.code != 404 => return Err(problem),
            _ => {}
        }
    }
    if keep {
        last.info["deleted"] = json!(cluster.stamp());
        last.set_status("uninstalled", "Uninstallation complete");
        return save(cluster, last);
    }
    history.iter().try_for_each(|record| forget(cluster, record))
}

/// Creates an object: helm 4 applies it on the server, for which the API server asks for both verbs.
fn add(cluster: &mut Cluster, key: &Key, object: Value) -> Result<(), Problem> {
    permit(cluster, &["get", "create", "patch"], key)?;
    create(cluster, &key.1.clone(), object).map(drop)
}

/// Lays a manifest over an object: maps merge, what only the previous manifest had goes away.
fn apply(cluster: &mut Cluster, key: &Key, manifest: &Value, previous: Option<&Value>) -> Result<(), Problem> {
    permit(cluster, &["get", "patch"], key)?;
    let Some(mut live) = cluster.get(key).map(|live| Value::clone(live)) else { return Ok(()) };
    if let Some(previous) = previous {
        drop_missing(&mut live, previous, manifest);
    }
    overlay(&mut live, manifest);
    replace(cluster, key, live, false).map(drop)
}

fn drop_missing(live: &mut Value, previous: &Value, manifest: &Value) {
    let (Some(live), Some(previous)) = (live.as_object_mut(), previous.as_object()) else { return };
    for (key, old) in previous {
        match manifest.get(key) {
            None => drop(live.shift_remove(key)),
            Some(new) => {
                if let Some(live) = live.get_mut(key) {
                    drop_missing(live, old, new);
                }
            }
        }
    }
}

fn overlay(live: &mut Value, manifest: &Value) {
    match (live, manifest) {
        (Value::Object(live), Value::Object(manifest)) => {
            for (key, value) in manifest {
                overlay(live.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        // Lists of the same length keep what the server filled into their elements.
        (Value::Array(live), Value::Array(manifest)) if live.len() == manifest.len() => {
            live.iter_mut().zip(manifest).for_each(|(live, value)| overlay(live, value));
        }
        (live, manifest) => *live = manifest.clone(),
    }
}
