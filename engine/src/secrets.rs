//! The secrets of a run, by name. Their values cannot be printed by accident.

use std::collections::BTreeSet;
use std::fmt;

use cutover_protocol::hidden::MARK;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

/// Secret values, in the order in which they were added.
#[derive(Clone, Default)]
pub struct SecretValues {
    all: Vec<(String, SecretString)>,
    changed: BTreeSet<String>,
}

impl SecretValues {
    /// Adds the texts and numbers of a value under a name: `tls`, `tls.key`, `users[0]`.
    pub fn add(&mut self, name: &str, value: &Value) {
        match value {
            Value::String(text) => self.push(name, text.clone()),
            Value::Number(number) => self.push(name, number.to_string()),
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(index, item)| self.add(&format!("{name}[{index}]"), item));
            }
            Value::Object(map) => map.iter().for_each(|(key, value)| self.add(&format!("{name}.{key}"), value)),
            // Hiding `true`, `false` or `null` would protect nothing: there are so few of them that anyone can guess.
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn push(&mut self, name: &str, text: String) {
        // Checks and rehearsals use placeholders instead of fetching secrets, and a placeholder need not be hidden.
        if !text.is_empty() && text != MARK && !self.iter().any(|(known, same)| known == name && same == text) {
            self.all.push((name.to_owned(), text.into()));
        }
    }

    /// Marks a secret, with everything inside it, as changed since the run began, so that the new value is not put back where the
    /// old one stood.
    pub fn set_changed(&mut self, name: &str) {
        self.changed.insert(name.to_owned());
    }

    /// Whether a secret is known to have changed.
    pub(crate) fn is_changed(&self, name: &str) -> bool {
        let of = |known: &String| {
            name.strip_prefix(known.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        self.changed.iter().any(of)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(|(name, _)| name.as_str())
    }

    /// Names and values.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.all.iter().map(|(name, text)| (name.as_str(), text.expose_secret()))
    }

    /// A value by name: the last one, if a parameter has the name of an inventory's secret.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.all.iter().rev().find(|(known, _)| known == name).map(|(_, text)| text.expose_secret())
    }
}

impl fmt::Debug for SecretValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_text_and_number_of_a_value_has_a_name() {
        let mut secrets = SecretValues::default();
        secrets.add("m", &json!({"password": "MapPw", "on": true, "users": ["a1", {"pin": 4711}], "none": null}));
        secrets.add("n", &json!(987_654));
        secrets.add("empty", &json!(""));
        let all: Vec<_> = secrets.iter().collect();
        assert_eq!(all, [("m.password", "MapPw"), ("m.users[0]", "a1"), ("m.users[1].pin", "4711"), ("n", "987654")]);
        assert_eq!(format!("{secrets:?}"), r#"["m.password", "m.users[0]", "m.users[1].pin", "n"]"#);
    }

    #[test]
    fn what_is_changed_is_changed_as_a_whole() {
        let mut secrets = SecretValues::default();
        secrets.set_changed("m");
        assert!(secrets.is_changed("m") && secrets.is_changed("m.x") && secrets.is_changed("m[0]"));
        assert!(!secrets.is_changed("mm") && !secrets.is_changed("n"));
    }
}
