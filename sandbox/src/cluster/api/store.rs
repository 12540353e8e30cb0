//! Creating, replacing and deleting objects by the API server's rules: identity, versions, generations, finalizers,
//! graceful deletion. Controllers and requests both go through here.

use serde_json::{Map, Value, json};

use super::defaults;
use super::kind::{self, Kind};
use super::problem::Problem;
use crate::cluster::state::{Cluster, Key};

/// What a client may ask of a deletion.
#[derive(Debug, Clone, Default)]
pub(crate) struct DeleteOptions {
    /// `Background` (the default), `Foreground` or `Orphan`.
    pub(crate) propagation: Option<String>,
    /// Seconds the pod gets; 0 is a forced deletion.
    pub(crate) grace: Option<u64>,
    /// The UID the object must have.
    pub(crate) uid: Option<String>,
}

impl DeleteOptions {
    /// Reads the body of a DELETE request.
    pub(crate) fn of(body: &Value) -> Self {
        Self {
            propagation: body["propagationPolicy"].as_str().map(str::to_owned),
            grace: body["gracePeriodSeconds"].as_u64(),
            uid: body["preconditions"]["uid"].as_str().map(str::to_owned),
        }
    }
}

/// Creates an object from a manifest.
pub(crate) fn create(cluster: &mut Cluster, namespace: &str, mut object: Value) -> Result<Value, Problem> {
    let kind = kind_of(&object)?;
    if !object["metadata"].is_object() {
        object["metadata"] = json!({});
    }
    let generated = object["metadata"]["generateName"].as_str().map(str::to_owned);
    if let (None, Some(prefix)) = (object["metadata"]["name"].as_str(), generated) {
        let uuid = cluster.uuid(&prefix);
        object["metadata"]["name"] = json!(format!("{prefix}{}", &uuid[..5]));
    }
    let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    if name.is_empty() {
        return Err(Problem::invalid(kind, "", "metadata.name: Required value: name or generateName is required"));
    }
    let namespace = if kind.namespaced { namespace } else { "" };
    if kind.namespaced {
        match object["metadata"]["namespace"].as_str() {
            Some(other) if other != namespace => {
                return Err(Problem::bad_request(format!(
                    "the namespace of the provided object does not match the namespace sent on the request: {other} is not {namespace}"
                )));
            }
            _ => object["metadata"]["namespace"] = json!(namespace),
        }
        if !cluster.objects.contains(&("namespaces", String::new(), namespace.to_owned())) {
            let message = format!("namespaces \"{namespace}\" not found");
            return Err(Problem::of(404, "NotFound", message));
        }
    }
    let key: Key = (kind.plural, namespace.to_owned(), name.clone());
    if cluster.objects.contains(&key) {
        return Err(Problem::exists(kind, &name));
    }
    let uid = cluster.uuid(&format!("{}/{namespace}/{name}", kind.plural));
    cluster.revision += 1;
    let stamp = cluster.stamp();
    let meta = &mut object["metadata"];
    meta["uid"] = json!(uid);
    meta["resourceVersion"] = json!(cluster.revision.to_string());
    meta["creationTimestamp"] = json!(stamp);
    if let Value::Object(meta) = meta {
        meta.shift_remove("deletionTimestamp");
        meta.shift_remove("managedFields");
    }
    if has_generation(kind) {
        object["metadata"]["generation"] = json!(1);
    }
    defaults::admit(cluster, kind, &mut object)?;
    cluster.objects.insert(key, object.clone());
    Ok(object)
}

/// Replaces an object by a changed one. `status` says that the request was for the status subresource: it changes
/// nothing but the status, as all others change everything but it.
pub(crate) fn replace(cluster: &mut Cluster, key: &Key, mut new: Value, status: bool) -> Result<Value, Problem> {
    let kind = kind_of_key(key)?;
    let old = cluster.objects.get(key).ok_or_else(|| Problem::not_found(kind, &key.2))?;
    let old = Value::clone(old);
    let version = new["metadata"]["resourceVersion"].as_str();
    if version.is_some_and(|version| !version.is_empty() && old["metadata"]["resourceVersion"] != version) {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        return Err(Problem::conflict(kind, &key.2, why));
    }
    let uid = |object: &Value| object["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
    if !uid(&new).is_empty() && uid(&new) != uid(&old) {
        let why = format!("Precondition failed: UID in precondition: {}, UID in object meta: {}", uid(&new), uid(&old));
        return Err(Problem::conflict(kind, &key.2, &why));
    }
    if status {
        let sent = new["status"].take();
        new = old.clone();
        new["status"] = sent;
    } else if kind.plural != "nodes" {
        match old.get("status") {
            Some(status) => new["status"] = status.clone(),
            None => drop(new.as_object_mut().and_then(|new| new.shift_remove("status"))),
        }
    }
    for field in ["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"] {
        match old["metadata"].get(field) {
            Some(value) => new["metadata"][field] = value.clone(),
            None => drop(new["metadata"].as_object_mut().and_then(|meta| meta.shift_remove(field))),
        }
    }
    new["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"].clone();
    if new["metadata"]["name"] != old["metadata"]["name"] {
        return Err(Problem::bad_request("the name of the object does not match the name on the URL"));
    }
    defaults::prune(cluster.version(), kind, &mut new);
    if cluster.version().is_current() && kind.plural == "statefulsets" {
        // A patch that takes away a half of the policy, or all of it, gets the default.
        let policy = &mut new["spec"]["persistentVolumeClaimRetentionPolicy"];
        for field in ["whenDeleted", "whenScaled"] {
            if policy[field].is_null() {
                policy[field] = json!("Retain");
            }
        }
    }
    defaults::validate_update(cluster.version(), kind, &old, &new)?;
    if new == old {
        return Ok(old);
    }
    if has_generation(kind) && new["spec"] != old["spec"] {
        new["metadata"]["generation"] = json!(old["metadata"]["generation"].as_u64().unwrap_or(0) + 1);
    }
    cluster.revision += 1;
    new["metadata"]["resourceVersion"] = json!(cluster.revision.to_string());
    cluster.objects.insert(key.clone(), new.clone());
    cluster.sweep(key);
    Ok(new)
}

/// Deletes an object, or marks it as being deleted while finalizers or a grace period hold it.
pub(crate) fn delete(cluster: &mut Cluster, key: &Key, options: &DeleteOptions) -> Result<Value, Problem> {
    let kind = kind_of_key(key)?;
    let object = cluster.objects.get(key).ok_or_else(|| Problem::not_found(kind, &key.2))?.clone();
    let uid = object["metadata"]["uid"].as_str().unwrap_or_default();
    if let Some(wanted) = options.uid.as_deref().filter(|wanted| *wanted != uid) {
        let why = match cluster.version().is_current() {
            true => format!(
                "the UID in the precondition ({wanted}) does not match the UID in record ({uid}). The object might have been \
                 deleted and then recreated"
            ),
            false => format!("Precondition failed: UID in precondition: {wanted}, UID in object meta: {uid}"),
        };
        return Err(Problem::conflict(kind, &key.2, &why));
    }
    match options.propagation.as_deref() {
        Some("Orphan") => orphan(cluster, uid),
        Some("Foreground") => add_finalizer(cluster, key, "foregroundDeletion"),
        _ => {}
    }
    let grace = grace(kind, &object, options);
    let stamp = cluster.stamp();
    let before = object["metadata"]["deletionTimestamp"].clone();
    if kind.plural == "namespaces" {
        let contents: Vec<Key> =
            cluster.objects.iter().map(|(known, _)| known).filter(|known| known.1 == key.2).cloned().collect();
        for key in contents {
            delete(cluster, &key, &DeleteOptions::default())?;
        }
    }
    cluster.edit(key, |object| {
        if before.is_null() {
            object["metadata"]["deletionTimestamp"] = json!(stamp);
        }
        if before.is_null() || grace == 0 {
            object["metadata"]["deletionGracePeriodSeconds"] = json!(grace);
        }
    });
    cluster.sweep(key);
    Ok(match cluster.objects.get(key) {
        Some(object) => Value::clone(object),
        None => json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
            "details": {"name": key.2, "group": kind.group, "kind": kind.plural, "uid": uid},
        }),
    })
}

/// Seconds a deleted pod gets; 0 for everything else, and for pods that no node has.
fn grace(kind: &Kind, object: &Value, options: &DeleteOptions) -> u64 {
    if kind.plural != "pods" || object["spec"]["nodeName"].is_null() {
        return 0;
    }
    options.grace.or_else(|| object["spec"]["terminationGracePeriodSeconds"].as_u64()).unwrap_or(30)
}

fn orphan(cluster: &mut Cluster, uid: &str) {
    let keys: Vec<Key> = cluster.objects.iter().map(|(key, _)| key.clone()).collect();
    for key in keys {
        cluster.edit(&key, |object| {
            if let Some(owners) = object["metadata"]["ownerReferences"].as_array_mut() {
                owners.retain(|owner| owner["uid"] != uid);
            }
        });
    }
}

/// Adds a finalizer, once.
pub(crate) fn add_finalizer(cluster: &mut Cluster, key: &Key, finalizer: &str) {
    cluster.edit(key, |object| {
        let slot = &mut object["metadata"]["finalizers"];
        if !slot.is_array() {
            *slot = json!([]);
        }
        if let Some(list) = slot.as_array_mut().filter(|list| !list.iter().any(|known| known == finalizer)) {
            list.push(json!(finalizer));
        }
    });
}

/// Removes a finalizer, and with the last one an object whose deletion was asked for.
pub(crate) fn remove_finalizer(cluster: &mut Cluster, key: &Key, finalizer: &str) {
    cluster.edit(key, |object| {
        let Some(meta) = object["metadata"].as_object_mut() else { return };
        if let Some(list) = meta.get_mut("finalizers").and_then(Value::as_array_mut) {
            list.retain(|known| known != finalizer);
            if list.is_empty() {
                meta.shift_remove("finalizers");
            }
        }
    });
}

/// The scale subresource of an object.
pub(crate) fn scale_of(kind: &Kind, object: &Value) -> Value {
    let mut meta = Map::new();
    for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        meta.insert(field.to_owned(), object["metadata"][field].clone());
    }
    let labels = object["spec"]["selector"]["matchLabels"].as_object();
    let selector: Vec<String> = labels
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    let _ = kind;
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": meta,
        // Zero is left out, as Go's `omitempty` does.
        "spec": match object["spec"]["replicas"].as_u64() {
            None | Some(0) => json!({}),
            Some(replicas) => json!({"replicas": replicas}),
        },
        "status": {"replicas": object["status"]["replicas"].as_u64().unwrap_or(0), "selector": selector.join(",")},
    })
}

fn has_generation(kind: &Kind) -> bool {
    !matches!(
        kind.plural,
        "configmaps"
            | "secrets"
            | "services"
            | "serviceaccounts"
            | "events"
            | "nodes"
            | "namespaces"
            | "persistentvolumes"
            | "persistentvolumeclaims"
            | "pods"
            | "storageclasses"
            | "leases"
    )
}

/// The kind that a manifest names.
pub(crate) fn kind_of(object: &Value) -> Result<&'static Kind, Problem> {
    let (version, name) =
        (object["apiVersion"].as_str().unwrap_or_default(), object["kind"].as_str().unwrap_or_default());
    kind::by_manifest(version, name)
        .ok_or_else(|| Problem::bad_request(format!("no matches for kind \"{name}\" in version \"{version}\"")))
}

pub(crate) fn kind_of_key(key: &Key) -> Result<&'static Kind, Problem> {
    kind::KINDS.iter().find(|kind| kind.plural == key.0).ok_or_else(Problem::no_such_path)
}
