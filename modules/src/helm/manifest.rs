//! Manifests: the objects of a release as rendered and as deployed, what differs between the two, and what of it a person may
//! see. Compared is meaning, not text: order of keys, comments and quoting do not count.

use cutover_engine::text;
use cutover_engine::text::Text;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::support::difference;

/// What a secret value shows as.
pub(super) const SECRET: &str = "(secret)";
/// What another secret value shows as.
pub(super) const OTHER_SECRET: &str = "(another secret)";
/// What differs from one rendering to the next shows as.
const RANDOM: &str = "(random)";

/// One object of a manifest.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Object {
    /// `apps/v1 StatefulSet common/etcd`.
    pub(super) id: String,
    /// The object. Secret data is masked.
    pub(super) body: Value,
}

/// Reads a manifest. Without `mask` nothing of it may leave the probe.
///
/// # Errors
/// Says why a document is not YAML.
pub(super) fn parse(text: &str, namespace: &str) -> Result<Vec<Object>, Text> {
    let mut documents = vec![String::new()];
    for line in text.lines() {
        if line == "---" || line.starts_with("--- ") {
            documents.push(String::new());
        } else if let Some(document) = documents.last_mut() {
            *document += line;
            document.push('\n');
        }
    }
    let mut objects = Vec::new();
    for document in documents.iter().filter(|document| has_content(document)) {
        let body: Value = serde_yaml::from_str(document)
            .map_err(|error| text!("helm.manifest", "a manifest is not YAML: {error}", error = error.to_string()))?;
        if body.is_object() {
            objects.push(Object { id: id(&body, namespace), body });
        }
    }
    Ok(objects)
}

fn has_content(document: &str) -> bool {
    document.lines().any(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
}

fn id(body: &Value, namespace: &str) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let own = text(&body["metadata"]["namespace"]);
    let namespace = if own.is_empty() { namespace } else { &own };
    let (version, kind, name) = (text(&body["apiVersion"]), text(&body["kind"]), text(&body["metadata"]["name"]));
    format!("{version} {kind} {namespace}/{name}")
}

/// Takes out what differs from one rendering of the same chart to the next (generated passwords and certificates): it says
/// nothing about drift.
pub(super) fn level(first: &[Object], second: &[Object], lists: [&mut Vec<Object>; 2]) {
    for list in lists {
        for object in list.iter_mut() {
            let find =
                |list: &[Object]| list.iter().find(|known| known.id == object.id).map(|known| known.body.clone());
            if let (Some(one), Some(other)) = (find(first), find(second)) {
                blank(&one, &other, &mut object.body);
            }
        }
    }
}

fn blank(one: &Value, other: &Value, body: &mut Value) {
    match (one, other) {
        (one, other) if one == other => {}
        (Value::Object(one), Value::Object(other)) => {
            for (key, value) in one {
                if let (Some(other), Some(body)) = (other.get(key), body.get_mut(key)) {
                    blank(value, other, body);
                }
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            let body = body.as_array_mut().into_iter().flatten();
            one.iter().zip(other).zip(body).for_each(|((one, other), body)| blank(one, other, body));
        }
        _ => *body = Value::from(RANDOM),
    }
}

/// Hides the data of Secrets. A value that differs between the two lists still shows as another one.
pub(super) fn mask(deployed: &mut [Object], rendered: &mut [Object]) {
    let before: Vec<Object> = deployed.to_vec();
    for object in rendered.iter_mut() {
        let known = before.iter().find(|known| known.id == object.id).map(|known| &known.body);
        hide(&mut object.body, known);
    }
    deployed.iter_mut().for_each(|object| hide(&mut object.body, None));
}

fn hide(body: &mut Value, known: Option<&Value>) {
    if body["kind"] != "Secret" {
        return;
    }
    for field in ["data", "stringData"] {
        for (key, value) in body.get_mut(field).and_then(Value::as_object_mut).into_iter().flatten() {
            let same = known.is_none_or(|known| known[field].get(key).is_none_or(|other| other == value));
            *value = Value::from(if same { SECRET } else { OTHER_SECRET });
        }
    }
}

/// What changes from one manifest to another, for people; `None` if nothing does.
pub(super) fn preview(deployed: &[Object], rendered: &[Object]) -> Option<String> {
    let find = |list: &[Object], id: &str| list.iter().find(|object| object.id == id).map(|object| object.body.clone());
    let mut text = String::new();
    for object in rendered {
        match find(deployed, &object.id) {
            Some(old) if old == object.body => {}
            Some(old) => text += &unified(&object.id, &yaml(&old), &yaml(&object.body)),
            None => text += &format!("+ {} is added\n", object.id),
        }
    }
    for object in deployed.iter().filter(|object| find(rendered, &object.id).is_none()) {
        text += &format!("- {} is removed\n", object.id);
    }
    (!text.is_empty()).then_some(text)
}

fn unified(id: &str, old: &str, new: &str) -> String {
    difference::named_lines((&format!("deployed: {id}"), old), (&format!("chart: {id}"), new))
}

fn yaml(value: &Value) -> String {
    serde_yaml::to_string(&sorted(value)).unwrap_or_default()
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<(&String, &Value)> = fields.iter().collect();
            fields.sort_by_key(|(key, _)| *key);
            let fields: Map<String, Value> =
                fields.into_iter().map(|(key, value)| (key.clone(), sorted(value))).collect();
            Value::Object(fields)
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

/// The objects that make pods: their id and the labels of their pods.
pub(super) fn workloads(objects: &[Object]) -> Vec<(String, Map<String, Value>)> {
    let labels = |object: &Object| {
        let body = &object.body;
        let meta = match body["kind"].as_str()? {
            "StatefulSet" | "Deployment" | "DaemonSet" | "ReplicaSet" | "ReplicationController" | "Job" => {
                &body["spec"]["template"]["metadata"]
            }
            "CronJob" => &body["spec"]["jobTemplate"]["spec"]["template"]["metadata"],
            "Pod" => &body["metadata"],
            _ => return None,
        };
        Some((object.id.clone(), meta["labels"].as_object().cloned().unwrap_or_default()))
    };
    objects.iter().filter_map(labels).collect()
}
