//! `k8s_placement`: whether the pods of a set will find their places, one on each node of the pairs: let in by the namespace, with room
//! beside what runs there, and allowed side by side. Looks only. What speaks against it is computed in the files beside this one.

mod admission;
mod neighbours;
mod quota;
mod room;
#[cfg(test)]
mod tests;

use cutover_engine::action::Done;
use cutover_engine::failure::Failure;
use cutover_engine::inventory::Inventory;
use cutover_engine::module::{Access, Context, Diff, Facts, Module, Targets};
use cutover_engine::subject::Subject;
use cutover_engine::text;
use cutover_engine::text::Text;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::support::kubernetes::access;
use crate::support::kubernetes::kind::{NODE, POD, QUOTA, STATEFUL_SET};
use crate::support::kubernetes::{self, judge_name, name, pod, subjects, text};

/// The module.
#[derive(Clone, Copy)]
pub(crate) struct K8sPlacement;

/// Parameters of `k8s_placement`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    /// The namespace.
    pub(crate) namespace: String,
    /// The StatefulSet. Its pods that run now will be gone by then: what they take is free again.
    pub(crate) statefulset: String,
    /// The template of the new pods: `metadata` and `spec`. There will be as many of them as there are pairs.
    pub(crate) template: Map<String, Value>,
    /// Goes on although the API server refuses a pod that is tried by a dry run (a limit range, pod security, a policy or a webhook). Only
    /// where it refuses it from this user, and will take it from the controller.
    #[serde(default)]
    pub(crate) accept_refusal: bool,
}

/// What a probe saw.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct State {
    /// The nodes, by ordinal.
    pub(crate) nodes: Vec<String>,
    /// What speaks against a pod on each of them.
    pub(crate) reasons: Vec<Text>,
}

/// What `k8s_placement` returns.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Returned {
    /// The nodes, by ordinal, each of which takes one of the pods.
    nodes: Vec<String>,
}

/// What there is around the new pods.
struct Scene<'a> {
    /// The namespace of the new pods.
    namespace: &'a str,
    /// The labels of the new pods.
    labels: &'a Value,
    /// The spec of the new pods, as the API server would complete it.
    spec: &'a Value,
    /// The nodes that they are to run on, one on each.
    planned: Vec<&'a Value>,
    /// All nodes.
    nodes: &'a [Value],
    /// The pods that the set has now.
    own: Vec<&'a Value>,
    /// All other pods that have not ended.
    others: Vec<&'a Value>,
}

impl<'a> Scene<'a> {
    /// The other pods on a node.
    fn on<'s>(&'s self, node: &'s str) -> impl Iterator<Item = &'a Value> + 's {
        self.others.iter().copied().filter(move |pod| text(&pod["spec"]["nodeName"]) == node)
    }
}

impl Params {
    /// Whether a pod belongs to the set.
    fn owns(&self, pod: &Value) -> bool {
        let owner = kubernetes::controller(pod);
        text(&pod["metadata"]["namespace"]) == self.namespace
            && owner.is_some_and(|owner| owner["kind"] == "StatefulSet" && owner["name"] == self.statefulset.as_str())
    }
}

impl Module for K8sPlacement {
    const NAME: &'static str = "k8s_placement";
    const SUMMARY: &'static str =
        "Refuses unless a set's new pods will be let in and find room, one on each node of the pairs; looks only";
    const EXAMPLE: &'static str = r#"
name: The pods find their places on the planned nodes
target: active
k8s_placement:
  namespace: common
  statefulset: common-etcd-etcd
  template: "{{ planned.value.template }}"
"#;

    const TARGETS: Targets = Targets::SITE;

    type Params = Params;
    type State = State;

    fn judge(params: &Params) -> Result<(), Failure> {
        judge_name(&params.namespace, "/namespace")?;
        judge_name(&params.statefulset, "/statefulset")?;
        let spec = params.template.get("spec");
        if spec.is_none_or(|spec| !spec["containers"].is_array()) {
            let words =
                text!("k8s_placement.no-template", "`template` is not a template of pods: it has no `spec.containers`");
            return Err(Failure::invalid(words).pointer("/template"));
        }
        Ok(())
    }

    fn judge_on(facts: &Facts, _inventory: &Inventory, _params: &Params) -> Result<(), Failure> {
        match facts.pairs().is_empty() {
            true => Err(Failure::invalid(text!(
                "k8s_placement.no-pairs",
                "the inventory has no pairs, so no nodes are planned"
            ))),
            false => Ok(()),
        }
    }

    async fn probe(&self, cx: &Context, params: &Params) -> Result<State, Failure> {
        let site = cx.site()?;
        let members = cx.facts().pairs().iter().filter_map(|pair| pair.members.get(site));
        let names: Vec<String> = members.map(|member| member.node.clone()).collect();
        let nodes = kubernetes::list(cx, &NODE, None, "").await?;
        let mut pods = kubernetes::list(cx, &POD, None, "").await?;
        pods.retain(|pod| !pod::is_finished(pod));
        let quotas = kubernetes::list(cx, &QUOTA, Some(&params.namespace), "").await?;
        let template = Value::Object(params.template.clone());
        let (admitted, refused) = admission::ask(cx, params, &template).await?;
        let mut reasons: Vec<Text> = refused.filter(|_| !params.accept_refusal).into_iter().collect();
        let mut planned = Vec::new();
        for wanted in &names {
            match nodes.iter().find(|node| name(node) == wanted) {
                Some(node) => planned.push(node),
                None => reasons.push(text!(
                    "k8s_placement.no-node",
                    "there is no node {node} in {site}",
                    node = wanted,
                    site
                )),
            }
        }
        let (own, others) = pods.iter().partition(|pod| params.owns(pod));
        let spec = admitted.as_ref().map_or(&template["spec"], |pod| &pod["spec"]);
        let (namespace, labels) = (params.namespace.as_str(), &template["metadata"]["labels"]);
        let scene = Scene { namespace, labels, spec, planned, nodes: &nodes, own, others };
        reasons.extend(quotas.iter().flat_map(|quota| quota::reasons(&scene, quota)));
        reasons.extend(room::reasons(&scene));
        reasons.extend(neighbours::reasons(&scene));
        Ok(State { nodes: names, reasons })
    }

    fn subjects(&self, facts: &Facts, params: &Params) -> Option<Vec<Subject>> {
        let site = facts.site().ok()?;
        let mut all = subjects::of(site, None, &STATEFUL_SET.kind, Some(&params.namespace), &params.statefulset);
        all.push(subjects::pods(site, &params.namespace, ""));
        Some(all)
    }

    fn access(params: &Value) -> Vec<Access> {
        let everywhere = ["Node", "Pod"].map(|kind| Access::to(kind, None, &["list"])).into_iter().flatten();
        let Some(namespace) = access::namespace(params) else { return everywhere.collect() };
        // One of the pods is tried by a dry run, for which the same right is needed as to make it.
        let here = [("ResourceQuota", "list"), ("Pod", "create")];
        everywhere.chain(here.into_iter().flat_map(|(kind, verb)| Access::to(kind, Some(namespace), &[verb]))).collect()
    }

    fn diff(&self, _facts: &Facts, _params: &Params, state: &State) -> Diff {
        match state.reasons.is_empty() {
            true => Diff::InSync,
            false => Diff::refused(state.reasons.clone()),
        }
    }

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Returned>()
    }

    fn result(&self, _facts: &Facts, _params: &Params, state: &State, _done: &[Done]) -> Value {
        json!(Returned { nodes: state.nodes.clone() })
    }
}
