//! Manifests as authors write them, taken apart and checked.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cutover_engine::failure::Failure;
use cutover_engine::text;
use serde_json::{Map, Value};

use crate::support::kubernetes::kind::Kind;
use crate::support::kubernetes::quantity::nanos;
use crate::support::kubernetes::{judge_name, manifest, name, text};

/// The manifests, each with the pointer to it. What only the API server writes is taken off.
pub(super) fn manifests(parameter: &Value) -> Result<Vec<(String, Value)>, Failure> {
    let list: Vec<(String, &Value)> = match parameter {
        Value::Array(list) if list.is_empty() => {
            return Err(
                Failure::invalid(text!("k8s_apply.none", "there is no manifest in the list")).pointer("/manifest")
            );
        }
        Value::Array(list) => list.iter().enumerate().map(|(index, one)| (format!("/manifest/{index}"), one)).collect(),
        one => vec![("/manifest".to_owned(), one)],
    };
    list.into_iter().map(|(pointer, one)| check(&pointer, one).map(|one| (pointer, one))).collect()
}

fn check(pointer: &str, one: &Value) -> Result<Value, Failure> {
    if !one.is_object() {
        return Err(Failure::invalid(text!("k8s_apply.not-a-map", "a manifest is a map")).pointer(pointer));
    }
    for field in ["/apiVersion", "/kind", "/metadata/name"] {
        if one.pointer(field).map(text).unwrap_or_default().is_empty() {
            let name = field[1..].replace('/', ".");
            let message = text!("k8s_apply.incomplete", "the manifest has no `{name}`", name);
            let failure = Failure::invalid(message).pointer(pointer);
            return Err(match one["metadata"]["generateName"].is_null() {
                true => failure,
                false => failure.help(text!(
                    "k8s_apply.generated-name",
                    "a generated name would make another object each time: give it a name"
                )),
            });
        }
    }
    let mut wanted = manifest::clean(one);
    if wanted["kind"] == "Secret" {
        encode(&mut wanted);
    }
    Ok(wanted)
}

/// Judges what a manifest names: its kind, its name, and a namespace where the kind has them.
pub(super) fn judge(pointer: &str, manifest: &Value) -> Result<(), Failure> {
    let namespace = manifest["metadata"]["namespace"].as_str();
    let version = text(&manifest["apiVersion"]);
    let beneath = |failure: Failure| {
        let field = match failure.pointer.as_deref() {
            Some("/api_version") => "/apiVersion",
            Some("/namespace") => "/metadata/namespace",
            Some("/name") => "/metadata/name",
            _ => "/kind",
        };
        failure.pointer(format!("{pointer}{field}"))
    };
    Kind::judge(Some(version), text(&manifest["kind"]), namespace, false)
        .and_then(|()| judge_name(name(manifest), "/name"))
        .map_err(beneath)?;
    match (version, text(&manifest["kind"])) {
        ("v1", "PersistentVolume" | "PersistentVolumeClaim") => judge_storage(pointer, manifest),
        _ => Ok(()),
    }
}

/// Judges the size and the directory of a volume, and what a claim asks for.
fn judge_storage(pointer: &str, manifest: &Value) -> Result<(), Failure> {
    let wrong = |words, field: &str| Err(Failure::invalid(words).pointer(format!("{pointer}{field}")));
    for field in ["/spec/capacity/storage", "/spec/resources/requests/storage"] {
        let Some(size) = manifest.pointer(field).filter(|size| !size.is_null()) else { continue };
        // In billionths of a byte; a disk has one byte at least, and an EiB at most.
        let possible =
            nanos(size).is_some_and(|nanos| (1_000_000_000..=(1_i128 << 60) * 1_000_000_000).contains(&nanos));
        if !possible {
            return wrong(text!("k8s_apply.size", "{size} is not a size that a disk has: write `20Gi`", size), field);
        }
    }
    for field in ["/spec/hostPath/path", "/spec/local/path"] {
        let Some(path) = manifest.pointer(field) else { continue };
        let path = text(path);
        let plain = path.starts_with('/') && !path.split('/').any(|part| matches!(part, "." | ".."));
        if !plain || path.trim_matches('/').is_empty() {
            let words = text!(
                "k8s_apply.directory",
                "`{path}` is not the directory of a volume: write an absolute path without `.` and `..`, below `/`",
                path
            );
            return wrong(words, field);
        }
    }
    Ok(())
}

/// What makes two manifests speak of the same object: group, kind, namespace and name.
pub(super) fn identity(manifest: &Value) -> [&str; 4] {
    let group = text(&manifest["apiVersion"]).rsplit_once('/').map_or("", |(group, _)| group);
    [group, text(&manifest["kind"]), text(&manifest["metadata"]["namespace"]), name(manifest)]
}

/// Turns `stringData` into `data`, as the API server does.
fn encode(secret: &mut Value) {
    let plain = secret.as_object_mut().and_then(|secret| secret.shift_remove("stringData"));
    let Some(Value::Object(plain)) = plain else { return };
    let Some(fields) = secret.as_object_mut() else { return };
    let data = fields.entry("data").or_insert_with(|| Value::Object(Map::new()));
    for (key, value) in plain {
        data[key] = Value::String(STANDARD.encode(text(&value)));
    }
}

/// A manifest for creation: nulls, which ask for the absence of a field, are left out.
pub(super) fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let set = map.iter().filter(|(_, value)| !value.is_null());
            Value::Object(set.map(|(key, value)| (key.clone(), without_nulls(value))).collect())
        }
        Value::Array(list) => Value::Array(list.iter().map(without_nulls).collect()),
        other => other.clone(),
    }
}
