//! Whether a node takes pods: not whether it has room for them.

use cutover_engine::text;
use cutover_engine::text::Text;
use serde_json::{Map, Value};

use crate::support::kubernetes::text;

/// The taint that a node has while it is cordoned.
const CORDONED: &str = "node.kubernetes.io/unschedulable";

/// Why a node does not take pods of a `spec`: it is cordoned, or has taints that they do not tolerate. `None` if it takes them.
pub(super) fn obstacle(node: &Value, spec: &Map<String, Value>) -> Option<Text> {
    let tolerations = spec.get("tolerations").and_then(Value::as_array).cloned().unwrap_or_default();
    let tolerated = |key: &str, value: &str, effect: &str| {
        tolerations.iter().any(|toleration| tolerates(toleration, key, value, effect))
    };
    if node["spec"]["unschedulable"] == true && !tolerated(CORDONED, "", "NoSchedule") {
        return Some(text!("k8s_wait.cordoned", "it is cordoned: `kubectl uncordon` it, or name another node"));
    }
    let mut against = Vec::new();
    for taint in node["spec"]["taints"].as_array().into_iter().flatten() {
        let [key, value, effect] = ["key", "value", "effect"].map(|field| text(&taint[field]));
        if matches!(effect, "NoSchedule" | "NoExecute") && key != CORDONED && !tolerated(key, value, effect) {
            against.push(match value {
                "" => format!("{key}:{effect}"),
                value => format!("{key}={value}:{effect}"),
            });
        }
    }
    let taints = against.join(", ");
    (!against.is_empty()).then(|| {
        text!(
            "k8s_wait.tainted",
            "it has the taint {taints}, which the pods do not tolerate: take it away, or give the pods a toleration",
            taints
        )
    })
}

/// Whether a toleration fits a taint, as the scheduler compares them.
fn tolerates(toleration: &Value, key: &str, value: &str, effect: &str) -> bool {
    let field = |name: &str| text(&toleration[name]);
    let operator = field("operator");
    (field("effect").is_empty() || field("effect") == effect)
        && (field("key") == key || (field("key").is_empty() && operator == "Exists"))
        && (operator == "Exists" || field("value") == value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nodes_are_left_out_as_the_scheduler_leaves_them_out() {
        let of = |node: Value, tolerations: Value| {
            let spec = json!({"tolerations": tolerations});
            obstacle(&json!({"spec": node}), spec.as_object().unwrap()).map(|words| words.to_string())
        };
        let taint = |effect: &str| json!({"taints": [{"key": "dedicated", "value": "db", "effect": effect}]});
        assert_eq!(of(json!({}), json!([])), None);
        assert_eq!(of(taint("PreferNoSchedule"), json!([])), None);
        let cordoned = json!({"unschedulable": true, "taints": [{"key": CORDONED, "effect": "NoSchedule"}]});
        assert_eq!(
            of(cordoned.clone(), json!(null)).as_deref(),
            Some("it is cordoned: `kubectl uncordon` it, or name another node")
        );
        assert_eq!(of(cordoned, json!([{"operator": "Exists"}])), None);
        for effect in ["NoSchedule", "NoExecute"] {
            assert_eq!(
                of(taint(effect), json!([{"key": "dedicated", "value": "web"}])),
                Some(format!(
                    "it has the taint dedicated=db:{effect}, which the pods do not tolerate: take it away, or give the pods a toleration"
                ))
            );
            assert_eq!(of(taint(effect), json!([{"key": "dedicated", "operator": "Equal", "value": "db"}])), None);
            assert_eq!(of(taint(effect), json!([{"key": "dedicated", "operator": "Exists", "effect": effect}])), None);
        }
        assert!(
            of(taint("NoExecute"), json!([{"key": "dedicated", "operator": "Exists", "effect": "NoSchedule"}]))
                .is_some()
        );
        assert!(of(taint("NoSchedule"), json!([{"key": "", "operator": "Equal", "value": "db"}])).is_some());
    }
}
