//! What `k8s_wait` decides, for objects as data.

use super::*;
use crate::support::kubernetes::kind::{CLAIM, NODE};
use crate::testing;

fn look(kind: &Kind, more: Value, objects: &[Value]) -> String {
    let mut params = json!({"kind": kind.kind});
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let params: Params = serde_json::from_value(params).unwrap();
    params.judge_which().and_then(|()| params.judge_count()).unwrap();
    let objects = objects.iter().map(|object| params.look(kind, object).unwrap()).collect();
    let state = State { kind: kind.clone(), objects };
    format!(
        "-- {} {more}\n{}",
        kind.kind,
        testing::show(&K8sWait.diff(testing::pair_context().facts(), &params, &state))
    )
}

fn node(name: &str, ready: &str) -> Value {
    json!({"metadata": {"name": name}, "status": {"conditions": [{"type": "Ready", "status": ready}]}})
}

fn claim(phase: &str) -> Value {
    json!({"metadata": {"name": "data-0", "namespace": "common"}, "status": {"phase": phase}})
}

#[test]
fn every_goal_says_what_is_missing() {
    let two = [node("a", "True"), node("b", "Unknown")];
    let mut going = claim("Bound");
    going["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    going["metadata"]["finalizers"] = json!(["kubernetes.io/pvc-protection"]);
    let named = |goal: Value| json!({"namespace": "common", "name": "data-0", "for": goal});
    let field = |equals: Value| named(json!({"field": "status.phase", "equals": equals}));
    let any = named(json!({"field": "status.phase"}));
    let shown = [
        look(&NODE, json!({"for": "ready"}), &two),
        look(&NODE, json!({"for": "ready"}), &two[..1]),
        look(&NODE, json!({"for": "ready", "selector": "x=y"}), &[]),
        look(&NODE, json!({"for": "ready", "count": 3}), &two),
        look(&NODE, json!({"for": "ready", "count": 1, "selector": "x=y"}), &[node("a", "True"), node("b", "True")]),
        look(&NODE, json!({"for": "exists", "count": 0}), &[]),
        look(&CLAIM, named(json!("ready")), &[claim("Pending")]),
        look(&CLAIM, named(json!("ready")), &[]),
        look(&CLAIM, named(json!("ready")), &[claim("Lost")]),
        look(&CLAIM, named(json!("exists")), &[claim("Lost")]),
        look(&CLAIM, named(json!("absent")), &[claim("Bound")]),
        look(&CLAIM, named(json!("absent")), &[going]),
        look(&CLAIM, named(json!("absent")), &[]),
        look(&CLAIM, field(json!("Bound")), &[claim("Bound")]),
        look(&CLAIM, field(json!("Bound")), &[claim("Pending")]),
        look(&CLAIM, field(json!("Bound")), &[json!({"metadata": {"name": "data-0"}})]),
        look(&CLAIM, any.clone(), &[claim("Bound")]),
        look(&CLAIM, any, &[json!({"metadata": {"name": "data-0"}, "status": {"phase": null}})]),
        look(&CLAIM, field(json!(null)), &[json!({"metadata": {"name": "data-0"}})]),
    ];
    insta::assert_snapshot!(shown.concat());
}

#[test]
fn fields_are_found_by_path_and_pointer() {
    let object = json!({"status": {"list": [{"a": 1}]}, "metadata": {"labels": {"x.y/z": "v"}}});
    assert_eq!(lookup(&object, "status.list.0.a"), Some(&json!(1)));
    assert_eq!(lookup(&object, "/metadata/labels/x.y~1z"), Some(&json!("v")));
    assert_eq!(lookup(&object, "status.list.x"), None);
}

#[test]
fn contradictions_are_shown_where_they_stand() {
    let decode = |value| serde_json::from_value::<Params>(value).map_err(|error| error.to_string());
    for (value, pointer) in [
        (json!({"kind": "Node", "name": "a", "selector": "b", "for": "ready"}), "/selector"),
        (json!({"kind": "Pod", "for": "absent", "count": 1}), "/count"),
        (json!({"kind": "Node", "for": "ready", "takes_with_labels": {"a": "b"}}), "/takes_with_labels"),
    ] {
        assert_eq!(K8sWait::judge(&decode(value).unwrap()).unwrap_err().pointer.as_deref(), Some(pointer));
    }
    assert!(decode(json!({"kind": "Pod", "for": "redy"})).unwrap_err().contains("`redy`"));
    assert!(decode(json!({"kind": "Pod", "for": {"feld": "a"}})).unwrap_err().contains("unknown field `feld`"));
    let config: Params = decode(json!({"kind": "ConfigMap", "for": "ready"})).unwrap();
    let kind = Kind { kind: "ConfigMap".into(), ..CLAIM };
    assert_eq!(config.look(&kind, &json!({})).unwrap_err().pointer.as_deref(), Some("/for"));
}
