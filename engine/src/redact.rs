//! Takes secrets out of everything that is shown or stored: by their value, wherever it stands.

use base64::Engine as _;
use serde_json::Value;

use crate::leaves::{self, Leaves, Visitor};

/// What stands in a secret's place.
pub const HIDDEN: &str = "***";

/// Takes secrets out of leaves.
struct Hide<'a>(&'a Redactor);

impl Visitor for Hide<'_> {
    fn text(&mut self, _: &str, text: &mut String) {
        *text = self.0.text(text);
    }
}

/// Knows the secrets of a run.
#[derive(Clone, Default)]
pub struct Redactor {
    needles: Vec<String>,
}

impl Redactor {
    /// A redactor of these texts, also where they are base64-encoded as in a Kubernetes Secret.
    pub fn new(secrets: impl IntoIterator<Item = String>) -> Self {
        let mut needles = Vec::new();
        for secret in secrets.into_iter().filter(|secret| !secret.is_empty()) {
            let encoded = base64::engine::general_purpose::STANDARD.encode(&secret);
            // Secrets of several lines are also shown line by line.
            needles.extend(secret.lines().filter(|line| line.len() > 7 && *line != secret).map(str::to_owned));
            needles.push(encoded);
            needles.push(secret);
        }
        needles.sort_by_key(|needle| std::cmp::Reverse(needle.len()));
        needles.dedup();
        Self { needles }
    }

    /// Whether there is nothing to hide.
    pub fn is_idle(&self) -> bool {
        self.needles.is_empty()
    }

    /// A text without secrets.
    pub fn text(&self, text: &str) -> String {
        self.needles.iter().fold(text.to_owned(), |text, needle| text.replace(needle.as_str(), HIDDEN))
    }

    /// Takes secrets out of every leaf of some data that comes from elsewhere.
    pub fn hide(&self, data: &mut (impl Leaves + ?Sized)) {
        if !self.is_idle() {
            leaves::visit(data, &mut Hide(self));
        }
    }

    /// Takes secrets out of every text of a value, keys included.
    pub fn value(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.text(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item)),
            Value::Object(map) => {
                let entries = std::mem::take(map).into_iter();
                *map = entries
                    .map(|(key, mut value)| {
                        self.value(&mut value);
                        (self.text(&key), value)
                    })
                    .collect();
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redactor({} texts)", self.needles.len())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Redactor;

    #[test]
    fn secrets_are_hidden_wherever_they_stand() {
        let redactor = Redactor::new(["s3cr3t-pass".to_owned(), String::new()]);
        let mut value = json!({
            "argv": ["mysql", "-ps3cr3t-pass"],
            "s3cr3t-pass": {"data": "czNjcjN0LXBhc3M="},
            "n": 3,
        });
        redactor.value(&mut value);
        assert_eq!(value, json!({"argv": ["mysql", "-p***"], "***": {"data": "***"}, "n": 3}));
    }

    #[test]
    fn the_lines_of_a_key_file_are_hidden_too() {
        let redactor = Redactor::new(["-----BEGIN KEY-----\nabcdefghijkl\n".to_owned()]);
        assert_eq!(redactor.text("read abcdefghijkl from the file"), "read *** from the file");
    }
}
