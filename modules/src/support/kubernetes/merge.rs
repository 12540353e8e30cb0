//! Merge patches (RFC 7386): the one that leads from an object to another, and the one that takes a patch back.

use serde_json::{Map, Value};

/// The merge patch that makes `to` of `from`; an empty object if they are the same. A list that differs is given whole.
pub(crate) fn between(from: &Value, to: &Value) -> Value {
    let (Value::Object(from), Value::Object(to)) = (from, to) else { return to.clone() };
    let mut patch = Map::new();
    for (key, value) in to {
        match from.get(key) {
            Some(old) if old == value => {}
            Some(old @ Value::Object(_)) if value.is_object() => {
                patch.insert(key.clone(), between(old, value));
            }
            _ => {
                patch.insert(key.clone(), value.clone());
            }
        }
    }
    for key in from.keys().filter(|key| !to.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    Value::Object(patch)
}

/// The merge patch that brings back what an object has now in the fields that a patch touches.
pub(crate) fn restoring(patch: &Value, live: &Value) -> Value {
    let (Value::Object(patch), Value::Object(live)) = (patch, live) else { return live.clone() };
    let mut back = Map::new();
    for (key, value) in patch {
        match live.get(key) {
            None if value.is_null() => {}
            None => {
                back.insert(key.clone(), Value::Null);
            }
            Some(old) => {
                let old = restoring(value, old);
                if !old.as_object().is_some_and(Map::is_empty) || !value.is_object() {
                    back.insert(key.clone(), old);
                }
            }
        }
    }
    Value::Object(back)
}

#[cfg(test)]
mod tests {
    use json_patch::merge;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_patch_between_two_objects_leads_there_and_back() {
        let from = json!({"a": 1, "b": {"c": 2, "d": [1, 2]}, "e": {"f": 1}});
        let to = json!({"a": 1, "b": {"c": 3, "d": [1]}, "g": true});
        let patch = between(&from, &to);
        assert_eq!(patch, json!({"b": {"c": 3, "d": [1]}, "g": true, "e": null}));
        let mut object = from.clone();
        merge(&mut object, &patch);
        assert_eq!(object, to);
        merge(&mut object, &between(&to, &from));
        assert_eq!(object, from);
        assert_eq!(between(&to, &to), json!({}));
    }

    #[test]
    fn a_patch_is_undone_in_its_own_fields_only() {
        let live = json!({"spec": {"policy": "Delete", "list": [1], "ref": {"uid": "u", "name": "n"}}, "x": 1});
        for patch in [
            json!({"spec": {"policy": "Retain"}}),
            json!({"spec": {"ref": {"uid": null}, "list": [2, 3]}}),
            json!({"spec": {"new": {"deep": 1}, "absent": null}, "x": null}),
            json!({"spec": {"ref": null}}),
        ] {
            let back = restoring(&patch, &live);
            let mut object = live.clone();
            merge(&mut object, &patch);
            // Somebody else changes another field in between.
            object["y"] = json!(2);
            merge(&mut object, &back);
            let mut expected = live.clone();
            expected["y"] = json!(2);
            assert_eq!(object, expected, "{patch} {back}");
        }
        assert_eq!(
            restoring(&json!({"spec": {"policy": "Retain"}}), &live),
            json!({"spec": {"policy": "Delete"}}),
            "nothing else is named"
        );
    }
}
