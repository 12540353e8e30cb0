//! What somebody else does between a step's look and what it does then: the change does not go through, and the step looks again.

use cutover_engine::event::EventKind;
use cutover_engine::request::Request;
use cutover_sandbox::{At, Deed, Intervention, Strike, StrikeKind};
use serde_json::json;

use crate::support::play::Play;
use crate::support::stage::Stage;

const SET: &str = "/apis/apps/v1/namespaces/common/statefulsets/common-etcd-etcd";

/// Somebody patches the set right before a call.
fn patches(call: &str, body: serde_json::Value) -> Strike {
    let request = Request {
        method: "PATCH".to_owned(),
        content_type: Some("application/merge-patch+json".to_owned()),
        body: Some(body),
        ..Request::get("primary", SET)
    };
    let kind = StrikeKind::Intervention(Intervention { after: false, does: Deed::Request(request) });
    Strike::new(At::Name(call.parse().expect("a call")), kind)
}

#[tokio::test(start_paused = true)]
async fn a_set_that_is_made_to_delete_its_claims_right_before_it_is_scaled_keeps_them() {
    let (stage, events) = Stage::before("scale-to-zero");
    let policy = json!({"spec": {"persistentVolumeClaimRetentionPolicy": {"whenScaled": "Delete"}}});
    stage.world.inject(patches("scale-to-zero@primary:set-replicas.1", policy));
    let ran = stage.resume(&Play::cutover(), events).await.well();
    assert_eq!(stage.world.struck().len(), 1);
    let keeps =
        |kind: &EventKind| matches!(kind, EventKind::Applying { change, .. } if change.key.starts_with("keep-claims"));
    assert!(ran.own().iter().any(|event| keeps(&event.kind)), "it was made to keep them first");
    let refused = ran.own().iter().filter(|event| matches!(event.kind, EventKind::NotSent { .. })).count();
    assert_eq!(refused, 1, "the first number was not set");
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_comes_right_before_the_set_is_scaled_is_found() {
    let (stage, events) = Stage::before("scale-to-zero");
    let set = stage.api("primary", "GET", SET, None).await;
    let mut containers = set["spec"]["template"]["spec"]["containers"].clone();
    containers[0]["lifecycle"] = json!({"preStop": {"exec": {"command": ["etcdctl", "member", "remove", "1"]}}});
    let hook = json!({"spec": {"template": {"spec": {"containers": containers}}}});
    stage.world.inject(patches("scale-to-zero@primary:set-replicas.1", hook));
    let ran = stage.resume(&Play::cutover(), events).await;
    assert_eq!(ran.ending.exit_code, 3, "{}", ran.summary());
    assert!(ran.words().contains("removes its member from the cluster"), "{}", ran.words());
    let set = stage.api("primary", "GET", SET, None).await;
    assert_eq!(set["spec"]["replicas"], 3, "it was not stopped");
}
