//! Requests to a site's API server, and its answers, as data.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A request to an API server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Request {
    /// The site's name in the inventory.
    pub site: String,
    /// `POST`, `PUT`, `PATCH` or `DELETE`; `GET` before one of them, to record the state before the change with its results.
    pub method: String,
    /// Path and query, for example `/apis/apps/v1/namespaces/common/statefulsets/x/scale`.
    pub path: String,
    /// The body's media type; `application/json` if absent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub content_type: Option<String>,
    /// The body.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub body: Option<Value>,
    /// HTTP status codes that count as success besides 2xx: 404 when what is to be deleted is gone already.
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

    /// Method and path, which name a request in failures: `GET /version`.
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Whether the path is valid in a request line: absolute, with everything that a URL may not contain percent-encoded.
    pub fn has_valid_path(&self) -> bool {
        let fits = |byte: u8| !byte.is_ascii_control() && !b" #<>`\\^".contains(&byte);
        self.path.starts_with('/') && self.path.bytes().all(fits)
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

/// An API server's answer, whatever the status.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Answer {
    /// The HTTP status code.
    pub status: u16,
    /// The headers that callers act on, by name in lower case: `warning`, `retry-after`.
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

    /// How long the API server asks to wait (`Retry-After`, in seconds), a day at most.
    pub fn retry_after(&self) -> Option<Duration> {
        let seconds: u64 = self.headers.get("retry-after")?.first()?.trim().parse().ok()?;
        Some(Duration::from_secs(seconds.min(24 * 3600)))
    }

    /// An answer without headers.
    pub fn new(status: u16, body: Value) -> Self {
        Self { status, headers: BTreeMap::new(), body }
    }

    /// The warnings of the API server: deprecated APIs, ignored fields. Each without its code and agent: of
    /// `299 - "unknown field \"a\""` only what stands between the quotes.
    pub fn warnings(&self) -> impl Iterator<Item = String> {
        self.headers.get("warning").into_iter().flatten().map(|value| words(value))
    }
}

/// The text of a `Warning` header (RFC 7234, section 5.5).
fn words(value: &str) -> String {
    let Some((_, text)) = value.split_once('"') else { return value.trim().to_owned() };
    let (mut words, mut chars) = (String::new(), text.chars());
    while let Some(char) = chars.next() {
        match char {
            '"' => break,
            '\\' => words.extend(chars.next()),
            _ => words.push(char),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_read_without_its_code_and_quotes() {
        let mut answer = Answer::new(200, Value::Null);
        let lines =
            [r#"299 - "policy/v1beta1 is deprecated""#, r#"299 - "unknown field \"spec.a\"" "date""#, " plain "];
        answer.headers.insert("warning".to_owned(), lines.map(str::to_owned).into());
        let read: Vec<String> = answer.warnings().collect();
        assert_eq!(read, ["policy/v1beta1 is deprecated", r#"unknown field "spec.a""#, "plain"]);
    }

    #[test]
    fn how_long_to_wait_is_read_in_seconds() {
        let after = |value: &str| {
            let mut answer = Answer::new(429, Value::Null);
            answer.headers.insert("retry-after".to_owned(), vec![value.to_owned()]);
            answer.retry_after().map(|time| time.as_secs())
        };
        let cases =
            [("7", Some(7)), (" 0 ", Some(0)), ("soon", None), ("-1", None), ("18446744073709551615", Some(86400))];
        for (value, seconds) in cases {
            assert_eq!(after(value), seconds, "{value}");
        }
        assert_eq!(Answer::new(429, Value::Null).retry_after(), None);
    }

    #[test]
    fn a_path_that_cannot_be_sent_is_not_valid() {
        let valid = |path: &str| Request::get("primary", path).has_valid_path();
        for path in ["/version", "/api/v1/pods?labelSelector=a%3Db,c!%3Dd", "/a/{b}:c@d~e"] {
            assert!(valid(path), "{path}");
        }
        for path in ["", "version", "/a b", "/a\nb", "/a#b", "http://x/"] {
            assert!(!valid(path), "{path}");
        }
    }
}
