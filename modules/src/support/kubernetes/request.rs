//! Requests that change objects, as actions. What they are for is the modules' business.

use cutover_engine::action::Action;
use cutover_engine::request::Request;
use serde_json::{Value, json};

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

/// Deletes an object, which may be gone already. With a UID only that very object, not one that took its name.
pub(crate) fn delete(site: &str, path: &str, uid: Option<&str>, propagation: &str) -> Action {
    let mut body = json!({"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation});
    if let Some(uid) = uid {
        body["preconditions"] = json!({"uid": uid});
    }
    Action::Request(Request { body: Some(body), accept: vec![404], ..request(site, "DELETE", path.to_owned()) })
}
