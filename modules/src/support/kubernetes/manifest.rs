//! Manifests: an object without what only the API server writes, and the difference of two of them for people to read.

use serde_json::{Map, Value, json};

use super::text;
use crate::support::difference;

/// What the API server and controllers keep in an object's metadata.
const SERVER_METADATA: [&str; 8] = [
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
    "selfLink",
];

/// An object as it would be written to make it anew: without its status, identity and history.
pub(crate) fn clean(object: &Value) -> Value {
    let mut clean = object.clone();
    if let Some(fields) = clean.as_object_mut() {
        fields.shift_remove("status");
    }
    if let Some(meta) = clean.get_mut("metadata").and_then(Value::as_object_mut) {
        SERVER_METADATA.iter().for_each(|field| drop(meta.shift_remove(*field)));
    }
    clean
}

/// An object that may be shown and recorded: the values of a Secret are replaced by their sizes.
pub(crate) fn shown(object: &Value) -> Value {
    let mut shown = object.clone();
    if shown["kind"] == "Secret" {
        for field in ["data", "stringData"] {
            for value in shown.get_mut(field).and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut) {
                *value = json!(format!("({} characters)", text(value).len()));
            }
        }
    }
    shown
}

/// A unified diff of two objects as YAML; an absent one has no lines.
pub(crate) fn preview(from: Option<&Value>, to: Option<&Value>) -> String {
    let yaml = |object: Option<&Value>| match object {
        Some(object) => serde_yaml::to_string(&shown(&clean(object))).unwrap_or_default(),
        None => String::new(),
    };
    let (from, to) = (yaml(from), yaml(to));
    difference::lines(&from, &to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_shows_what_changes_and_no_secret() {
        let secret = |value: &str| json!({"kind": "Secret", "metadata": {"name": "s", "uid": "u"}, "data": {"p": value}, "type": "Opaque"});
        let shown = preview(Some(&secret("aHVudGVyMg==")), Some(&secret("c3VycHJpc2U=x")));
        assert_eq!(
            shown,
            "@@ -2,5 +2,5 @@\n metadata:\n   name: s\n data:\n-  p: (12 characters)\n+  p: (13 characters)\n type: Opaque\n"
        );
        let made = preview(None, Some(&json!({"kind": "Pod", "status": {"phase": "Running"}})));
        assert_eq!(made, "@@ -0,0 +1 @@\n+kind: Pod\n");
    }
}
