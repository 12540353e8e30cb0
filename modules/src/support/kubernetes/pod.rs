//! Pods as a person waiting for them sees them: where they are, whether they are ready, and if not, why.

use cutover_engine::failure::Failure;
use cutover_engine::module::Context;
use cutover_engine::text;
use cutover_engine::text::Text;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::{deleting, holders, kind, name, selector, text, uid};

/// The longest message of Kubernetes that an explanation of one pod repeats, in characters.
const LONGEST: usize = 300;

/// A pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Pod {
    /// Its name.
    pub(crate) name: String,
    /// The node it was given to; empty if none.
    pub(crate) node: String,
    /// Its phase.
    pub(crate) phase: String,
    /// Whether it is ready and not being deleted.
    pub(crate) ready: bool,
    /// Whether it is being deleted.
    pub(crate) terminating: bool,
    /// Why it is not ready, or what keeps it from going; `None` if it is ready.
    pub(crate) why: Option<Text>,
}

/// A pod, as `register` keeps it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PodResult {
    /// Its name.
    name: String,
    /// The node it was given to; empty if none.
    node: String,
    /// Its phase: `Running`.
    phase: String,
    /// Whether it is ready and not being deleted.
    ready: bool,
    /// Whether it is being deleted.
    terminating: bool,
    /// Why it is not ready, in words; empty if it is.
    why: String,
}

impl From<&Pod> for PodResult {
    fn from(pod: &Pod) -> Self {
        let Pod { name, node, phase, ready, terminating, why } = pod.clone();
        Self { name, node, phase, ready, terminating, why: why.map(|why| why.to_string()).unwrap_or_default() }
    }
}

/// Looks at the pods that a label selector selects, and at their warnings if one of them is not ready.
pub(crate) async fn select(cx: &Context, namespace: &str, labels: &str) -> Result<Vec<Value>, Failure> {
    super::list(cx, &kind::POD, Some(namespace), &selector::query(labels)).await
}

/// Describes pods. The warnings of the namespace are read only if one of them is not ready.
pub(crate) async fn describe(cx: &Context, namespace: &str, pods: &[Value]) -> Result<Vec<Pod>, Failure> {
    let settled = pods.iter().all(|pod| is_ready(pod) || is_finished(pod));
    let warnings = if settled {
        Vec::new()
    } else {
        let query = format!("fieldSelector={}", kind::encode("involvedObject.kind=Pod,type=Warning"));
        super::list(cx, &kind::EVENT, Some(namespace), &query).await?
    };
    let mut described: Vec<Pod> = pods.iter().map(|pod| Pod::of(pod, &warnings)).collect();
    described.sort_by(|a, b| (a.name.len(), &a.name).cmp(&(b.name.len(), &b.name)));
    Ok(described)
}

/// Whether a pod is ready and stays.
pub(crate) fn is_ready(pod: &Value) -> bool {
    !deleting(pod) && condition(pod, "Ready").is_some_and(|ready| ready["status"] == "True")
}

/// Whether nothing of a pod runs any more, and it is not being deleted.
pub(crate) fn is_finished(pod: &Value) -> bool {
    let running = statuses(pod).any(|status| status["state"]["running"].is_object());
    matches!(text(&pod["status"]["phase"]), "Succeeded" | "Failed") && !running && !deleting(pod)
}

/// A condition of an object's status.
pub(crate) fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    object["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)
}

impl Pod {
    /// Describes a pod, given the warnings of its namespace.
    pub(crate) fn of(pod: &Value, warnings: &[Value]) -> Self {
        let ready = is_ready(pod);
        Self {
            name: name(pod).to_owned(),
            node: text(&pod["spec"]["nodeName"]).to_owned(),
            phase: text(&pod["status"]["phase"]).to_owned(),
            ready,
            terminating: deleting(pod),
            why: (!ready).then(|| why(pod, warnings)),
        }
    }

    /// The pod and what there is to say of it.
    pub(crate) fn words(&self) -> Text {
        match &self.why {
            None => Text::verbatim(&self.name),
            Some(why) => text!("kubernetes.pod", "{name}: {why}", name = &self.name, why),
        }
    }
}

fn statuses(pod: &Value) -> impl Iterator<Item = &Value> {
    let list = |field: &str| pod["status"][field].as_array().into_iter().flatten();
    list("initContainerStatuses").chain(list("containerStatuses"))
}

/// Why a pod is not ready, or what keeps it from going.
pub(crate) fn why(pod: &Value, warnings: &[Value]) -> Text {
    let warning = latest(pod, warnings);
    let node = text(&pod["spec"]["nodeName"]);
    if deleting(pod) {
        let words = terminating(pod, node);
        return with(words, warning.filter(|(reason, _)| reason.contains("Kill") || reason.contains("PreStop")));
    }
    if let Some(refused) = condition(pod, "PodScheduled").filter(|scheduled| scheduled["status"] == "False") {
        let message = shorten(text(&refused["message"]));
        return text!("kubernetes.pod.not-scheduled", "not scheduled: {message}", message);
    }
    if text(&pod["status"]["phase"]) == "Failed" {
        let message = shorten(&format!("{} {}", text(&pod["status"]["reason"]), text(&pod["status"]["message"])));
        return text!("kubernetes.pod.failed", "failed: {message}", message);
    }
    for status in statuses(pod) {
        let waiting = &status["state"]["waiting"];
        let reason = text(&waiting["reason"]);
        if reason.is_empty() || reason == "PodInitializing" {
            continue;
        }
        let last = &status["lastState"]["terminated"];
        if last.is_object() {
            return text!(
                "kubernetes.pod.ended",
                "{reason} on {node}: ended with exit code {code}: {message}",
                reason,
                node,
                code = &last["exitCode"],
                message = shorten(text(&last["message"]))
            );
        }
        let words = text!("kubernetes.pod.waiting", "{reason} on {node}", reason, node);
        let message = shorten(text(&waiting["message"]));
        if !message.is_empty() {
            return text!("kubernetes.pod.waiting-because", "{state}: {message}", state = words, message);
        }
        return with(words, warning.filter(|(reason, _)| reason.starts_with("Failed")));
    }
    match (node, text(&pod["status"]["phase"])) {
        ("", _) => text!("kubernetes.pod.unscheduled", "not scheduled yet"),
        (node, "Running") => text!("kubernetes.pod.running", "running on {node}, not ready yet", node),
        (node, _) => with(
            text!("kubernetes.pod.starting", "starting on {node}", node),
            warning.filter(|(reason, _)| reason.starts_with("Failed")),
        ),
    }
}

fn terminating(pod: &Value, node: &str) -> Text {
    let mut state = match node {
        "" => text!("kubernetes.pod.terminating", "terminating"),
        node => text!("kubernetes.pod.terminating-on", "terminating on {node}", node),
    };
    if pod["status"]["reason"] == "NodeLost" {
        state = text!("kubernetes.pod.node-lost", "{state}, but the node does not answer", state);
    }
    let finalizer = holders(pod);
    if !finalizer.is_empty() {
        state = text!("kubernetes.pod.held", "{state}, held by the finalizer {finalizer}", state, finalizer);
    }
    state
}

fn with(state: Text, warning: Option<(&str, &str)>) -> Text {
    match warning {
        Some((reason, message)) => {
            text!("kubernetes.pod.warned", "{state}: {reason}: {message}", state, reason, message = shorten(message))
        }
        None => state,
    }
}

/// The newest warning about a pod: its reason and message.
fn latest<'a>(pod: &Value, warnings: &'a [Value]) -> Option<(&'a str, &'a str)> {
    let about = |event: &&Value| text(&event["involvedObject"]["uid"]) == uid(pod);
    let time = |event: &Value| {
        let stamps = [&event["lastTimestamp"], &event["eventTime"], &event["metadata"]["creationTimestamp"]];
        stamps.into_iter().find_map(Value::as_str).unwrap_or_default().to_owned()
    };
    let newest = warnings.iter().filter(about).max_by_key(|event| time(event))?;
    Some((text(&newest["reason"]), text(&newest["message"])))
}

fn shorten(words: &str) -> String {
    let line = words.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_pod_that_is_not_ready_says_why() {
        let event = |reason: &str, at: &str, message: &str| json!({"involvedObject": {"uid": "u"}, "reason": reason, "lastTimestamp": at, "message": message});
        let warnings = [
            event("FailedMount", "2026-01-01T00:00:02Z", "hostPath type check failed: /x is not a directory"),
            event("FailedMount", "2026-01-01T00:00:01Z", "older"),
        ];
        let pod =
            |spec: Value, status: Value| json!({"metadata": {"name": "p", "uid": "u"}, "spec": spec, "status": status});
        let on = || json!({"nodeName": "n"});
        let waiting = |state: Value, last: Value| json!({"phase": "Pending", "containerStatuses": [{"state": {"waiting": state}, "lastState": last}]});
        let mut going = pod(on(), json!({"phase": "Running"}));
        going["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        going["metadata"]["finalizers"] = json!(["example.com/f"]);
        let cases = [
            (
                pod(on(), waiting(json!({"reason": "ContainerCreating"}), json!({}))),
                "ContainerCreating on n: FailedMount: hostPath type check failed: /x is not a directory",
            ),
            (
                pod(
                    on(),
                    waiting(
                        json!({"reason": "CrashLoopBackOff", "message": "back-off"}),
                        json!({"terminated": {"exitCode": 1, "message": "no member\n"}}),
                    ),
                ),
                "CrashLoopBackOff on n: ended with exit code 1: no member",
            ),
            (
                pod(on(), waiting(json!({"reason": "ImagePullBackOff", "message": "no such image"}), json!({}))),
                "ImagePullBackOff on n: no such image",
            ),
            (
                pod(
                    json!({}),
                    json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available"}]}),
                ),
                "not scheduled: 0/3 nodes are available",
            ),
            (pod(on(), json!({"phase": "Running"})), "running on n, not ready yet"),
            (going, "terminating on n, held by the finalizer example.com/f"),
            (pod(on(), json!({"phase": "Failed", "reason": "Evicted", "message": "disk"})), "failed: Evicted disk"),
        ];
        for (pod, expected) in cases {
            assert_eq!(Pod::of(&pod, &warnings).why.unwrap(), expected);
        }
        let ready = pod(on(), json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}));
        let seen = Pod::of(&ready, &warnings);
        assert!(seen.ready && seen.why.is_none() && seen.words() == "p");
    }
}
