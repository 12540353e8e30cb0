//! `k8s_access`: whether the kubeconfig's user may do all that the run does at the API server of a site. What that is, the engine
//! gathers from the steps of the playbook; the API server is asked about each of it, so that no right is found missing in the outage.

use std::collections::BTreeSet;

use cutover_engine::action::Done;
use cutover_engine::failure::{Failure, FailureClass};
use cutover_engine::module::{Access, Context, Diff, Facts, Module, Targets, api_failure};
use cutover_engine::query::Ask;
use cutover_engine::subject::Subject;
use cutover_engine::text;
use cutover_engine::text::Text;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::support::kubernetes::kind::Kind;
use crate::support::kubernetes::text as string;

/// The module.
#[derive(Clone, Copy)]
pub(crate) struct K8sAccess;

/// Parameters of `k8s_access`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    /// The built-in kinds of objects in the charts that `helm` installs, upgrades or uninstalls: nothing tells them before the charts
    /// are rendered.
    #[serde(default = "usual")]
    chart_kinds: Vec<String>,
}

fn usual() -> Vec<String> {
    ["Service", "StatefulSet"].map(str::to_owned).into()
}

/// A right: a verb on a resource, in a namespace if the resource has them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub(crate) struct Right {
    /// The API group; empty for the core group.
    group: String,
    /// The resource, with its subresource if it is about one: `statefulsets/scale`.
    resource: String,
    /// The namespace; absent for resources without, and for all namespaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    /// The verb.
    verb: String,
}

/// What `k8s_access` saw, and registers.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct State {
    /// The number of rights that the API server was asked about.
    asked: usize,
    /// The rights that are missing.
    missing: Vec<Right>,
}

impl Module for K8sAccess {
    const NAME: &'static str = "k8s_access";
    const SUMMARY: &'static str = "Checks that the kubeconfig's user may do all that the run does at the API server";
    const EXAMPLE: &'static str = r"
name: The user may do all that is to be done
target: [active, passive]
k8s_access: {}
";
    const ASKS_ACCESS: bool = true;
    const TARGETS: Targets = Targets::SITE;

    type Params = Params;
    type State = State;

    fn judge(params: &Params) -> Result<(), Failure> {
        for (index, kind) in params.chart_kinds.iter().enumerate() {
            let judged = Kind::judge(None, kind, None, true);
            judged.map_err(|failure| failure.pointer(format!("/chart_kinds/{index}")))?;
        }
        Ok(())
    }

    async fn probe(&self, cx: &Context, params: &Params) -> Result<State, Failure> {
        let site = cx.site()?;
        let mut rights = BTreeSet::new();
        // Before anything else a cluster is asked who it is.
        let pinned = cx.inventory().sites.get(site).is_some_and(|site| site.kubernetes.uid.is_some());
        let identity = if pinned { Access::to("Namespace", None, &["get"]) } else { Vec::new() };
        for access in cx.access().iter().chain(&identity) {
            let kinds =
                if access.kind == Access::CHART { &params.chart_kinds[..] } else { std::slice::from_ref(&access.kind) };
            for kind in kinds {
                rights.extend(right(cx, access, kind).await?);
            }
        }
        let mut missing = Vec::new();
        for right in &rights {
            if !is_granted(cx, site, right).await? {
                missing.push(right.clone());
            }
        }
        Ok(State { asked: rights.len(), missing })
    }

    fn subjects(&self, _facts: &Facts, _params: &Params) -> Option<Vec<Subject>> {
        Some(Vec::new())
    }

    fn diff(&self, facts: &Facts, _params: &Params, state: &State) -> Diff {
        if state.missing.is_empty() {
            return Diff::InSync;
        }
        let site = facts.target().site().unwrap_or_default();
        let mut reasons = reasons(site, &state.missing);
        reasons.push(text!(
            "k8s_access.help",
            "grant it to the kubeconfig's user: `inventories/rights.yml` has all that the shipped playbooks need, and `kubectl auth \
             can-i --list` says what the user has"
        ));
        Diff::Blocked(reasons)
    }

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<State>()
    }

    fn result(&self, _facts: &Facts, _params: &Params, state: &State, _done: &[Done]) -> Value {
        json!(state)
    }
}

/// The right that is needed; none if the cluster has no such kind, which the step that needs it says.
async fn right(cx: &Context, access: &Access, kind: &str) -> Result<Option<Right>, Failure> {
    let kind = match Kind::find(cx, access.api_version.as_deref(), kind).await {
        Ok(kind) => kind,
        Err(failure) if failure.class == FailureClass::Failed => return Ok(None),
        Err(failure) => return Err(failure),
    };
    Ok(Some(Right {
        group: kind.group.to_string(),
        resource: match access.subresource {
            Some(part) => format!("{}/{part}", kind.plural),
            None => kind.plural.to_string(),
        },
        namespace: access.namespace.clone().filter(|_| kind.namespaced),
        verb: access.verb.to_owned(),
    }))
}

/// Asks the API server about one right.
async fn is_granted(cx: &Context, site: &str, right: &Right) -> Result<bool, Failure> {
    let (resource, part) = right.resource.split_once('/').unwrap_or((&right.resource, ""));
    let mut attributes = json!({"group": right.group, "resource": resource, "verb": right.verb});
    if !part.is_empty() {
        attributes["subresource"] = json!(part);
    }
    if let Some(namespace) = &right.namespace {
        attributes["namespace"] = json!(namespace);
    }
    let ask = Ask::access_review(site, &attributes);
    let answer = cx.ask(&ask).await?;
    if !answer.is_success() {
        return Err(api_failure(site, &ask.line(), &answer));
    }
    match answer.body["status"]["allowed"].as_bool() {
        Some(allowed) => Ok(allowed),
        None => Err(Failure::failed(text!(
            "k8s_access.no-answer",
            "{site}: {request}: the answer does not say whether it is allowed: {answer}",
            site,
            request = ask.line(),
            answer = string(&answer.body["status"])
        ))),
    }
}

/// Missing rights in words, those on one resource together.
fn reasons(site: &str, missing: &[Right]) -> Vec<Text> {
    let mut reasons = Vec::new();
    let of = |right: &Right| (right.group.clone(), right.resource.clone(), right.namespace.clone());
    for rights in missing.chunk_by(|one, other| of(one) == of(other)) {
        let Some(Right { group, resource, namespace, .. }) = rights.first() else { continue };
        let verbs = rights.iter().map(|right| format!("`{}`", right.verb)).collect::<Vec<_>>().join(", ");
        let resource = if group.is_empty() { resource.clone() } else { format!("{resource} ({group})") };
        reasons.push(match namespace {
            Some(namespace) => text!(
                "k8s_access.missing",
                "{site}: the kubeconfig's user may not {verbs} {resource} in the namespace {namespace}",
                site,
                verbs,
                resource,
                namespace
            ),
            None => text!(
                "k8s_access.missing-everywhere",
                "{site}: the kubeconfig's user may not {verbs} {resource} (a right for the whole cluster)",
                site,
                verbs,
                resource
            ),
        });
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;

    fn right(group: &str, resource: &str, namespace: Option<&str>, verb: &str) -> Right {
        let namespace = namespace.map(str::to_owned);
        Right { group: group.to_owned(), resource: resource.to_owned(), namespace, verb: verb.to_owned() }
    }

    #[test]
    fn what_is_missing_is_named_with_verb_resource_and_namespace() {
        let missing = [
            right("", "persistentvolumes", None, "create"),
            right("", "persistentvolumes", None, "patch"),
            right("", "pods/exec", Some("common"), "create"),
            right("apps", "statefulsets/scale", Some("common"), "patch"),
        ];
        let words: Vec<String> = reasons("primary", &missing).iter().map(ToString::to_string).collect();
        assert_eq!(
            words,
            [
                "primary: the kubeconfig's user may not `create`, `patch` persistentvolumes (a right for the whole cluster)",
                "primary: the kubeconfig's user may not `create` pods/exec in the namespace common",
                "primary: the kubeconfig's user may not `patch` statefulsets/scale (apps) in the namespace common",
            ]
        );
    }
}
