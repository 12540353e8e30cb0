//! What the modules for Kubernetes objects share: kinds and their paths, requests, selectors, readiness, and comparing a
//! manifest with what is there. Nothing here decides what a module does.

pub(crate) mod compare;
pub(crate) mod kind;
pub(crate) mod manifest;
pub(crate) mod merge;
pub(crate) mod pod;
pub(crate) mod quantity;
pub(crate) mod ready;
pub(crate) mod request;
pub(crate) mod retention;
pub(crate) mod selector;

use cutover_engine::failure::Failure;
use cutover_engine::module::Context;
use serde_json::Value;

use kind::Kind;

/// The text of a field; empty if it is not there.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The name of an object.
pub(crate) fn name(object: &Value) -> &str {
    text(&object["metadata"]["name"])
}

/// The UID of an object.
pub(crate) fn uid(object: &Value) -> &str {
    text(&object["metadata"]["uid"])
}

/// Whether an object is being deleted.
pub(crate) fn deleting(object: &Value) -> bool {
    !object["metadata"]["deletionTimestamp"].is_null()
}

/// What holds an object that is being deleted, in words; empty if nothing does.
pub(crate) fn holders(object: &Value) -> String {
    let finalizers = object["metadata"]["finalizers"].as_array().into_iter().flatten();
    finalizers.map(text).collect::<Vec<_>>().join(", ")
}

/// Reads one object; `None` if it is not there.
pub(crate) async fn get(
    cx: &Context,
    kind: &Kind,
    namespace: Option<&str>,
    name: &str,
) -> Result<Option<Value>, Failure> {
    cx.get(cx.site()?, &kind.object(namespace, name)).await
}

/// Lists objects of a kind. `query` is what follows the `?`, encoded; empty for all.
pub(crate) async fn list(
    cx: &Context,
    kind: &Kind,
    namespace: Option<&str>,
    query: &str,
) -> Result<Vec<Value>, Failure> {
    let site = cx.site()?;
    let path = kind.collection(namespace);
    let path = if query.is_empty() { path } else { format!("{path}?{query}") };
    let Some(mut answer) = cx.get(site, &path).await? else {
        return Err(Failure::failed(format!("{site}: GET {path}: not found: the API server does not serve {kind}")));
    };
    let Value::Array(mut items) = answer["items"].take() else { return Ok(Vec::new()) };
    // Items of built-in kinds do not repeat their kind.
    for item in &mut items {
        item["apiVersion"] = Value::String(kind.api_version());
        item["kind"] = Value::String(kind.kind.to_string());
    }
    Ok(items)
}

/// The names that `name` or `names` give; an error unless exactly one of them is given, and names something.
pub(crate) fn names(name: Option<&str>, names: Option<&[String]>) -> Result<Vec<String>, Failure> {
    match (name, names) {
        (Some(name), None) => Ok(vec![name.to_owned()]),
        (None, Some([])) => Err(Failure::invalid("`names` is empty: nothing is named").pointer("/names")),
        (None, Some(names)) => Ok(names.to_vec()),
        (Some(_), Some(_)) => Err(Failure::invalid("give `name` or `names`, not both").pointer("/names")),
        (None, None) => Err(Failure::invalid("give `name` or `names`")),
    }
}
