//! Requests to a site's API server, and its answers, as data.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A request to an API server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Request {
    /// The site's name in the inventory.
    pub site: String,
    /// `POST`, `PUT`, `PATCH` or `DELETE`; `GET` before one of them, to keep what was with the results of the change.
    pub method: String,
    /// Path and query, for example `/apis/apps/v1/namespaces/common/statefulsets/x/scale`.
    pub path: String,
    /// The body's media type; `application/json` if not given.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub content_type: Option<String>,
    /// The body.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub body: Option<Value>,
    /// HTTP status codes that count as success beside 2xx: 404 for a delete of what is gone.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub accept: Vec<u16>,
}

impl Request {
    /// A `GET`.
    pub fn get(site: impl Into<String>, path: impl Into<String>) -> Self {
        Self {
            site: site.into(),
            method: "GET".to_owned(),
            path: path.into(),
            content_type: None,
            body: None,
            accept: Vec::new(),
        }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}> {} {}", self.site, self.method, self.path)?;
        match &self.body {
            Some(body) => write!(f, " {body}"),
            None => Ok(()),
        }
    }
}

/// What an API server answered, whatever the status.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Answer {
    /// The HTTP status code.
    pub status: u16,
    /// The headers that decide what comes next, by name in lower case: `warning`, `retry-after`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub headers: BTreeMap<String, Vec<String>>,
    /// The body; null if there is none, a string if it is not JSON.
    pub body: Value,
}

impl Answer {
    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The warnings of the API server: deprecated APIs, ignored fields.
    pub fn warnings(&self) -> impl Iterator<Item = &str> {
        self.headers.get("warning").into_iter().flatten().map(String::as_str)
    }
}
