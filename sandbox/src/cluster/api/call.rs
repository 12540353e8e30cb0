//! A request to the API server, taken apart.

use serde_json::Value;

/// A request, taken apart.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub(crate) method: String,
    /// The path, without the query.
    pub(crate) path: String,
    /// The query's parameters, decoded.
    pub(crate) query: Vec<(String, String)>,
    /// The media type of the body.
    pub(crate) media_type: String,
    /// The body; null if there is none.
    pub(crate) body: Value,
}

impl Call {
    /// A parameter of the query.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}
