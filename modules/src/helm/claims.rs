//! Whether an uninstall or an upgrade would delete claims: with StatefulSets that go, or that get fewer replicas. Helm itself
//! deletes none; the StatefulSet's own policy does.

use cutover_engine::failure::Failure;
use cutover_engine::module::Context;
use cutover_engine::text::Text;
use serde_json::Value;

use super::Params;
use super::look::State;
use super::manifest::Object;
use crate::support::kubernetes::kind::STATEFUL_SET;
use crate::support::kubernetes::retention::{self, Keep, Named, shrinking};
use crate::support::kubernetes::{self, name};

fn namespace<'a>(params: &'a Params, body: &'a Value) -> &'a str {
    body["metadata"]["namespace"].as_str().unwrap_or(&params.namespace)
}

fn is_set(object: &&Object) -> bool {
    object.body["kind"] == "StatefulSet" && object.body["apiVersion"] == STATEFUL_SET.api_version()
}

/// Whether an object goes with its release.
fn goes(object: &&Object) -> bool {
    object.body["metadata"]["annotations"]["helm.sh/resource-policy"] != "keep"
}

/// The StatefulSets of a list of objects as they are there, with their manifest.
async fn live<'a>(
    cx: &Context,
    params: &Params,
    objects: impl Iterator<Item = &'a Object>,
) -> Result<Vec<(&'a Value, Value)>, Failure> {
    let mut found = Vec::new();
    for Object { body, .. } in objects.filter(is_set) {
        let there = kubernetes::get(cx, &STATEFUL_SET, Some(namespace(params, body)), name(body)).await?;
        found.extend(there.map(|there| (body, there)));
    }
    Ok(found)
}

/// Why claims would be deleted with the StatefulSets among these objects.
pub(super) async fn with(
    cx: &Context,
    params: &Params,
    going: impl Iterator<Item = &Object>,
) -> Result<Vec<Text>, Failure> {
    let mut reasons = Vec::new();
    for (body, there) in live(cx, params, going.filter(goes)).await? {
        let named = Named { kind: &STATEFUL_SET, namespace: Some(namespace(params, body)), name: name(body) };
        reasons.extend(retention::look(cx, named, &there).await?);
    }
    Ok(reasons)
}

/// What makes the StatefulSets among these objects keep their claims: one of them for each.
pub(super) async fn keeps(
    cx: &Context,
    params: &Params,
    going: impl Iterator<Item = &Object>,
) -> Result<Vec<Keep>, Failure> {
    let mut keeps = Vec::new();
    for (body, there) in live(cx, params, going.filter(goes)).await? {
        let named = Named { kind: &STATEFUL_SET, namespace: Some(namespace(params, body)), name: name(body) };
        keeps.push(Keep::look(cx, named, &there).await?);
    }
    Ok(keeps)
}

/// Why claims would be deleted by an upgrade.
pub(super) async fn by_upgrade(cx: &Context, params: &Params, state: &State) -> Result<Vec<Text>, Failure> {
    let stays = |object: &&Object| state.rendered.iter().any(|rendered| rendered.id == object.id);
    let mut reasons = with(cx, params, state.deployed.iter().filter(|object| !stays(object))).await?;
    for (body, there) in live(cx, params, state.rendered.iter()).await? {
        let named = Named { kind: &STATEFUL_SET, namespace: Some(namespace(params, body)), name: name(body) };
        let mut after = there.clone();
        for field in ["replicas", "persistentVolumeClaimRetentionPolicy"] {
            if let Some(value) = body["spec"].get(field) {
                after["spec"][field] = value.clone();
            }
        }
        reasons.extend(shrinking(named, &there, &after));
    }
    Ok(reasons)
}
