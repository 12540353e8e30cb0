//! What the modules for Kubernetes objects share: kinds and their paths, requests, selectors, readiness, and comparing a
//! manifest with what is there. Nothing here decides what a module does.

pub(crate) mod access;
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
pub(crate) mod subjects;

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

/// The owner that manages an object, as its `ownerReferences` say; there is at most one.
pub(crate) fn controller(object: &Value) -> Option<&Value> {
    let mut owners = object["metadata"]["ownerReferences"].as_array().into_iter().flatten();
    owners.find(|owner| owner["controller"] == true)
}

/// The finalizers of an object: what holds it once it is deleted.
pub(crate) fn finalizers(object: &Value) -> impl Iterator<Item = &str> {
    object["metadata"]["finalizers"].as_array().into_iter().flatten().map(text)
}

/// What holds an object that is being deleted, in words; empty if nothing does.
pub(crate) fn holders(object: &Value) -> String {
    finalizers(object).collect::<Vec<_>>().join(", ")
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
        let kind = kind.to_string();
        return Err(Failure::failed(cutover_engine::text!(
            "kubernetes.not-served",
            "{site}: GET {path}: not found: the API server does not serve {kind}",
            site,
            path,
            kind
        )));
    };
    let Value::Array(mut items) = answer["items"].take() else { return Ok(Vec::new()) };
    // Items of built-in kinds do not repeat their kind.
    for item in &mut items {
        item["apiVersion"] = Value::String(kind.api_version());
        item["kind"] = Value::String(kind.kind.to_string());
    }
    Ok(items)
}

/// The names that `name` or `names` name, each once.
pub(crate) fn names(name: Option<&str>, names: Option<&[String]>) -> Vec<String> {
    let all = name.into_iter().chain(names.into_iter().flatten().map(String::as_str));
    let mut once: Vec<String> = Vec::new();
    for name in all {
        if !once.iter().any(|known| known == name) {
            once.push(name.to_owned());
        }
    }
    once
}

/// Refuses `name` and `names` unless exactly one of them is given, and names something.
pub(crate) fn judge_names(name: Option<&str>, names: Option<&[String]>) -> Result<(), Failure> {
    match (name, names) {
        (Some(name), None) => judge_name(name, "/name"),
        (None, Some([])) => {
            Err(Failure::invalid(cutover_engine::text!("kubernetes.names.empty", "`names` is empty: nothing is named"))
                .pointer("/names"))
        }
        (None, Some(names)) => {
            names.iter().enumerate().try_for_each(|(index, name)| judge_name(name, &format!("/names/{index}")))
        }
        (Some(_), Some(_)) => {
            Err(Failure::invalid(cutover_engine::text!("kubernetes.names.both", "give `name` or `names`, not both"))
                .pointer("/names"))
        }
        (None, None) => Err(Failure::invalid(cutover_engine::text!("kubernetes.names.none", "give `name` or `names`"))),
    }
}

/// Refuses what cannot be the name of an object or namespace: the path of a request would lead to something else.
pub(crate) fn judge_name(name: &str, pointer: &str) -> Result<(), Failure> {
    let message = match name {
        "" => cutover_engine::text!("kubernetes.name.empty", "the name is empty"),
        name if matches!(name, "." | "..") || name.contains(['/', '%']) || name.contains(char::is_whitespace) => {
            cutover_engine::text!("kubernetes.name.wrong", "`{name}` cannot be a name in Kubernetes", name)
        }
        _ => return Ok(()),
    };
    Err(Failure::invalid(message).pointer(pointer))
}

/// Refuses a label selector that selects everything.
pub(crate) fn judge_selector(selector: &str) -> Result<(), Failure> {
    if selector.trim().is_empty() {
        let message = cutover_engine::text!("kubernetes.selector.empty", "an empty selector would select them all");
        return Err(Failure::invalid(message).pointer("/selector"));
    }
    Ok(())
}
