//! `k8s_scale`: sets the number of replicas and waits until it is really so. What speaks against scaling is in `hazards`.

mod hazards;
#[cfg(test)]
mod tests;

use cutover_engine::action::Done;
use cutover_engine::failure::Failure;
use cutover_engine::module::{Access, Change, Context, Diff, Facts, Module, Progress, Targets, Waiting};
use cutover_engine::subject::Subject;
use cutover_engine::text;
use cutover_engine::text::Text;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::support::kubernetes::access;
use crate::support::kubernetes::kind::{Kind, STATEFUL_SET};
use crate::support::kubernetes::pod::{self, Pod, PodResult};
use crate::support::kubernetes::ready::{self, Readiness};
use crate::support::kubernetes::retention::{Keep, Named, Retention};
use crate::support::kubernetes::{self, judge_name, request, subjects, text};

/// The module.
#[derive(Clone, Copy)]
pub(crate) struct K8sScale;

/// The built-in kinds that can be scaled.
const SCALABLE: [&str; 4] = ["StatefulSet", "Deployment", "ReplicaSet", "ReplicationController"];

/// What is waited for after the number is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Until {
    /// That many pods are ready and of the newest template, and no other is left.
    #[default]
    Ready,
    /// Nothing: for a workload that cannot become ready yet. Scaling to zero waits all the same until every pod is gone.
    None,
}

/// Parameters of `k8s_scale`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    /// The API version of a custom kind; left out for built-in ones.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) api_version: Option<String>,
    /// The kind: `StatefulSet`, `Deployment`, or any with a `scale` subresource.
    pub(crate) kind: String,
    /// Its namespace.
    pub(crate) namespace: String,
    /// Its name.
    pub(crate) name: String,
    /// How many replicas it is to have. Zero is reached only when no pod with its selector is left, terminating ones
    /// included. Pods are never deleted by force. A StatefulSet that would delete claims with its replicas is first made to
    /// keep them (its `persistentVolumeClaimRetentionPolicy` becomes `Retain`); where that cannot be, it is refused.
    pub(crate) replicas: u32,
    /// What is waited for.
    #[serde(default)]
    pub(crate) wait: Until,
    /// Scales to zero although containers have a `preStop` hook. Only when you know what the hook does: hooks that run
    /// `etcdctl member remove` take members out of the cluster for good, and are refused all the same.
    #[serde(default)]
    pub(crate) accept_pre_stop: bool,
    /// Scales a StatefulSet with `podManagementPolicy: OrderedReady` up from zero to more than one, although each pod is
    /// only made when the one before is ready. Right when a pod becomes ready without the others; a member of a cluster
    /// that has data of several members does not.
    #[serde(default)]
    pub(crate) accept_ordered_start: bool,
    /// Scales to zero although something is known that sets the replicas again: a controller that owns the workload, a GitOps tool
    /// (by its labels, annotations and field managers). Only when that is suspended.
    #[serde(default)]
    pub(crate) accept_rescaling: bool,
    /// Only looks whether anything speaks against scaling (hooks, claims that would go, pods that would wait for each other), and
    /// changes nothing: to be asked before the window.
    #[serde(default)]
    pub(crate) check_only: bool,
}

/// What a probe saw.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct State {
    /// The kind, resolved.
    pub(crate) kind: Kind,
    /// The workload; `None` if there is none.
    pub(crate) workload: Option<Workload>,
}

/// A workload.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Workload {
    /// `spec.replicas`.
    pub(crate) wanted: u64,
    /// `status.replicas`.
    pub(crate) present: u64,
    /// Whether its controller has seen its last change.
    pub(crate) observed: bool,
    /// Why it is not ready; `None` if it is. Without a meaning for kinds that do not tell.
    pub(crate) not_ready: Option<Text>,
    /// The pods that its selector selects.
    pub(crate) pods: Vec<Pod>,
    /// The names of those that belong to something else. They count only where none may be left.
    pub(crate) foreign: Vec<String>,
    /// Whether pods are made one after the other.
    pub(crate) ordered: bool,
    /// What its containers do before they stop.
    pub(crate) hooks: Vec<hazards::Hook>,
    /// What may set its replicas again.
    pub(crate) rescalers: Vec<String>,
    /// What becomes of the claims of replicas that are scaled away.
    pub(crate) retention: Retention,
    /// What makes it keep them. Looked at only if it is to have fewer replicas.
    pub(crate) keep: Keep,
}

impl Workload {
    /// Reads an object, its `scale` subresource and its pods. Kinds without an `observedGeneration` count as observed.
    fn of(kind: &Kind, object: &Value, scale: &Value, raw: &[Value], pods: Vec<Pod>) -> Self {
        let tells = kind.is_built_in() || !object["status"]["observedGeneration"].is_null();
        let not_ready = match ready::of(kind, object) {
            Readiness::NotYet(why) | Readiness::Never(why) => Some(why),
            Readiness::Ready | Readiness::Unknown => None,
        };
        let (foreign, own): (Vec<&Value>, Vec<&Value>) = raw.iter().partition(|pod| is_foreign(kind, object, pod));
        let ordered = kind.kind == "StatefulSet" && text(&object["spec"]["podManagementPolicy"]) != "Parallel";
        Self {
            wanted: scale["spec"]["replicas"].as_u64().unwrap_or(0),
            present: scale["status"]["replicas"].as_u64().unwrap_or(0),
            observed: !tells || ready::observed(object),
            not_ready,
            ordered: ordered && hazards::probed(&object["spec"]["template"]),
            hooks: hazards::hooks(&object["spec"]["template"], &own),
            rescalers: hazards::rescalers(object),
            retention: Retention::of(object),
            keep: Keep::default(),
            foreign: foreign.into_iter().map(|pod| kubernetes::name(pod).to_owned()).collect(),
            pods,
        }
    }
}

/// Whether a pod belongs to something else that happens to use the same labels. One without an owner was left behind, and
/// is taken for its own.
fn is_foreign(kind: &Kind, object: &Value, pod: &Value) -> bool {
    let Some(owner) = kubernetes::controller(pod) else { return false };
    match kind.kind.as_ref() {
        "Deployment" => owner["kind"] != "ReplicaSet",
        "StatefulSet" | "ReplicaSet" | "ReplicationController" => text(&owner["uid"]) != kubernetes::uid(object),
        _ => false,
    }
}

impl Params {
    fn named<'a>(&'a self, kind: &'a Kind) -> Named<'a> {
        Named { kind, namespace: Some(&self.namespace), name: &self.name }
    }

    /// Whether claims of a StatefulSet may go with the replicas that it is to lose. Without the policy, as before Kubernetes
    /// 1.23, none do.
    fn takes_away(&self, kind: &Kind, object: &Value, workload: &Workload) -> bool {
        let policy = &object["spec"]["persistentVolumeClaimRetentionPolicy"];
        let fewer = u64::from(self.replicas) < workload.wanted;
        *kind == STATEFUL_SET && !policy.is_null() && fewer && (self.replicas == 0 || workload.retention.when_scaled)
    }

    fn compare(&self, site: &str, state: &State) -> Diff {
        let title = state.kind.title(Some(&self.namespace), &self.name);
        let Some(workload) = &state.workload else {
            return Diff::blocked(text!("k8s_scale.missing", "{title} does not exist", title));
        };
        let replicas = u64::from(self.replicas);
        let reasons = hazards::reasons(self, self.named(&state.kind), workload);
        if !reasons.is_empty() {
            return Diff::refused(reasons);
        }
        if self.check_only {
            return Diff::InSync;
        }
        if workload.wanted != replicas {
            let path = format!("{}/scale", state.kind.object(Some(&self.namespace), &self.name));
            let set = |replicas: u64| request::patch(site, &path, json!({"spec": {"replicas": replicas}}));
            let summary = text!(
                "k8s_scale.scale",
                "scale {title} from {from} to {to}",
                title,
                from = workload.wanted,
                to = replicas
            );
            let change = Change::idempotent("set-replicas", summary, [set(replicas)]);
            // Undone, the replicas that were added would be scaled away, and their claims deleted.
            let lost = replicas > workload.wanted && workload.retention.when_scaled;
            let change = if lost { change } else { change.undo([set(workload.wanted)]) };
            return Diff::Change(workload.keep.changes.iter().cloned().chain([change]).collect());
        }
        if !workload.observed {
            return Diff::waiting(text!(
                "k8s_scale.unseen",
                "the controller of {title} has not seen the new number of replicas yet",
                title
            ));
        }
        match (replicas, self.wait) {
            (0, _) => gone(workload),
            (_, Until::Ready) => ready(workload, replicas),
            (_, Until::None) => Diff::InSync,
        }
    }
}

/// Real zero: no pod is left.
fn gone(workload: &Workload) -> Diff {
    let left = workload.pods.len();
    match (left, workload.present) {
        (0, 0) => Diff::InSync,
        (0, present) => Diff::waiting(text!(
            "k8s_scale.status-behind",
            "the pods are gone, its status still says {present} replicas",
            present
        )),
        _ => {
            let words = workload.pods.iter().map(|pod| match workload.foreign.contains(&pod.name) {
                true => text!(
                    "k8s_scale.foreign",
                    "{pod} (it has the labels, but belongs to something else)",
                    pod = pod.words()
                ),
                false => pod.words(),
            });
            let pods: Vec<Text> = words.collect();
            Diff::waiting(match left {
                1 => text!("k8s_scale.pod-left", "1 pod is still there: {pods}", pods = pods),
                left => text!("k8s_scale.pods-left", "{left} pods are still there: {pods}", left, pods = pods),
            })
        }
    }
}

/// Real readiness: that many pods are ready, and the workload says so, too.
fn ready(workload: &Workload, replicas: u64) -> Diff {
    let own: Vec<&Pod> = workload.pods.iter().filter(|pod| !workload.foreign.contains(&pod.name)).collect();
    let ready = own.iter().filter(|pod| pod.ready).count() as u64;
    let unready: Vec<Text> = own.iter().filter(|pod| !pod.ready).map(|pod| pod.words()).collect();
    if ready == replicas && unready.is_empty() {
        return match &workload.not_ready {
            None => Diff::InSync,
            Some(why) => Diff::waiting(why.clone()),
        };
    }
    let waits = workload.ordered && (own.len() as u64) < replicas && !unready.is_empty();
    let mut why = text!("k8s_scale.ready", "{ready} of {replicas} pods are ready", ready, replicas);
    if !unready.is_empty() {
        why = text!("k8s_scale.unready", "{state}: {pods}", state = why, pods = unready);
    }
    if waits {
        why = text!(
            "k8s_scale.ordered-wait",
            "{state}; the next pod is made when these are ready (OrderedReady)",
            state = why
        );
    }
    let percent = (ready.min(replicas) * 100) as f64 / replicas.max(1) as f64;
    Diff::Waiting(Waiting { why, progress: Some(Progress { percent, eta_seconds: None }) })
}

fn not_scalable(kind: &str) -> Text {
    text!("k8s_scale.not-scalable", "a {kind} cannot be scaled", kind)
}

/// What `register` keeps.
#[derive(Debug, Serialize, JsonSchema)]
struct Scaled {
    /// The kind of the workload.
    kind: String,
    /// Its namespace.
    namespace: String,
    /// Its name.
    name: String,
    /// How many replicas it was to have.
    replicas: u32,
    /// The pods that its selector selects, by name; with zero replicas none.
    pods: Vec<PodResult>,
}

impl Module for K8sScale {
    const NAME: &'static str = "k8s_scale";
    const SUMMARY: &'static str =
        "Sets the replicas of a workload and waits until its pods are really gone, or really ready";
    const EXAMPLE: &'static str = r#"
name: Scale to zero
target: active
k8s_scale: {kind: StatefulSet, namespace: common, name: common-etcd-etcd, replicas: 0}
timeout: 3m
"#;

    const TARGETS: Targets = Targets::SITE;

    type Params = Params;
    type State = State;

    fn judge(params: &Params) -> Result<(), Failure> {
        let api_version = params.api_version.as_deref();
        Kind::judge(api_version, &params.kind, Some(&params.namespace), false)?;
        judge_name(&params.name, "/name")?;
        match Kind::known(api_version, &params.kind) {
            Some(known) if !SCALABLE.contains(&known.kind.as_ref()) => {
                Err(Failure::invalid(not_scalable(&known.kind)).pointer("/kind"))
            }
            _ => Ok(()),
        }
    }

    async fn probe(&self, cx: &Context, params: &Params) -> Result<State, Failure> {
        let kind = Kind::find(cx, params.api_version.as_deref(), &params.kind).await?;
        let namespace = Some(params.namespace.as_str());
        kind.check(namespace, false)?;
        let Some(object) = kubernetes::get(cx, &kind, namespace, &params.name).await? else {
            return Ok(State { kind, workload: None });
        };
        let path = format!("{}/scale", kind.object(namespace, &params.name));
        let Some(scale) = cx.get(cx.site()?, &path).await? else {
            // A custom kind: those in the table were judged with the parameters.
            return Err(Failure::failed(not_scalable(&kind.kind)).pointer("/kind"));
        };
        // The API server writes the selector as a query takes it.
        let labels = text(&scale["status"]["selector"]);
        if labels.is_empty() {
            return Err(Failure::failed(text!(
                "k8s_scale.no-selector",
                "{title} has no selector: its pods cannot be distinguished from others",
                title = kind.title(namespace, &params.name)
            )));
        }
        let mut raw = pod::select(cx, &params.namespace, labels).await?;
        raw.retain(|pod| !pod::is_finished(pod));
        let pods = pod::describe(cx, &params.namespace, &raw).await?;
        let mut workload = Workload::of(&kind, &object, &scale, &raw, pods);
        if params.takes_away(&kind, &object, &workload) {
            workload.keep = Keep::look(cx, params.named(&kind), &object).await?;
        }
        Ok(State { kind, workload: Some(workload) })
    }

    fn subjects(&self, facts: &Facts, params: &Params) -> Option<Vec<Subject>> {
        let Params { api_version, kind, namespace, name, .. } = params;
        Some(subjects::of(facts.site().ok()?, api_version.as_deref(), kind, Some(namespace), name))
    }

    fn access(params: &Value) -> Vec<Access> {
        let Some(namespace) = access::namespace(params) else { return Vec::new() };
        let named = |verbs: &[&'static str]| Access::named(params, verbs).into_iter();
        let scale = if params["check_only"] == true { &["get"][..] } else { &["get", "patch"] };
        let scale = named(scale).map(|access| access.of_part("scale"));
        let keeps = (params["kind"] == "StatefulSet").then(|| access::keeps_claims(namespace)).into_iter().flatten();
        named(&["get"]).chain(scale).chain(access::pods(namespace)).chain(keeps).collect()
    }

    fn diff(&self, facts: &Facts, params: &Params, state: &State) -> Diff {
        params.compare(facts.target().site().unwrap_or_default(), state)
    }

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Scaled>()
    }

    fn result(&self, _facts: &Facts, params: &Params, state: &State, _done: &[Done]) -> Value {
        let pods = state.workload.iter().flat_map(|workload| &workload.pods).map(PodResult::from).collect();
        let Params { kind, namespace, name, replicas, .. } = params.clone();
        json!(Scaled { kind, namespace, name, replicas, pods })
    }
}
