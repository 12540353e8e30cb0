//! Whether a node takes pods: by its taints, its labels, and its size. What other pods on it ask for is the business of
//! `k8s_placement`.

use cutover_engine::text;
use cutover_engine::text::Text;
use serde_json::{Map, Value};

use crate::support::kubernetes::demand::{self, Section};
use crate::support::kubernetes::quantity::nanos;
use crate::support::kubernetes::selector::admits;
use crate::support::kubernetes::text;

/// The taint that a node has while it is cordoned.
const CORDONED: &str = "node.kubernetes.io/unschedulable";

/// Why a node does not take pods of a `spec`: it is cordoned, has taints that they do not tolerate, is not one that they select, or
/// is smaller than one of them asks for. `None` if it takes them.
pub(super) fn obstacle(node: &Value, spec: &Map<String, Value>) -> Option<Text> {
    tainted(node, spec).or_else(|| {
        let spec = Value::Object(spec.clone());
        if !admits(&spec, node) {
            return Some(text!(
                "k8s_wait.not-selected",
                "the pods do not select it (nodeSelector, or the node affinity that they require): give it the labels, or name another node"
            ));
        }
        too_small(node, &spec)
    })
}

/// The resource of which a pod asks for more than the node can ever give.
fn too_small(node: &Value, spec: &Value) -> Option<Text> {
    ["cpu", "memory", "ephemeral-storage"].into_iter().find_map(|resource| {
        let has = nanos(&node["status"]["allocatable"][resource])?;
        let asks = demand::of(spec, Section::Requests, resource);
        (asks > has).then(|| {
            text!(
                "k8s_wait.too-small",
                "it can never run one of the pods: they ask for more {resource} than its {allocatable} in all",
                resource,
                allocatable = text(&node["status"]["allocatable"][resource])
            )
        })
    })
}

fn tainted(node: &Value, spec: &Map<String, Value>) -> Option<Text> {
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
    fn a_node_takes_no_pod_that_does_not_select_it_or_asks_for_more_than_it_has() {
        let node = json!({
            "metadata": {"name": "n1", "labels": {"disk": "drbd"}},
            "status": {"allocatable": {"cpu": "3920m", "memory": "8Gi"}},
        });
        let asks = |cpu: &str, memory: &str| json!({"resources": {"requests": {"cpu": cpu, "memory": memory}}});
        let of = |spec: Value| obstacle(&node, spec.as_object().unwrap()).map(|words| words.to_string());
        assert_eq!(
            of(json!({"nodeSelector": {"disk": "drbd"}, "containers": [asks("2", "4Gi"), asks("1920m", "4Gi")]})),
            None
        );
        let why = of(json!({"containers": [asks("2", "1Gi"), asks("1921m", "1Gi")]})).unwrap();
        assert!(why.contains("more cpu than its 3920m"), "{why}");
        let sidecar = json!({"restartPolicy": "Always", "resources": {"requests": {"memory": "5Gi"}}});
        let why = of(json!({"containers": [asks("1", "4Gi")], "initContainers": [sidecar]})).unwrap();
        assert!(why.contains("more memory than its 8Gi"), "{why}");
        // One that ends before the others begin.
        assert_eq!(of(json!({"containers": [asks("1", "4Gi")], "initContainers": [asks("1", "8Gi")]})), None);
        let why = of(json!({"nodeSelector": {"disk": "local"}})).unwrap();
        assert!(why.contains("the pods do not select it"), "{why}");
    }

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
