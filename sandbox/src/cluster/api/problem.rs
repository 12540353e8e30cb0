//! Refusals of the API server, as data; the `Status` objects clients see are made from them.

use serde_json::{Value, json};

use super::kind::Kind;

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The HTTP status code.
    pub(crate) code: u16,
    /// The machine-readable reason: `NotFound`.
    pub(crate) reason: &'static str,
    /// In words.
    pub(crate) message: String,
    /// What it is about, as data; null if that is left out here.
    pub(crate) details: Value,
}

impl Problem {
    /// A refusal with a message alone.
    pub(crate) fn of(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: Value::Null }
    }

    /// The object is not there.
    pub(crate) fn not_found(kind: &Kind, name: &str) -> Self {
        Self::of(404, "NotFound", format!("{} \"{name}\" not found", kind.resource()))
    }

    /// There is no such path.
    pub(crate) fn no_such_path() -> Self {
        Self::of(404, "", "404 page not found")
    }

    /// The object is there already.
    pub(crate) fn exists(kind: &Kind, name: &str) -> Self {
        Self::of(409, "AlreadyExists", format!("{} \"{name}\" already exists", kind.resource()))
    }

    /// The object is not what the request takes it to be.
    pub(crate) fn conflict(kind: &Kind, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} \"{name}\": {why}", kind.resource());
        Self::of(409, "Conflict", message)
    }

    /// The object would be invalid.
    pub(crate) fn invalid(kind: &Kind, name: &str, why: &str) -> Self {
        let subject =
            if kind.group.is_empty() { kind.kind.to_owned() } else { format!("{}.{}", kind.kind, kind.group) };
        Self::of(422, "Invalid", format!("{subject} \"{name}\" is invalid: {why}"))
    }

    /// The request makes no sense.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::of(400, "BadRequest", message)
    }

    /// The verb is not served here.
    pub(crate) fn not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource".to_owned();
        Self::of(405, "MethodNotAllowed", message)
    }

    /// The body has a media type that the path does not take.
    pub(crate) fn media_type(got: &str) -> Self {
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, \
             application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml (got {got})"
        );
        Self::of(415, "UnsupportedMediaType", message)
    }

    /// The server is broken; used by injected faults.
    pub(crate) fn broken(code: u16) -> Self {
        let (reason, message) = match code {
            403 => ("Forbidden", "forbidden (injected fault)"),
            409 => ("Conflict", "conflict (injected fault)"),
            429 => ("TooManyRequests", "too many requests (injected fault)"),
            503 => ("ServiceUnavailable", "the server is currently unable to handle the request (injected fault)"),
            _ => ("InternalError", "internal error (injected fault)"),
        };
        Self::of(code, reason, message)
    }

    /// The `Status` object.
    pub(crate) fn status(&self) -> Value {
        if self.reason.is_empty() {
            // What is not a resource is answered by the web server beneath, which knows no Status.
            return Value::String(self.message.clone());
        }
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason, "code": self.code,
        });
        if !self.details.is_null() {
            status["details"] = self.details.clone();
        }
        status
    }
}
