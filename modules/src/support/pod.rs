//! A pod as far as a command can be run in it: whether it is there, whether its container runs, and if not, why.

use cutover_engine::failure::Failure;
use cutover_engine::module::{Context, Diff};
use cutover_engine::subject::Subject;
use cutover_engine::text;
use cutover_engine::text::Text;
use cutover_engine::world::Place;
use serde::Serialize;
use serde_json::Value;

/// What is known about a pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Pod {
    /// Its name.
    pub(crate) name: String,
    /// The node it runs on, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) node: Option<String>,
    /// Whether it is ready.
    pub(crate) ready: bool,
    /// Whether a command can be run in it.
    pub(crate) standing: Standing,
}

/// Whether a command can be run in a pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Standing {
    /// Its container runs.
    Running,
    /// Not yet, for this reason.
    Coming(Text),
    /// Never, for this reason.
    Gone(Text),
}

impl Pod {
    /// Looks at a pod.
    pub(crate) async fn read(
        cx: &Context,
        site: &str,
        namespace: &str,
        name: &str,
        container: Option<&str>,
    ) -> Result<Self, Failure> {
        judge(namespace, name, container)?;
        let object = cx.get(site, &format!("/api/v1/namespaces/{namespace}/pods/{name}")).await?;
        Ok(Self::of(namespace, name, container, object.as_ref()))
    }

    /// Reads a pod's object.
    pub(crate) fn of(namespace: &str, name: &str, container: Option<&str>, object: Option<&Value>) -> Self {
        let missing = || Standing::Gone(text!("pod.missing", "there is no pod {namespace}/{name}", namespace, name));
        let standing = object.map_or_else(missing, |object| standing(namespace, name, container, object));
        let conditions = object.and_then(|object| object["status"]["conditions"].as_array());
        let ready = conditions.into_iter().flatten().any(|one| one["type"] == "Ready" && one["status"] == "True");
        let node = object.and_then(|object| object["spec"]["nodeName"].as_str()).map(str::to_owned);
        Self { name: name.to_owned(), node, ready, standing }
    }

    /// The verdict on a command that cannot be run; `None` if it can.
    pub(crate) fn obstacle(&self) -> Option<Diff> {
        match &self.standing {
            Standing::Running => None,
            Standing::Coming(why) => Some(Diff::waiting(why.clone())),
            Standing::Gone(why) => Some(Diff::blocked(why.clone())),
        }
    }
}

/// Refuses what cannot be the name of a namespace, pod or container.
pub(crate) fn judge(namespace: &str, pod: &str, container: Option<&str>) -> Result<(), Failure> {
    judge_word(namespace, "/namespace")?;
    judge_word(pod, "/pod")?;
    container.map_or(Ok(()), |container| judge_word(container, "/container"))
}

fn judge_word(word: &str, pointer: &str) -> Result<(), Failure> {
    if word.is_empty() || !word.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.') {
        let message = text!("pod.name", "`{word}` is not a name of a namespace, pod or container", word);
        return Err(Failure::invalid(message).pointer(pointer));
    }
    Ok(())
}

/// A container of a pod as a place.
pub(crate) fn place(site: &str, namespace: &str, pod: &str, container: Option<&str>) -> Place {
    let [site, namespace, pod] = [site, namespace, pod].map(str::to_owned);
    Place::Pod { site, namespace, pod, container: container.map(str::to_owned) }
}

/// The pods among which a pod is one: those of its workload, if its name ends with an ordinal as in a StatefulSet.
pub(crate) fn siblings(site: &str, namespace: &str, pod: &str) -> Subject {
    let workload = match pod.rsplit_once('-') {
        Some((workload, ordinal)) if !ordinal.is_empty() && ordinal.chars().all(|c| c.is_ascii_digit()) => workload,
        _ => pod,
    };
    crate::support::kubernetes::subjects::pods(site, namespace, workload)
}

fn standing(namespace: &str, name: &str, container: Option<&str>, object: &Value) -> Standing {
    let phase = object["status"]["phase"].as_str().unwrap_or("Unknown");
    let first = object["spec"]["containers"][0]["name"].as_str().unwrap_or_default();
    let wanted = container.unwrap_or(first);
    let names: Vec<&str> = entries(&object["spec"]["containers"]).filter_map(|one| one["name"].as_str()).collect();
    if !names.contains(&wanted) {
        return Standing::Gone(text!(
            "pod.no-container",
            "pod {namespace}/{name} has no container {wanted}, but {names}",
            namespace,
            name,
            wanted,
            names = names.join(", ")
        ));
    }
    if matches!(phase, "Succeeded" | "Failed") {
        return Standing::Gone(text!("pod.ended", "pod {namespace}/{name} has ended: {phase}", namespace, name, phase));
    }
    if let Some(since) = object["metadata"]["deletionTimestamp"].as_str() {
        return Standing::Gone(text!(
            "pod.deleting",
            "pod {namespace}/{name} is being deleted since {since}",
            namespace,
            name,
            since
        ));
    }
    if object["spec"]["nodeName"].is_null() {
        let pending = entries(&object["status"]["conditions"]).find(|one| one["type"] == "PodScheduled");
        let why = match pending.and_then(|one| one["message"].as_str()) {
            Some(message) => Text::verbatim(message),
            None => text!("pod.no-node", "no node was chosen yet"),
        };
        return Standing::Coming(text!(
            "pod.unscheduled",
            "pod {namespace}/{name} is {phase}: {why}",
            namespace,
            name,
            phase,
            why
        ));
    }
    let status = entries(&object["status"]["containerStatuses"]).find(|status| status["name"] == wanted);
    let Some(state) = status.map(|status| &status["state"]) else {
        return Standing::Coming(text!(
            "pod.not-started",
            "pod {namespace}/{name} is {phase}: container {wanted} has not been started",
            namespace,
            name,
            phase,
            wanted
        ));
    };
    if state["running"].is_object() {
        return Standing::Running;
    }
    let detail = |state: &Value| {
        let text = |field: &str| state[field].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        [text("reason"), text("message")].into_iter().flatten().collect::<Vec<_>>().join(": ")
    };
    let why = ["waiting", "terminated"].map(|word| detail(&state[word])).concat();
    let words = text!(
        "pod.not-running",
        "container {wanted} of pod {namespace}/{name} does not run: {why}",
        wanted,
        namespace,
        name,
        why
    );
    let last = status.map(|status| detail(&status["lastState"]["terminated"])).unwrap_or_default();
    Standing::Coming(match last.is_empty() {
        true => words,
        false => text!("pod.crashed", "{state}; it ended with {last}", state = words, last),
    })
}

fn entries(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Pod, Standing};

    fn pod(change: impl FnOnce(&mut Value)) -> String {
        let mut object = json!({
            "metadata": {"name": "etcd-0"},
            "spec": {"nodeName": "worker01", "containers": [{"name": "etcd"}, {"name": "side"}]},
            "status": {
                "phase": "Running", "conditions": [{"type": "Ready", "status": "True"}],
                "containerStatuses": [{"name": "etcd", "state": {"running": {}}, "lastState": {}}],
            },
        });
        change(&mut object);
        match Pod::of("common", "etcd-0", None, Some(&object)).standing {
            Standing::Running => "running".to_owned(),
            Standing::Coming(why) => format!("coming: {why}"),
            Standing::Gone(why) => format!("gone: {why}"),
        }
    }

    #[test]
    fn a_pod_says_why_nothing_can_be_run_in_it() {
        assert_eq!(pod(|_| ()), "running");
        assert_eq!(
            pod(|pod| pod["metadata"]["deletionTimestamp"] = json!("2026-01-17T22:00:00Z")),
            "gone: pod common/etcd-0 is being deleted since 2026-01-17T22:00:00Z"
        );
        assert_eq!(pod(|pod| pod["status"]["phase"] = json!("Failed")), "gone: pod common/etcd-0 has ended: Failed");
        let unscheduled = |pod: &mut Value| {
            pod["spec"]["nodeName"] = Value::Null;
            pod["status"] = json!({
                "phase": "Pending",
                "conditions": [{"type": "PodScheduled", "status": "False", "message": "0/6 nodes are available"}],
            });
        };
        assert_eq!(pod(unscheduled), "coming: pod common/etcd-0 is Pending: 0/6 nodes are available");
        let crashing = |pod: &mut Value| {
            pod["status"]["containerStatuses"][0] = json!({
                "name": "etcd", "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}},
                "lastState": {"terminated": {"exitCode": 1, "reason": "Error", "message": "permission denied"}},
            });
        };
        assert_eq!(
            pod(crashing),
            "coming: container etcd of pod common/etcd-0 does not run: CrashLoopBackOff: back-off 10s; it ended with \
             Error: permission denied"
        );
        assert_eq!(
            pod(|pod| pod["status"]["containerStatuses"] = Value::Null),
            "coming: pod common/etcd-0 is Running: container etcd has not been started"
        );
        let absent = Pod::of("common", "etcd-0", None, None);
        assert!(matches!(absent.standing, Standing::Gone(why) if why == "there is no pod common/etcd-0"));
        assert!(!absent.ready);
    }
}
