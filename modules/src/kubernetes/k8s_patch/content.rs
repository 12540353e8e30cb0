//! What a patch says of an object: whether the object has it already, which fields it touches, what speaks against it.

use cutover_engine::failure::Failure;
use cutover_engine::text;
use cutover_engine::text::Text;
use serde_json::{Map, Value};

use super::Type;
use crate::support::kubernetes::compare::{differences, join, overlay};
use crate::support::kubernetes::text;

/// What names the entries of the lists that strategic patches merge (`patchMergeKey` in `k8s.io/api`), in this order.
const MERGE_KEYS: [&str; 7] = ["name", "containerPort", "mountPath", "devicePath", "port", "topologyKey", "ip"];

/// Refuses patches that make no sense, or whose effect could not be recognised afterwards.
pub(super) fn judge(kind: Type, patch: &Value) -> Result<(), Failure> {
    let invalid = |message: Text| Err(Failure::invalid(message).pointer("/patch"));
    match (kind, patch) {
        (Type::Json, Value::Array(operations)) if operations.is_empty() => {
            invalid(text!("k8s_patch.no-operations", "the patch has no operations"))
        }
        (Type::Json, Value::Array(operations)) => {
            operations.iter().enumerate().try_for_each(|(index, operation)| match wrong(operation) {
                Some(message) => Err(Failure::invalid(message).pointer(format!("/patch/{index}"))),
                None => Ok(()),
            })
        }
        (Type::Json, _) => invalid(text!("k8s_patch.not-a-list", "a JSON patch is a list of operations")),
        (_, Value::Object(map)) if map.is_empty() => invalid(text!("k8s_patch.empty", "the patch is empty")),
        (Type::Strategic, Value::Object(_)) => directives(patch, "/patch"),
        (Type::Merge, Value::Object(_)) => Ok(()),
        _ => invalid(text!("k8s_patch.not-a-map", "the patch is a map of what is to be set")),
    }
}

/// What is wrong with an operation of a JSON patch.
fn wrong(operation: &Value) -> Option<Text> {
    let (op, path) = (text(&operation["op"]), text(&operation["path"]));
    if !matches!(op, "add" | "replace" | "remove" | "test") {
        return Some(text!("k8s_patch.operation", "the operation `{op}` is none of add, replace, remove, test", op));
    }
    if !path.starts_with('/') {
        return Some(text!("k8s_patch.pointer", "`{path}` is not a JSON pointer: one begins with a slash", path));
    }
    let list = path.rsplit('/').next().is_some_and(|last| last == "-" || last.parse::<usize>().is_ok());
    if list && matches!(op, "add" | "remove") {
        return Some(text!(
            "k8s_patch.into-list",
            "whether `{op}` at `{path}` was done could not be recognised: give the whole list",
            op,
            path
        ));
    }
    let lacks = op != "remove" && operation.get("value").is_none();
    lacks.then(|| text!("k8s_patch.no-value", "the operation `{op}` needs a `value`", op))
}

fn directives(patch: &Value, pointer: &str) -> Result<(), Failure> {
    match patch {
        Value::Object(map) => map.iter().try_for_each(|(key, value)| match (key.as_str(), value.as_str()) {
            ("$patch", Some("delete")) => Ok(()),
            (key, _) if key.starts_with('$') => {
                let message = text!(
                    "k8s_patch.directive",
                    "`{key}` is not supported here; `$patch: delete` in an entry of a list is",
                    key
                );
                Err(Failure::invalid(message).pointer(format!("{pointer}/{key}")))
            }
            (key, _) => directives(value, &format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))),
        }),
        Value::Array(list) => {
            list.iter().enumerate().try_for_each(|(index, entry)| directives(entry, &format!("{pointer}/{index}")))
        }
        _ => Ok(()),
    }
}

/// Whether an object has what a patch would bring.
pub(super) fn contains(kind: Type, patch: &Value, object: &Value) -> bool {
    match kind {
        Type::Merge => differences(patch, object).is_empty(),
        Type::Strategic => has(patch, Some(object)),
        Type::Json => changing(patch).all(|operation| {
            let there = object.pointer(text(&operation["path"]));
            match operation.get("value").filter(|_| operation["op"] != "remove") {
                Some(wanted) => there.is_some_and(|there| there == wanted),
                None => there.is_none(),
            }
        }),
    }
}

/// The object as a patch would leave it.
pub(super) fn applied(kind: Type, patch: &Value, object: &Value) -> Value {
    if kind != Type::Json {
        return overlay(object, patch);
    }
    let mut after = object.clone();
    for operation in changing(patch) {
        let Some((parent, last)) = text(&operation["path"]).rsplit_once('/') else { continue };
        // Lists are not gone into: nothing that decides about claims stands in one.
        let Some(Value::Object(map)) = after.pointer_mut(parent) else { continue };
        let last = last.replace("~1", "/").replace("~0", "~");
        match operation.get("value").filter(|_| operation["op"] != "remove") {
            Some(value) => drop(map.insert(last, value.clone())),
            None => drop(map.shift_remove(&last)),
        }
    }
    after
}

/// The operations of a JSON patch that change something.
fn changing(patch: &Value) -> impl Iterator<Item = &Value> {
    patch.as_array().into_iter().flatten().filter(|operation| operation["op"] != "test")
}

fn has(patch: &Value, live: Option<&Value>) -> bool {
    match (patch, live) {
        (Value::Object(patch), Some(Value::Object(live))) => {
            patch.iter().all(|(key, value)| match (value, live.get(key)) {
                (Value::Array(_) | Value::Object(_), Some(there)) => has(value, Some(there)),
                _ => leaf(key, value, live),
            })
        }
        (Value::Array(patch), Some(Value::Array(live))) => match merge_key(patch) {
            Some(key) => patch.iter().all(|entry| {
                let there = live.iter().find(|known| known[key] == entry[key]);
                if entry["$patch"] == "delete" { there.is_none() } else { has(entry, there) }
            }),
            None => patch == live,
        },
        (patch, live) => live == Some(patch),
    }
}

/// Compares a single field, as a merge patch would.
fn leaf(key: &str, value: &Value, live: &Map<String, Value>) -> bool {
    let one = |value: &Value| Value::Object(Map::from_iter([(key.to_owned(), value.clone())]));
    differences(&one(value), &live.get(key).map(one).unwrap_or_else(|| Value::Object(Map::new()))).is_empty()
}

fn merge_key(list: &[Value]) -> Option<&'static str> {
    let keyed = |key: &&str| !list.is_empty() && list.iter().all(|entry| !entry[*key].is_null());
    MERGE_KEYS.into_iter().find(keyed)
}

/// What speaks against a patch: tests that do not hold, and paths that lead nowhere.
pub(super) fn obstacles(kind: Type, patch: &Value, object: &Value, title: &str) -> Vec<Text> {
    if kind != Type::Json {
        return Vec::new();
    }
    let operations = patch.as_array().into_iter().flatten();
    let refused = operations.filter_map(|operation| {
        let path = text(&operation["path"]);
        let there = object.pointer(path);
        match text(&operation["op"]) {
            "test" if there != operation.get("value") => {
                let is = match there {
                    Some(there) => Text::verbatim(there.to_string()),
                    None => text!("k8s_patch.not-set", "not set"),
                };
                Some(text!(
                    "k8s_patch.test",
                    "{title}: {path} is {is}, not {wanted}",
                    title,
                    path,
                    is,
                    wanted = &operation["value"]
                ))
            }
            "replace" if there.is_none() => {
                Some(text!("k8s_patch.replace", "{title} has no {path} that could be replaced", title, path))
            }
            "add" if path.rsplit_once('/').is_none_or(|(parent, _)| object.pointer(parent).is_none()) => Some(text!(
                "k8s_patch.no-parent",
                "{title} has nothing at the parent of {path}: add that first",
                title,
                path
            )),
            _ => None,
        }
    });
    refused.collect()
}

/// The fields that a patch touches, as a merge patch: its form counts, for a JSON patch its values do not.
pub(super) fn fields(kind: Type, patch: &Value, object: &Value) -> Value {
    if kind != Type::Json {
        return patch.clone();
    }
    let mut fields = Value::Object(Map::new());
    for operation in changing(patch) {
        let (mut slot, mut live) = (&mut fields, Some(object));
        for part in text(&operation["path"]).split('/').skip(1) {
            // A merge patch cannot reach into a list: the whole list is touched.
            if live.is_some_and(Value::is_array) {
                break;
            }
            let part = part.replace("~1", "/").replace("~0", "~");
            live = live.and_then(|live| live.get(&part));
            if !slot.is_object() {
                *slot = Value::Object(Map::new());
            }
            slot = &mut slot[part];
        }
        if slot.is_null() && operation["op"] != "remove" {
            // Anything but null: only its place counts.
            *slot = Value::Array(Vec::new());
        }
    }
    fields
}

/// The fields of a merge patch in words: `spec.persistentVolumeReclaimPolicy=Retain`.
pub(super) fn words(fields: &Value) -> Vec<String> {
    fn walk(value: &Value, path: String, found: &mut Vec<String>) {
        match value {
            Value::Object(map) if !map.is_empty() => {
                map.iter().for_each(|(key, value)| walk(value, join(&path, key), found));
            }
            Value::String(text) if text.len() <= 40 && !path.starts_with("data") && !path.starts_with("stringData") => {
                found.push(format!("{path}={text}"));
            }
            Value::Bool(_) | Value::Number(_) => found.push(format!("{path}={value}")),
            _ => found.push(path),
        }
    }
    let mut found = Vec::new();
    walk(fields, String::new(), &mut found);
    found
}
