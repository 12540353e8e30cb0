//! Selectors: those inside objects as the text of a query, those of authors, and those that tie volumes to nodes.

use cutover_engine::failure::Failure;
use cutover_engine::text;
use serde_json::Value;

use super::kind::encode;
use super::{name, text};

/// Writes `{matchLabels, matchExpressions}` as a query takes it: `a=b,c in (x,y),!d`.
pub(crate) fn of_object(selector: &Value) -> String {
    let mut terms = Vec::new();
    for (key, value) in selector["matchLabels"].as_object().into_iter().flatten() {
        terms.push(format!("{key}={}", text(value)));
    }
    for expression in selector["matchExpressions"].as_array().into_iter().flatten() {
        let key = text(&expression["key"]);
        let values: Vec<&str> = expression["values"].as_array().into_iter().flatten().map(text).collect();
        let values = values.join(",");
        terms.push(match text(&expression["operator"]) {
            "NotIn" => format!("{key} notin ({values})"),
            "Exists" => key.to_owned(),
            "DoesNotExist" => format!("!{key}"),
            _ => format!("{key} in ({values})"),
        });
    }
    terms.join(",")
}

/// The query that selects by labels.
pub(crate) fn query(selector: &str) -> String {
    format!("labelSelector={}", encode(selector))
}

/// Checks labels by the rules of Kubernetes: a name of at most 63 letters, digits, `-`, `_` and `.`, with a DNS prefix if
/// it has a slash.
pub(crate) fn check_label(key: &str, value: Option<&str>) -> Result<(), Failure> {
    let word = |text: &str, most: usize| {
        let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        text.len() <= most
            && edge(text.chars().next())
            && edge(text.chars().last())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    let right = match key.split_once('/') {
        Some((prefix, name)) => word(prefix, 253) && word(name, 63),
        None => word(key, 63),
    };
    let pointer = format!("/labels/{}", key.replace('~', "~0").replace('/', "~1"));
    if !right {
        let message = text!("kubernetes.label.name", "`{key}` is not a label name", key);
        return Err(Failure::invalid(message).pointer(pointer));
    }
    match value {
        Some(value) if !value.is_empty() && !word(value, 63) => {
            let message = text!(
                "kubernetes.label.value",
                "`{value}` is not a label value: at most 63 letters, digits, `-`, `_` and `.`, with a letter or digit at \
                 both ends",
                value
            );
            Err(Failure::invalid(message).pointer(pointer))
        }
        _ => Ok(()),
    }
}

/// The nodes that a volume's `nodeAffinity.required` allows; `None` if it does not restrict them.
pub(crate) fn nodes_of_volume(volume: &Value, nodes: &[Value]) -> Option<Vec<String>> {
    let terms = volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"].as_array()?;
    let fits = |node: &&Value| terms.iter().any(|term| matches(term, node));
    Some(nodes.iter().filter(fits).map(|node| name(node).to_owned()).collect())
}

/// Whether a pod's spec lets it run on a node: its `nodeSelector` and the affinity that it requires, as the scheduler reads them.
pub(crate) fn admits(spec: &Value, node: &Value) -> bool {
    let labels = &node["metadata"]["labels"];
    let selected =
        spec["nodeSelector"].as_object().into_iter().flatten().all(|(key, value)| labels.get(key) == Some(value));
    let required = &spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
    let terms = required["nodeSelectorTerms"].as_array();
    selected && terms.is_none_or(|terms| terms.iter().any(|term| matches(term, node)))
}

/// Whether a `labelSelector` selects labels. Without one it selects nothing, an empty one everything.
pub(crate) fn selects(selector: &Value, labels: &Value) -> bool {
    let mut wanted = selector["matchLabels"].as_object().into_iter().flatten();
    let mut expressions = selector["matchExpressions"].as_array().into_iter().flatten();
    selector.is_object()
        && wanted.all(|(key, value)| labels.get(key) == Some(value))
        && expressions.all(|wanted| holds(wanted, labels.get(text(&wanted["key"])).and_then(Value::as_str)))
}

/// Whether all requirements of a term hold for a node. A term without requirements matches none.
fn matches(term: &Value, node: &Value) -> bool {
    let list = |field: &str| term[field].as_array().cloned().unwrap_or_default();
    let (expressions, fields) = (list("matchExpressions"), list("matchFields"));
    let labels = &node["metadata"]["labels"];
    (!expressions.is_empty() || !fields.is_empty())
        && expressions.iter().all(|wanted| holds(wanted, labels.get(text(&wanted["key"])).and_then(Value::as_str)))
        && fields.iter().all(|wanted| text(&wanted["key"]) == "metadata.name" && holds(wanted, Some(name(node))))
}

fn holds(wanted: &Value, actual: Option<&str>) -> bool {
    let values: Vec<&str> = wanted["values"].as_array().into_iter().flatten().map(text).collect();
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<i64>().ok());
    match text(&wanted["operator"]) {
        "In" => actual.is_some_and(|actual| values.contains(&actual)),
        "NotIn" => actual.is_none_or(|actual| !values.contains(&actual)),
        "Exists" => actual.is_some(),
        "DoesNotExist" => actual.is_none(),
        "Gt" => number(actual).zip(number(values.first().copied())).is_some_and(|(actual, limit)| actual > limit),
        "Lt" => number(actual).zip(number(values.first().copied())).is_some_and(|(actual, limit)| actual < limit),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_selector_is_written_as_a_query() {
        let selector = json!({"matchLabels": {"app": "etcd", "x/y": "z"}, "matchExpressions": [
            {"key": "tier", "operator": "In", "values": ["db", "kv"]}, {"key": "a", "operator": "NotIn", "values": ["b"]},
            {"key": "c", "operator": "Exists"}, {"key": "d", "operator": "DoesNotExist"},
        ]});
        let written = of_object(&selector);
        assert_eq!(written, "app=etcd,x/y=z,tier in (db,kv),a notin (b),c,!d");
        assert_eq!(query("a=b,!c"), "labelSelector=a%3Db%2C%21c");
    }

    #[test]
    fn label_rules_are_kept() {
        for (key, value) in [("a", Some("b")), ("x.y/z_1", Some("")), ("a", None)] {
            check_label(key, value).unwrap();
        }
        for (key, value) in [("", Some("b")), ("a/b/c", None), ("-a", None), ("a", Some("b c")), ("a", Some("b-"))] {
            let failure = check_label(key, value).unwrap_err();
            assert!(failure.pointer.unwrap().starts_with("/labels/"), "{key}");
        }
    }

    #[test]
    fn pods_run_where_their_selector_and_the_affinity_that_they_require_let_them() {
        let node = json!({"metadata": {"name": "n1", "labels": {"disk": "drbd", "zone": "a"}}});
        let requires = |terms: Value| json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}});
        let zone = |zones: Value| json!({"matchExpressions": [{"key": "zone", "operator": "In", "values": zones}]});
        for (spec, admitted) in [
            (json!({}), true),
            (json!({"nodeSelector": {"disk": "drbd"}}), true),
            (json!({"nodeSelector": {"disk": "drbd", "zone": "b"}}), false),
            (json!({"nodeSelector": {"gpu": "yes"}}), false),
            (requires(json!([zone(json!(["b"])), zone(json!(["a"]))])), true),
            (requires(json!([zone(json!(["b"]))])), false),
            (requires(json!([{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n2"]}]}])), false),
            // What is preferred does not keep it away.
            (
                json!({"affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1}]}}}),
                true,
            ),
        ] {
            assert_eq!(admits(&spec, &node), admitted, "{spec}");
        }
    }

    #[test]
    fn a_volume_names_its_nodes_by_their_labels() {
        let node = |name: &str, host: &str| json!({"metadata": {"name": name, "labels": {"host": host, "n": "5"}}});
        let nodes = [node("a", "h1"), node("b", "h2")];
        let volume = |term: Value| json!({"spec": {"nodeAffinity": {"required": {"nodeSelectorTerms": [term]}}}});
        let of = |term| nodes_of_volume(&volume(term), &nodes).unwrap();
        let by = |operator: &str, values: Value| json!({"matchExpressions": [{"key": "host", "operator": operator, "values": values}]});
        assert_eq!(of(by("In", json!(["h2"]))), ["b"]);
        assert_eq!(of(by("NotIn", json!(["h2"]))), ["a"]);
        assert_eq!(of(by("DoesNotExist", json!(null))), [""; 0]);
        let field = json!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["a"]}]});
        assert_eq!(of(field), ["a"]);
        let greater = json!({"matchExpressions": [{"key": "n", "operator": "Gt", "values": ["4"]}]});
        assert_eq!(of(greater), ["a", "b"]);
        assert_eq!(of(json!({})), [""; 0]);
        assert_eq!(nodes_of_volume(&json!({"spec": {}}), &nodes), None);
    }
}
