//! Requests that change objects, as actions. What they are for is the modules' business.

use cutover_engine::action::Action;
use cutover_engine::request::Request;
use serde_json::{Map, Value, json};

use super::text;

/// The media type of RFC 7386 patches, which every API server takes for every kind.
pub(crate) const MERGE: &str = "application/merge-patch+json";
/// The media type of strategic merge patches; built-in kinds only.
pub(crate) const STRATEGIC: &str = "application/strategic-merge-patch+json";
/// The media type of RFC 6902 patches.
pub(crate) const JSON: &str = "application/json-patch+json";

/// Who writes, as the API server's `managedFields` show it, and that a field that it does not know is refused: since 1.25, and before
/// it has no effect.
const MANAGER: &str = "fieldManager=cutover&fieldValidation=Strict";

fn request(site: &str, method: &str, path: String) -> Request {
    Request {
        site: site.to_owned(),
        method: method.to_owned(),
        path,
        content_type: None,
        body: None,
        accept: Vec::new(),
    }
}

/// Changes an object by a patch of a media type.
pub(crate) fn patch_as(site: &str, path: &str, media_type: &str, body: Value) -> Action {
    let content_type = Some(media_type.to_owned());
    Action::Request(Request { content_type, body: Some(body), ..request(site, "PATCH", format!("{path}?{MANAGER}")) })
}

/// Changes an object by a merge patch.
pub(crate) fn patch(site: &str, path: &str, body: Value) -> Action {
    patch_as(site, path, MERGE, body)
}

/// Creates an object in a collection.
pub(crate) fn create(site: &str, collection: &str, body: Value) -> Request {
    Request { body: Some(body), ..request(site, "POST", format!("{collection}?{MANAGER}")) }
}

/// Reads an object, so that what it was is kept with the results of the change. It may be gone already.
pub(crate) fn keep(site: &str, path: &str) -> Action {
    Action::Request(Request { accept: vec![404], ..request(site, "GET", path.to_owned()) })
}

/// Which object was looked at, and in which version. What is then done to it holds for that one only: not for another one that took
/// its name, nor for one that somebody has changed meanwhile. It is not recorded with what a probe saw: each status makes a new version.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Identity {
    uid: String,
    version: String,
}

impl Identity {
    /// Reads an object.
    pub(crate) fn of(object: &Value) -> Self {
        let field = |name: &str| text(&object["metadata"][name]).to_owned();
        Self { uid: field("uid"), version: field("resourceVersion") }
    }

    fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [("uid", self.uid.as_str()), ("resourceVersion", self.version.as_str())]
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
    }

    /// As the metadata of a patch, or the preconditions of a deletion.
    pub(crate) fn precondition(&self) -> Value {
        self.fields().map(|(field, value)| (field.to_owned(), json!(value))).collect::<Map<_, _>>().into()
    }

    /// Makes a patch hold for this object only; one that scales, for this version of it only.
    pub(crate) fn guard(&self, mut patch: Value) -> Value {
        let scales = match &patch {
            Value::Array(operations) => operations.iter().any(|operation| operation["path"] == "/spec/replicas"),
            patch => patch.pointer("/spec/replicas").is_some(),
        };
        let fields = self.fields().filter(|(field, _)| scales || *field == "uid");
        match &mut patch {
            Value::Array(operations) => {
                let test = |(field, value)| json!({"op": "test", "path": format!("/metadata/{field}"), "value": value});
                operations.splice(0..0, fields.map(test));
            }
            Value::Object(_) => fields.for_each(|(field, value)| patch["metadata"][field] = json!(value)),
            _ => {}
        }
        patch
    }
}

/// Deletes an object, which may be gone already, if it is still what was `seen`.
pub(crate) fn delete(site: &str, path: &str, seen: Option<&Identity>, propagation: &str) -> Action {
    let mut body = json!({"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation});
    if let Some(seen) = seen {
        body["preconditions"] = seen.precondition();
    }
    Action::Request(Request { body: Some(body), accept: vec![404], ..request(site, "DELETE", path.to_owned()) })
}
