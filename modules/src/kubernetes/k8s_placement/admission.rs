//! What the API server itself says of one of the pods, by a dry run: limit ranges, pod security, policies and webhooks.

use cutover_engine::failure::Failure;
use cutover_engine::module::{Context, api_failure};
use cutover_engine::query::Ask;
use cutover_engine::text;
use cutover_engine::text::Text;
use serde_json::{Value, json};

use super::Params;
use crate::support::kubernetes::kind::POD;
use crate::support::kubernetes::{request, text};

/// Words of refusals that say nothing about the pods of the set: quotas, which are computed without the pods that will be gone; an
/// account that the release brings; webhooks that take part in no dry run.
const BESIDE_THE_POINT: [&str; 3] = ["exceeded quota", "serviceaccount", "does not support dry run"];

/// Asks for one of the pods. What it would be like, as far as it was let in, and why it was not.
pub(super) async fn ask(
    cx: &Context,
    params: &Params,
    template: &Value,
) -> Result<(Option<Value>, Option<Text>), Failure> {
    let site = cx.site()?;
    let create = request::create(site, &POD.collection(Some(&params.namespace)), pod(params, template));
    let Some(ask) = Ask::dry_run(create) else { return Ok((None, None)) };
    let answer = cx.ask(&ask).await?;
    if answer.is_success() {
        return Ok((Some(answer.body), None));
    }
    if answer.status == 429 || answer.status >= 500 && !text(&answer.body["message"]).contains("failed calling webhook")
    {
        return Err(api_failure(site, &ask.line(), &answer));
    }
    let why = match text(&answer.body["message"]) {
        "" => answer.body.as_str().unwrap_or_default(),
        message => message,
    };
    let beside = BESIDE_THE_POINT.iter().any(|words| why.contains(words));
    let reason = text!(
        "k8s_placement.refused",
        "the API server of {site} would not let the pods of {namespace}/{set} in: {why}; if it refuses them from this user only, say \
         `accept_refusal: true`",
        site,
        namespace = &params.namespace,
        set = &params.statefulset,
        why
    );
    Ok((None, (!beside).then_some(reason)))
}

/// A pod as the controller of the set would make it. What its claim templates add to the template are volumes of their names.
fn pod(params: &Params, template: &Value) -> Value {
    let (mut metadata, mut spec) = (template["metadata"].clone(), template["spec"].clone());
    if !metadata.is_object() {
        metadata = json!({});
    }
    metadata["name"] = json!(format!("{}-dry-run", params.statefulset));
    metadata["namespace"] = json!(params.namespace);
    if let Some(fields) = metadata.as_object_mut() {
        fields.retain(|field, _| ["name", "namespace", "labels", "annotations"].contains(&field.as_str()));
    }
    let mut volumes = spec["volumes"].as_array().cloned().unwrap_or_default();
    for list in ["containers", "initContainers"] {
        for container in spec[list].as_array().into_iter().flatten() {
            for mount in container["volumeMounts"].as_array().into_iter().flatten() {
                if !volumes.iter().any(|volume| volume["name"] == mount["name"]) {
                    let claim = format!("{}-{}-0", text(&mount["name"]), params.statefulset);
                    volumes.push(json!({"name": mount["name"], "persistentVolumeClaim": {"claimName": claim}}));
                }
            }
        }
    }
    spec["volumes"] = json!(volumes);
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
}
