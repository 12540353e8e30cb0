//! Label and field selectors of list requests, and selectors inside objects.

use serde_json::Value;

use super::problem::Problem;

/// A requirement of a label selector.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
}

/// A label selector: all requirements must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct LabelSelector(Vec<Requirement>);

impl LabelSelector {
    /// Reads the text of a query: `a=b,c!=d,e in (x,y),f,!g`.
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        let mut requirements = Vec::new();
        for term in split_terms(text) {
            let term = term.trim();
            if term.is_empty() {
                continue;
            }
            requirements.push(requirement(term)?);
        }
        Ok(Self(requirements))
    }

    /// Reads `{matchLabels, matchExpressions}`.
    pub(crate) fn of_object(selector: &Value) -> Self {
        let mut requirements = Vec::new();
        for (key, value) in selector["matchLabels"].as_object().into_iter().flatten() {
            requirements.push(Requirement::In(key.clone(), vec![value.as_str().unwrap_or_default().to_owned()]));
        }
        for expression in selector["matchExpressions"].as_array().into_iter().flatten() {
            let key = expression["key"].as_str().unwrap_or_default().to_owned();
            let values = expression["values"].as_array().into_iter().flatten();
            let values = values.filter_map(Value::as_str).map(str::to_owned).collect();
            requirements.push(match expression["operator"].as_str() {
                Some("NotIn") => Requirement::NotIn(key, values),
                Some("Exists") => Requirement::Exists(key),
                Some("DoesNotExist") => Requirement::Absent(key),
                _ => Requirement::In(key, values),
            });
        }
        Self(requirements)
    }

    /// Whether labels (an object of strings, or null) match.
    pub(crate) fn matches(&self, labels: &Value) -> bool {
        let label = |key: &String| labels.get(key).and_then(Value::as_str);
        self.0.iter().all(|requirement| match requirement {
            Requirement::In(key, values) => label(key).is_some_and(|value| values.iter().any(|v| v == value)),
            Requirement::NotIn(key, values) => !label(key).is_some_and(|value| values.iter().any(|v| v == value)),
            Requirement::Exists(key) => label(key).is_some(),
            Requirement::Absent(key) => label(key).is_none(),
        })
    }
}

/// Splits at commas outside parentheses.
fn split_terms(text: &str) -> Vec<&str> {
    let (mut terms, mut depth, mut start) = (Vec::new(), 0usize, 0);
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                terms.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    terms.push(&text[start..]);
    terms
}

fn requirement(term: &str) -> Result<Requirement, Problem> {
    let one = |value: &str| vec![value.trim().to_owned()];
    if let Some((key, value)) = term.split_once("!=") {
        return Ok(Requirement::NotIn(key.trim().to_owned(), one(value)));
    }
    if let Some((key, value)) = term.split_once("==").or_else(|| term.split_once('=')) {
        return Ok(Requirement::In(key.trim().to_owned(), one(value)));
    }
    if let Some(key) = term.strip_prefix('!') {
        return Ok(Requirement::Absent(key.trim().to_owned()));
    }
    if let Some((head, rest)) = term.split_once('(') {
        let values = rest.trim_end_matches(')').split(',').map(|value| value.trim().to_owned()).collect();
        let words: Vec<&str> = head.split_whitespace().collect();
        return match words.as_slice() {
            [key, "in"] => Ok(Requirement::In((*key).to_owned(), values)),
            [key, "notin"] => Ok(Requirement::NotIn((*key).to_owned(), values)),
            _ => Err(Problem::bad_request(format!("unable to parse requirement: {term}"))),
        };
    }
    if term.contains(char::is_whitespace) {
        return Err(Problem::bad_request(format!("unable to parse requirement: {term}")));
    }
    Ok(Requirement::Exists(term.to_owned()))
}

/// Whether an object matches a field selector: `metadata.name=x,spec.nodeName!=y`.
pub(crate) fn fields_match(selector: &str, object: &Value) -> Result<bool, Problem> {
    for term in selector.split(',').filter(|term| !term.trim().is_empty()) {
        let (path, wanted, equal) = match (term.split_once("!="), term.split_once('=')) {
            (Some((path, value)), _) => (path, value, false),
            (None, Some((path, value))) => (path, value.trim_start_matches('='), true),
            (None, None) => return Err(Problem::bad_request(format!("invalid field selector: {term}"))),
        };
        const KNOWN: [&str; 8] = [
            "metadata.name",
            "metadata.namespace",
            "spec.nodeName",
            "status.phase",
            "involvedObject.name",
            "involvedObject.kind",
            "involvedObject.uid",
            "type",
        ];
        let path = path.trim();
        if !KNOWN.contains(&path) {
            return Err(Problem::bad_request(format!("field label not supported: {path}")));
        }
        let found = path.split('.').try_fold(object, |value, key| value.get(key)).and_then(Value::as_str);
        if (found.unwrap_or_default() == wanted.trim()) != equal {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn label_selectors_select() {
        let labels = json!({"app": "etcd", "tier": "db"});
        for (selector, expected) in [
            ("", true),
            ("app=etcd", true),
            ("app==etcd,tier!=web", true),
            ("app in (redis, etcd)", true),
            ("app notin (redis,etcd)", false),
            ("app,!zone", true),
            ("zone", false),
            ("tier=web", false),
        ] {
            assert_eq!(LabelSelector::parse(selector).unwrap().matches(&labels), expected, "{selector}");
        }
        assert_eq!(LabelSelector::parse("app is etcd").unwrap_err().code, 400);
    }

    #[test]
    fn field_selectors_select() {
        let pod = json!({"metadata": {"name": "a"}, "spec": {"nodeName": "n1"}});
        assert!(fields_match("metadata.name=a,spec.nodeName!=n2", &pod).unwrap());
        assert!(!fields_match("spec.nodeName=n2", &pod).unwrap());
        assert_eq!(fields_match("spec.image=x", &pod).unwrap_err().code, 400);
    }
}
