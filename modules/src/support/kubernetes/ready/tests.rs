//! Readiness for states as data.

use serde_json::json;

use super::*;
use crate::support::kubernetes::kind;

fn judge(group: &'static str, name: &'static str, object: Value) -> Readiness {
    let kind = Kind { group: group.into(), kind: name.into(), ..kind::NODE };
    of(&kind, &object)
}

fn set(spec: Value, status: Value) -> Readiness {
    judge("apps", "StatefulSet", json!({"metadata": {"generation": 2}, "spec": spec, "status": status}))
}

fn words(readiness: Readiness) -> String {
    match readiness {
        NotYet(why) | Never(why) => why.to_string(),
        Ready => "ready".to_owned(),
        Unknown => "unknown".to_owned(),
    }
}

#[test]
fn a_stateful_set_is_ready_when_its_newest_replicas_are() {
    let status = |ready: u64, updated: u64, present: u64| json!({"observedGeneration": 2, "replicas": present, "readyReplicas": ready, "updatedReplicas": updated});
    let three = || json!({"replicas": 3, "updateStrategy": {"type": "RollingUpdate"}});
    assert_eq!(set(three(), status(3, 3, 3)), Ready);
    assert_eq!(set(json!({"replicas": 0}), json!({"observedGeneration": 2, "replicas": 0})), Ready);
    assert_eq!(words(set(three(), status(2, 3, 3))), "2 of 3 replicas are ready");
    assert_eq!(words(set(three(), status(3, 1, 3))), "1 of 3 replicas have the newest template");
    assert_eq!(words(set(json!({"replicas": 1}), status(2, 1, 2))), "2 replicas are there, 1 are wanted");
    let held = json!({"replicas": 3, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}});
    assert_eq!(set(held, status(3, 1, 3)), Ready);
    assert_eq!(set(json!({"replicas": 3, "updateStrategy": {"type": "OnDelete"}}), status(3, 0, 3)), Ready);
    let stale = json!({"observedGeneration": 1, "replicas": 3, "readyReplicas": 3, "updatedReplicas": 3});
    assert!(matches!(set(three(), stale), NotYet(why) if why.contains("has not seen")));
}

#[test]
fn other_kinds_have_their_own_words() {
    let conditions = |name: &str, status: &str| json!({"status": {"conditions": [{"type": name, "status": status, "reason": "Why", "message": "words"}]}});
    let phase = |phase: &str| json!({"status": {"phase": phase}});
    let cases = [
        ("", "Node", conditions("Ready", "True"), "ready"),
        ("", "Node", conditions("Ready", "Unknown"), "its condition Ready is Unknown (Why: words)"),
        ("", "PersistentVolumeClaim", phase("Bound"), "ready"),
        ("", "PersistentVolumeClaim", phase("Pending"), "it is Pending, not Bound"),
        ("", "PersistentVolume", phase("Available"), "ready"),
        ("", "Pod", phase("Succeeded"), "ready"),
        ("batch", "Job", conditions("Complete", "True"), "ready"),
        ("batch", "Job", json!({"spec": {"completions": 2}, "status": {"succeeded": 1}}), "1 of 2 pods have completed"),
        (
            "apps",
            "Deployment",
            json!({"spec": {"replicas": 2}, "status": {"updatedReplicas": 2, "replicas": 3, "availableReplicas": 2}}),
            "1 old replicas are still there",
        ),
        (
            "apps",
            "Deployment",
            json!({"spec": {"replicas": 2}, "status": {"updatedReplicas": 2, "replicas": 2, "availableReplicas": 2}}),
            "ready",
        ),
        (
            "apps",
            "DaemonSet",
            json!({"spec": {}, "status": {"desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberReady": 2}}),
            "2 of 3 pods are ready",
        ),
        ("example.com", "Thing", conditions("Ready", "True"), "ready"),
        ("example.com", "Thing", json!({"status": {"status": "Running"}}), "unknown"),
        ("", "ConfigMap", json!({"data": {}}), "unknown"),
    ];
    for (group, name, object, expected) in cases {
        assert_eq!(words(judge(group, name, object.clone())), expected, "{name} {object}");
    }
    for (group, name, object) in [
        ("", "PersistentVolumeClaim", phase("Lost")),
        ("", "PersistentVolume", phase("Released")),
        ("", "Pod", phase("Failed")),
        ("batch", "Job", conditions("Failed", "True")),
    ] {
        assert!(matches!(judge(group, name, object.clone()), Never(_)), "{name} {object}");
    }
    let mut replaced = phase("Failed");
    replaced["metadata"] = json!({"ownerReferences": [{"kind": "StatefulSet"}]});
    assert!(matches!(judge("", "Pod", replaced), NotYet(_)), "its controller makes a new one");
}
