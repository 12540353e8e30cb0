//! The four kinds of patches. Strategic merges treat lists as a merge patch does, except for the few lists of objects
//! that Kubernetes merges by `name`, `containerPort` and so on, which are merged by `name`.

use serde_json::{Map, Value};

use super::problem::Problem;

/// Applies a patch of a media type to an object.
pub(crate) fn apply(media_type: &str, object: &mut Value, patch: &Value) -> Result<(), Problem> {
    match media_type.split(';').next().unwrap_or_default().trim() {
        "application/merge-patch+json" => json_patch::merge(object, patch),
        "application/apply-patch+yaml" | "application/strategic-merge-patch+json" => strategic(object, patch),
        "application/json-patch+json" => return json_patch(object, patch),
        other => return Err(Problem::media_type(other)),
    }
    Ok(())
}

/// A merge patch in which lists of named objects are merged by name, and lists of strings under `finalizers` united.
fn strategic(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else { return };
    for (key, value) in patch {
        let named = |value: &Value| {
            value.as_array().is_some_and(|list| !list.is_empty() && list.iter().all(|item| item["name"].is_string()))
        };
        let slot = target.entry(key.clone()).or_insert(Value::Null);
        match (slot, value) {
            (_, Value::Null) => {
                target.shift_remove(key);
            }
            (Value::Array(old), Value::Array(new)) if named(value) => {
                for item in new {
                    match old.iter_mut().find(|known| known["name"] == item["name"]) {
                        Some(known) => strategic(known, item),
                        None => old.push(item.clone()),
                    }
                }
            }
            (slot, value) => strategic(slot, value),
        }
    }
}

/// RFC 6902: all operations, or none.
fn json_patch(object: &mut Value, patch: &Value) -> Result<(), Problem> {
    let patch: json_patch::Patch = serde_json::from_value(patch.clone())
        .map_err(|error| Problem::bad_request(format!("error decoding patch: {error}")))?;
    json_patch::patch(object, &patch).map_err(|error| {
        let message = format!("the server rejected our request due to an error in our request: {error}");
        Problem::of(422, "Invalid", message)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_merge_patch_replaces_lists_and_removes_by_null() {
        let mut object = json!({"a": {"b": 1, "c": 2}, "l": [1, 2]});
        apply("application/merge-patch+json", &mut object, &json!({"a": {"b": null, "d": 3}, "l": [9]})).unwrap();
        assert_eq!(object, json!({"a": {"c": 2, "d": 3}, "l": [9]}));
    }

    #[test]
    fn a_strategic_patch_merges_named_lists() {
        let mut object = json!({"containers": [{"name": "etcd", "image": "a", "tty": true}]});
        let patch = json!({"containers": [{"name": "etcd", "image": "b"}, {"name": "log"}]});
        apply("application/strategic-merge-patch+json", &mut object, &patch).unwrap();
        assert_eq!(object, json!({"containers": [{"name": "etcd", "image": "b", "tty": true}, {"name": "log"}]}));
    }

    #[test]
    fn a_json_patch_tests_adds_and_removes() {
        let mut object = json!({"metadata": {"finalizers": ["x"], "labels": {"a/b": "c"}}});
        let patch = json!([
            {"op": "test", "path": "/metadata/finalizers/0", "value": "x"},
            {"op": "remove", "path": "/metadata/finalizers/0"},
            {"op": "add", "path": "/metadata/labels/d", "value": "e"},
            {"op": "replace", "path": "/metadata/labels/a~1b", "value": "f"},
        ]);
        apply("application/json-patch+json", &mut object, &patch).unwrap();
        assert_eq!(object, json!({"metadata": {"finalizers": [], "labels": {"a/b": "f", "d": "e"}}}));
        let refused = json!([{"op": "remove", "path": "/spec"}]);
        assert_eq!(apply("application/json-patch+json", &mut object, &refused).unwrap_err().code, 422);
        assert_eq!(apply("application/json", &mut object, &json!({})).unwrap_err().code, 415);
    }
}
