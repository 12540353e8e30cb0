//! Compares what an author wants of an object with what it is. Only the fields that the author names count: what the API
//! server fills in, and what controllers add, is not a difference. Quantities are compared as amounts.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::quantity::nanos;

/// One field that differs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Difference {
    /// Where: `spec.template.spec.containers[etcd].image`.
    pub(crate) path: String,
    /// What is; `None` if it is not set.
    pub(crate) live: Option<Value>,
    /// What is wanted; null if it is to be gone.
    pub(crate) wanted: Value,
}

/// Fields whose zero value the API server leaves out when it answers: plain booleans, numbers and texts with `omitempty` in
/// `k8s.io/api`. Others that are absent have a meaning of their own.
const OMITTED_ZERO: [&str; 13] = [
    "hostNetwork",
    "hostPID",
    "hostIPC",
    "readOnly",
    "stdin",
    "stdinOnce",
    "tty",
    "unschedulable",
    "publishNotReadyAddresses",
    "paused",
    "minReadySeconds",
    "value",
    "subPath",
];

/// Maps whose values are quantities, and single fields that are.
const QUANTITIES: [&str; 11] = [
    "requests",
    "limits",
    "capacity",
    "hard",
    "min",
    "max",
    "default",
    "defaultRequest",
    "maxLimitRequestRatio",
    "sizeLimit",
    "divisor",
];

/// Lists that others may add to: only that the wanted entries are in them counts.
const SHARED: [&str; 2] = ["finalizers", "ownerReferences"];

/// Where a value stands.
#[derive(Clone, Copy)]
struct Place<'a> {
    key: &'a str,
    quantity: bool,
}

impl<'a> Place<'a> {
    const ROOT: Self = Self { key: "", quantity: false };

    fn below(self, key: &'a str) -> Self {
        Self { key, quantity: QUANTITIES.contains(&key) || self.quantity }
    }
}

/// The fields in which an object is not as wanted.
pub(crate) fn differences(wanted: &Value, live: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    walk(wanted, Some(live), Place::ROOT, String::new(), &mut found);
    found
}

fn walk(wanted: &Value, live: Option<&Value>, place: Place<'_>, path: String, found: &mut Vec<Difference>) {
    let live = live.filter(|live| !live.is_null());
    match (wanted, live) {
        (Value::Object(wanted), Some(Value::Object(live))) => {
            for (key, value) in wanted {
                walk(value, live.get(key), place.below(key), join(&path, key), found);
            }
        }
        (Value::Array(wanted), Some(Value::Array(live))) if SHARED.contains(&place.key) => {
            for entry in wanted.iter().filter(|entry| !live.iter().any(|known| differences(entry, known).is_empty())) {
                found.push(Difference { path: path.clone(), live: None, wanted: entry.clone() });
            }
        }
        (Value::Array(wanted_list), Some(Value::Array(live_list))) => {
            if wanted_list.len() != live_list.len() {
                found.push(Difference { path, live: live.cloned(), wanted: wanted.clone() });
                return;
            }
            let partners = partners(wanted_list, live_list);
            for (index, (entry, partner)) in wanted_list.iter().zip(partners).enumerate() {
                let label = label(entry).map_or_else(|| index.to_string(), str::to_owned);
                walk(entry, partner, place, format!("{path}[{label}]"), found);
            }
        }
        _ if same(wanted, live, place) => {}
        _ => found.push(Difference { path, live: live.cloned(), wanted: wanted.clone() }),
    }
}

fn same(wanted: &Value, live: Option<&Value>, place: Place<'_>) -> bool {
    match (wanted, live) {
        (Value::Null, None) => true,
        (Value::Object(map), None) => map.values().all(Value::is_null) && place.key != "emptyDir",
        (Value::Array(list), None) => list.is_empty(),
        (wanted, None) => OMITTED_ZERO.contains(&place.key) && is_zero(wanted),
        (Value::Number(a), Some(Value::Number(b))) if !place.quantity => a == b || a.as_f64() == b.as_f64(),
        (wanted, Some(live)) if place.quantity => {
            wanted == live || nanos(wanted).is_some_and(|amount| nanos(live) == Some(amount))
        }
        (wanted, Some(live)) => wanted == live,
    }
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Bool(set) => !set,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

/// What an object becomes when the wanted fields are set in it. Entries of lists keep what the author does not name.
pub(crate) fn overlay(live: &Value, wanted: &Value) -> Value {
    lay(Some(live), wanted, Place::ROOT)
}

fn lay(live: Option<&Value>, wanted: &Value, place: Place<'_>) -> Value {
    match (wanted, live) {
        (Value::Object(wanted), Some(Value::Object(live))) => {
            let mut map = live.clone();
            for (key, value) in wanted {
                let old = live.get(key);
                if same(value, old.filter(|old| !old.is_null()), place.below(key)) {
                    continue;
                }
                if value.is_null() {
                    map.shift_remove(key);
                } else {
                    map.insert(key.clone(), lay(old, value, place.below(key)));
                }
            }
            Value::Object(map)
        }
        (Value::Array(wanted), Some(Value::Array(live))) if SHARED.contains(&place.key) => {
            let missing = wanted.iter().filter(|entry| !live.iter().any(|known| differences(entry, known).is_empty()));
            Value::Array(live.iter().chain(missing).cloned().collect())
        }
        (Value::Array(wanted), Some(Value::Array(live))) => {
            let partners = partners(wanted, live);
            Value::Array(wanted.iter().zip(partners).map(|(entry, partner)| lay(partner, entry, place)).collect())
        }
        (wanted, Some(live)) if same(wanted, Some(live), place) => live.clone(),
        (Value::Object(wanted), _) => {
            let set = wanted.iter().filter(|(_, value)| !value.is_null());
            Value::Object(set.map(|(key, value)| (key.clone(), lay(None, value, place.below(key)))).collect())
        }
        (wanted, _) => wanted.clone(),
    }
}

/// The live entry that each wanted entry of a list speaks of: the one of the same name, or else of the same position.
fn partners<'a>(wanted: &[Value], live: &'a [Value]) -> Vec<Option<&'a Value>> {
    let named = |list: &[Value]| {
        let labels: BTreeSet<&str> = list.iter().filter_map(label).collect();
        labels.len() == list.len()
    };
    if named(wanted) && named(live) {
        let find = |entry: &Value| live.iter().find(|known| label(known) == label(entry));
        return wanted.iter().map(find).collect();
    }
    (0..wanted.len()).map(|index| live.get(index)).collect()
}

/// What names an entry of a list of objects.
fn label(entry: &Value) -> Option<&str> {
    let entry: &Map<String, Value> = entry.as_object()?;
    ["name", "mountPath", "key", "type"].iter().find_map(|key| entry.get(*key)?.as_str())
}

/// Adds a key to a path.
pub(crate) fn join(path: &str, key: &str) -> String {
    let plain = key.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    match (path.is_empty(), plain) {
        (true, true) => key.to_owned(),
        (false, true) => format!("{path}.{key}"),
        (_, false) => format!("{path}['{key}']"),
    }
}

#[cfg(test)]
mod tests;
