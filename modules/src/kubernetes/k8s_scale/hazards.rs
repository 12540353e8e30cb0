//! What speaks against scaling: hooks that take members out of their cluster when they stop, claims that go with their
//! replicas, and pods that wait for each other when they start.

use cutover_engine::failure::Failure;
use cutover_engine::module::{Context, api_failure};
use cutover_engine::query::Ask;
use cutover_engine::text;
use cutover_engine::text::Text;
use serde::Serialize;
use serde_json::Value;

use super::{Params, Workload};
use crate::support::kubernetes::kind::{AUTOSCALER, STATEFUL_SET};
use crate::support::kubernetes::retention::{Moment, Named};
use crate::support::kubernetes::{self, controller, text};

/// Labels and annotations by which GitOps tools know what they hold to a repository, from their manuals.
const MARKS: [(&str, &str, &str); 5] = [
    ("annotations", "argocd.argoproj.io/tracking-id", "Argo CD"),
    ("labels", "argocd.argoproj.io/instance", "Argo CD"),
    ("labels", "kustomize.toolkit.fluxcd.io/name", "Flux"),
    ("labels", "helm.toolkit.fluxcd.io/name", "Flux"),
    ("labels", "fleet.cattle.io/bundle-name", "Fleet"),
];

/// The beginnings of the names by which controllers own `spec.replicas` that set it again.
const CONTROLLERS: [&str; 6] =
    ["argocd-", "kustomize-controller", "helm-controller", "keda-operator", "horizontal-pod-autoscaler", "fleetagent"];

/// What a container does before it stops.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Hook {
    /// The container.
    pub(crate) container: String,
    /// What runs, as one line.
    pub(crate) action: String,
    /// Whether it takes the member out of its cluster.
    pub(crate) removes_member: bool,
}

/// The hooks of a pod template and of pods, which may be older than the template. Each once.
pub(crate) fn hooks(template: &Value, pods: &[&Value]) -> Vec<Hook> {
    let mut hooks = Vec::new();
    for spec in std::iter::once(&template["spec"]).chain(pods.iter().map(|pod| &pod["spec"])) {
        // A native sidecar stops when the pod does, and its hook runs like any other.
        let sidecars = spec["initContainers"].as_array().into_iter().flatten();
        let sidecars = sidecars.filter(|container| container["restartPolicy"] == "Always");
        for container in sidecars.chain(spec["containers"].as_array().into_iter().flatten()) {
            if let Some(hook) = hook(container).filter(|hook| !hooks.contains(hook)) {
                hooks.push(hook);
            }
        }
    }
    hooks
}

fn hook(container: &Value) -> Option<Hook> {
    let hook = container["lifecycle"].get("preStop").filter(|hook| !hook.is_null())?;
    // It only waits. How long a pod takes to go is another matter.
    if hook.get("sleep").is_some_and(|sleep| !sleep.is_null()) {
        return None;
    }
    let action = match hook["exec"]["command"].as_array() {
        Some(words) => words.iter().map(text).collect::<Vec<_>>().join(" "),
        None => hook.to_string(),
    };
    let action = action.split_whitespace().collect::<Vec<_>>().join(" ");
    // Bitnami's image: the script removes the member unless the variable is set to a yes. The chart renders the hook when
    // `removeMemberOnContainerTermination` is set.
    let bitnami = action.contains("/scripts/etcd/prestop.sh");
    let off = bitnami && is_yes(environment(container, "ETCD_DISABLE_PRESTOP"));
    if off {
        return None;
    }
    let removes_member = bitnami || action.contains("member remove");
    Some(Hook { container: text(&container["name"]).to_owned(), action, removes_member })
}

fn environment<'a>(container: &'a Value, name: &str) -> &'a str {
    let env = container["env"].as_array().into_iter().flatten();
    env.filter(|entry| entry["name"] == name).map(|entry| text(&entry["value"])).next_back().unwrap_or_default()
}

fn is_yes(text: &str) -> bool {
    ["yes", "true", "1"].iter().any(|yes| text.eq_ignore_ascii_case(yes))
}

/// Whether a template's readiness is decided by a probe, and not just by its containers running.
pub(crate) fn probed(template: &Value) -> bool {
    let containers = template["spec"]["containers"].as_array().into_iter().flatten();
    containers.clone().any(|container| !container["readinessProbe"].is_null() || !container["startupProbe"].is_null())
}

/// What may set the replicas again: its controller, and tools that hold it to what is written elsewhere. Each in a few words.
pub(crate) fn rescalers(object: &Value) -> Vec<String> {
    let metadata = &object["metadata"];
    let owner = controller(object);
    let owner = owner.map(|owner| format!("its controller {} {}", text(&owner["kind"]), text(&owner["name"])));
    let marks = MARKS.iter().filter(|(field, key, _)| !metadata[*field][*key].is_null());
    let marks = marks.map(|(field, key, tool)| format!("{tool} ({field} {key})"));
    let mut found: Vec<String> = owner.into_iter().chain(marks).collect();
    let managers = metadata["managedFields"].as_array().into_iter().flatten();
    for entry in managers.filter(|entry| !entry["fieldsV1"]["f:spec"]["f:replicas"].is_null()) {
        let manager = text(&entry["manager"]);
        let words = format!("field manager {manager}");
        if CONTROLLERS.iter().any(|known| manager.starts_with(known)) && !found.contains(&words) {
            found.push(words);
        }
    }
    found
}

/// The HorizontalPodAutoscalers that set the replicas of a workload, each in a few words. One that this user may not list may be there.
pub(super) async fn autoscalers(cx: &Context, of: Named<'_>) -> Result<Vec<String>, Failure> {
    let site = cx.site()?;
    let ask = Ask::get(site, AUTOSCALER.collection(of.namespace));
    let answer = cx.ask(&ask).await?;
    match answer.status {
        404 => return Ok(Vec::new()),
        403 => return Ok(vec!["perhaps a HorizontalPodAutoscaler, which this user may not list".to_owned()]),
        _ if !answer.is_success() => return Err(api_failure(site, &ask.line(), &answer)),
        _ => {}
    }
    let scales = |autoscaler: &&Value| {
        let target = &autoscaler["spec"]["scaleTargetRef"];
        let group = text(&target["apiVersion"]).split_once('/').map_or("", |(group, _)| group);
        (group, text(&target["kind"]), text(&target["name"]))
            == (of.kind.group.as_ref(), of.kind.kind.as_ref(), of.name)
    };
    let found = answer.body["items"].as_array().into_iter().flatten().filter(scales);
    Ok(found.map(|autoscaler| format!("HorizontalPodAutoscaler {}", kubernetes::name(autoscaler))).collect())
}

/// What speaks against setting the number of replicas.
pub(crate) fn reasons(params: &Params, named: Named<'_>, workload: &Workload) -> Vec<Text> {
    let title = named.kind.title(named.namespace, named.name);
    let (from, to) = (workload.wanted, u64::from(params.replicas));
    let mut reasons = Vec::new();
    if to < from {
        reasons.extend(workload.keep.refused.clone());
        // Another kind with the same policy: whether a patch of it stands is not known.
        if *named.kind != STATEFUL_SET {
            reasons.extend(workload.retention.reason(named, &[Moment::Scaled], to));
        }
    }
    if to == 0 && from > 0 {
        if !params.accept_rescaling && !workload.rescalers.is_empty() {
            reasons.push(text!(
                "k8s_scale.rescaled",
                "{title} would be scaled up again, and clients would write to what is copied: {by}; suspend that first, then say \
                 `accept_rescaling: true`",
                title,
                by = workload.rescalers.join(", ")
            ));
        }
        for Hook { container, action, removes_member } in &workload.hooks {
            if *removes_member {
                reasons.push(text!(
                    "k8s_scale.removes-member",
                    "container {container} of {title} removes its member from the cluster when it stops (preStop: {action}): \
                     its data could not be started again; take the hook away first (Bitnami's chart: \
                     removeMemberOnContainerTermination: false, or ETCD_DISABLE_PRESTOP=yes)",
                    container,
                    title,
                    action
                ));
            } else if !params.accept_pre_stop {
                reasons.push(text!(
                    "k8s_scale.pre-stop",
                    "container {container} of {title} has a preStop hook ({action}): make sure that it leaves the data and \
                     the cluster's membership alone, then say `accept_pre_stop: true`",
                    container,
                    title,
                    action
                ));
            }
        }
    }
    if from == 0 && to > 1 && workload.ordered && !params.accept_ordered_start {
        reasons.push(text!(
            "k8s_scale.ordered-start",
            "{title} makes each pod only when the one before is ready (podManagementPolicy: OrderedReady): members that \
             need each other to become ready never do; make it anew with `podManagementPolicy: Parallel`, or say \
             `accept_ordered_start: true` if one pod becomes ready alone",
            title
        ));
    }
    reasons
}
