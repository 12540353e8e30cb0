//! Requests: which path and method mean what. The rules of objects are in the store.

use serde_json::{Value, json};

use super::fields;
use super::kind::{self, Kind};
use super::patch;
use super::problem::Problem;
use super::selector::{LabelSelector, fields_match};
use super::store::{self, DeleteOptions};
use crate::cluster::state::{Cluster, Key};

/// A request, taken apart.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub(crate) method: String,
    /// The path, without the query.
    pub(crate) path: String,
    /// The query's parameters, decoded.
    pub(crate) query: Vec<(String, String)>,
    /// The media type of the body.
    pub(crate) media_type: String,
    /// The body; null if there is none.
    pub(crate) body: Value,
}

/// What a path names.
struct Resource<'a> {
    kind: &'static Kind,
    namespace: &'a str,
    name: Option<&'a str>,
    subresource: Option<&'a str>,
}

impl Call {
    fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Answers a request: an HTTP status and a JSON body.
pub(crate) fn handle(cluster: &mut Cluster, call: &Call) -> Result<(u16, Value), Problem> {
    let segments: Vec<&str> = call.path.split('/').filter(|segment| !segment.is_empty()).collect();
    match segments.as_slice() {
        ["version"] => return Ok((200, cluster.version().answer())),
        ["healthz" | "livez" | "readyz", ..] => return Ok((200, json!("ok"))),
        ["apis", "authorization.k8s.io", "v1", "selfsubjectaccessreviews"] if call.method == "POST" => {
            return Ok((201, super::rights::review(cluster, &call.body)));
        }
        _ => {}
    }
    if let Some(document) = kind::discovery(&segments, cluster.version()) {
        return if call.method == "GET" { Ok((200, document)) } else { Err(Problem::not_allowed()) };
    }
    let resource =
        resource(&segments).filter(|resource| cluster.version().serves(resource.kind.group, resource.kind.version));
    let resource = resource.ok_or_else(Problem::no_such_path)?;
    strict(cluster, call, &resource)?;
    if call.query("dryRun").is_some() && call.method != "GET" {
        return dispatch(&mut cluster.clone(), call, &resource);
    }
    dispatch(cluster, call, &resource)
}

/// Refuses fields that the kind does not have, if that is asked for. A server of before 1.25 knows nothing of it.
fn strict(cluster: &Cluster, call: &Call, resource: &Resource<'_>) -> Result<(), Problem> {
    if call.query("fieldValidation") != Some("Strict")
        || resource.subresource.is_some()
        || !cluster.version().is_current()
    {
        return Ok(());
    }
    let unknown = fields::unknown(resource.kind, call);
    if unknown.is_empty() {
        return Ok(());
    }
    let key: Key = (resource.kind.plural, resource.namespace.to_owned(), resource.name.unwrap_or_default().to_owned());
    let mut object = cluster.get(&key).map(|object| Value::clone(object)).unwrap_or_default();
    patch::apply(&call.media_type, &mut object, &call.body).unwrap_or_default();
    Err(fields::refusal(resource.kind, call, &unknown, &object))
}

/// What an API server warns of in the headers of its answer.
pub(crate) fn warnings(cluster: &Cluster, call: &Call) -> Vec<String> {
    let segments: Vec<&str> = call.path.split('/').filter(|segment| !segment.is_empty()).collect();
    let silent = matches!(call.query("fieldValidation"), Some("Strict" | "Ignore")) || !cluster.version().is_current();
    let Some(resource) = resource(&segments).filter(|resource| !silent && resource.subresource.is_none()) else {
        return Vec::new();
    };
    let unknown = fields::unknown(resource.kind, call);
    unknown.iter().map(|field| format!("299 - \"unknown field \\\"{field}\\\"\"")).collect()
}

fn resource<'a>(segments: &[&'a str]) -> Option<Resource<'a>> {
    let (group, version, rest) = match segments {
        ["api", version, rest @ ..] => ("", *version, rest),
        ["apis", group, version, rest @ ..] => (*group, *version, rest),
        _ => return None,
    };
    let (namespace, rest) = match rest {
        // The namespace objects themselves, and their subresources, are addressed without a namespace.
        ["namespaces", namespace, plural, rest @ ..] if !matches!(*plural, "status" | "finalize") => {
            (*namespace, [&[*plural], rest].concat())
        }
        rest => ("", rest.to_vec()),
    };
    let (plural, name, subresource) = match rest.as_slice() {
        [plural] => (*plural, None, None),
        [plural, name] => (*plural, Some(*name), None),
        [plural, name, subresource] => (*plural, Some(*name), Some(*subresource)),
        _ => return None,
    };
    let kind = kind::by_path(group, version, plural)?;
    // A namespaced object without a namespace can only be listed, over all namespaces.
    let addressable = kind.namespaced != namespace.is_empty() || (kind.namespaced && name.is_none());
    addressable.then_some(Resource { kind, namespace, name, subresource })
}

fn dispatch(cluster: &mut Cluster, call: &Call, resource: &Resource<'_>) -> Result<(u16, Value), Problem> {
    let Some(name) = resource.name else {
        return match call.method.as_str() {
            "GET" => list(cluster, call, resource).map(|list| (200, list)),
            "POST" if resource.kind.namespaced && resource.namespace.is_empty() => Err(Problem::not_allowed()),
            "POST" => {
                let mut object = call.body.clone();
                complete(&mut object, resource.kind);
                if !std::ptr::eq(store::kind_of(&object)?, resource.kind) {
                    return Err(Problem::bad_request("the object provided does not match the kind of the path"));
                }
                store::create(cluster, resource.namespace, object).map(|object| (201, object))
            }
            "DELETE" => delete_all(cluster, call, resource).map(|list| (200, list)),
            _ => Err(Problem::not_allowed()),
        };
    };
    let key: Key = (resource.kind.plural, resource.namespace.to_owned(), name.to_owned());
    match resource.subresource {
        None => object(cluster, call, resource, &key),
        Some("status") => object(cluster, call, resource, &key),
        Some("scale") if resource.kind.scales() => scale(cluster, call, resource, &key),
        Some(_) => Err(Problem::no_such_path()),
    }
}

fn object(cluster: &mut Cluster, call: &Call, resource: &Resource<'_>, key: &Key) -> Result<(u16, Value), Problem> {
    let status = resource.subresource == Some("status");
    let missing = || Problem::not_found(resource.kind, &key.2);
    match call.method.as_str() {
        "GET" => cluster.get(key).map(|object| (200, Value::clone(object))).ok_or_else(missing),
        "PUT" => {
            let mut object = call.body.clone();
            complete(&mut object, resource.kind);
            store::replace(cluster, key, object, status).map(|object| (200, object))
        }
        "PATCH" => {
            let apply = call.media_type.starts_with("application/apply-patch+yaml");
            if apply && call.query("fieldManager").is_none_or(str::is_empty) {
                let why = "fieldManager: Required value: is required for apply patch";
                let message = format!("PatchOptions.meta.k8s.io \"\" is invalid: {why}");
                return Err(Problem::of(422, "Invalid", message));
            }
            let Some(old) = cluster.get(key).map(|old| Value::clone(old)) else {
                if !apply {
                    return Err(missing());
                }
                let mut object = call.body.clone();
                complete(&mut object, resource.kind);
                object["metadata"]["name"] = json!(key.2);
                return store::create(cluster, resource.namespace, object).map(|object| (201, object));
            };
            let mut new = old;
            let versioned = !call.body["metadata"]["resourceVersion"].is_null();
            let uid = new["metadata"]["uid"].clone();
            patch::apply(&call.media_type, &mut new, &call.body)?;
            // To a patch the UID is a field that cannot change; only PUT and `scale` take it for a precondition.
            if new["metadata"]["uid"] != uid && !new["metadata"]["uid"].is_null() {
                let other = &new["metadata"]["uid"];
                let why = format!("metadata.uid: Invalid value: {other}: field is immutable");
                return Err(Problem::invalid(resource.kind, &key.2, &why));
            }
            if !versioned {
                new["metadata"]["resourceVersion"] = Value::Null;
            }
            store::replace(cluster, key, new, status).map(|object| (200, object))
        }
        "DELETE" if !status => {
            let mut options = DeleteOptions::of(&call.body);
            options.grace = call.query("gracePeriodSeconds").and_then(|text| text.parse().ok()).or(options.grace);
            options.propagation = call.query("propagationPolicy").map(str::to_owned).or(options.propagation);
            store::delete(cluster, key, &options).map(|object| (200, object))
        }
        _ => Err(Problem::not_allowed()),
    }
}

fn scale(cluster: &mut Cluster, call: &Call, resource: &Resource<'_>, key: &Key) -> Result<(u16, Value), Problem> {
    let object = cluster.get(key).ok_or_else(|| Problem::not_found(resource.kind, &key.2))?;
    let mut object = Value::clone(object);
    let mut scale = store::scale_of(resource.kind, &object);
    match call.method.as_str() {
        "GET" => return Ok((200, scale)),
        "PUT" => scale = call.body.clone(),
        "PATCH" => patch::apply(&call.media_type, &mut scale, &call.body)?,
        _ => return Err(Problem::not_allowed()),
    }
    let replicas = scale["spec"]["replicas"].as_i64().unwrap_or(0);
    if replicas < 0 {
        let why = "spec.replicas: Invalid value: must be greater than or equal to 0";
        return Err(Problem::invalid(resource.kind, &key.2, why));
    }
    let (wanted, found) = (&scale["metadata"]["uid"], &object["metadata"]["uid"]);
    if let (Some(wanted), Some(found)) =
        (wanted.as_str().filter(|uid| !uid.is_empty() && *found != *uid), found.as_str())
    {
        let why = format!("Precondition failed: UID in precondition: {wanted}, UID in object meta: {found}");
        return Err(Problem::scale_conflict(resource.kind, &key.2, &why));
    }
    object["spec"]["replicas"] = json!(replicas);
    object["metadata"]["resourceVersion"] = scale["metadata"]["resourceVersion"].clone();
    let object = store::replace(cluster, key, object, false)?;
    Ok((200, store::scale_of(resource.kind, &object)))
}

fn selected<'a>(
    cluster: &'a Cluster,
    call: &Call,
    resource: &Resource<'_>,
) -> Result<Vec<(&'a Key, &'a Value)>, Problem> {
    let labels = LabelSelector::parse(call.query("labelSelector").unwrap_or_default())?;
    let fields = call.query("fieldSelector").unwrap_or_default();
    let mut found = Vec::new();
    for (key, object) in cluster.list(resource.kind.plural) {
        let here = resource.namespace.is_empty() || key.1 == resource.namespace;
        if here && labels.matches(&object["metadata"]["labels"]) && fields_match(fields, object)? {
            found.push((key, &**object));
        }
    }
    Ok(found)
}

fn list(cluster: &Cluster, call: &Call, resource: &Resource<'_>) -> Result<Value, Problem> {
    if call.query("watch").is_some_and(|watch| matches!(watch, "true" | "1")) {
        return Err(Problem::bad_request("watching is not served here; list again instead"));
    }
    let custom = resource.kind.group.contains('.') && !resource.kind.group.ends_with(".k8s.io");
    let strip = |object: &Value| {
        let mut object = object.clone();
        // As real servers do: items of built-in kinds do not repeat their kind.
        if let (false, Some(fields)) = (custom, object.as_object_mut()) {
            fields.shift_remove("apiVersion");
            fields.shift_remove("kind");
        }
        object
    };
    let items: Vec<Value> = selected(cluster, call, resource)?.into_iter().map(|(_, object)| strip(object)).collect();
    Ok(json!({
        "kind": format!("{}List", resource.kind.kind), "apiVersion": resource.kind.api_version(),
        "metadata": {"resourceVersion": cluster.revision.to_string()}, "items": items,
    }))
}

fn delete_all(cluster: &mut Cluster, call: &Call, resource: &Resource<'_>) -> Result<Value, Problem> {
    let keys: Vec<Key> = selected(cluster, call, resource)?.into_iter().map(|(key, _)| key.clone()).collect();
    let items = keys.iter().map(|key| store::delete(cluster, key, &DeleteOptions::of(&call.body)));
    let items = items.collect::<Result<Vec<Value>, Problem>>()?;
    Ok(json!({
        "kind": format!("{}List", resource.kind.kind), "apiVersion": resource.kind.api_version(),
        "metadata": {"resourceVersion": cluster.revision.to_string()}, "items": items,
    }))
}

/// Fills in the kind, which a request may leave to its path.
fn complete(object: &mut Value, kind: &Kind) {
    if !object.is_object() {
        *object = json!({});
    }
    for (field, value) in [("apiVersion", kind.api_version()), ("kind", kind.kind.to_owned())] {
        if object[field].is_null() {
            object[field] = json!(value);
        }
    }
}
