//! A pod as far as a command can be run in it: whether it is there, whether its container runs, and if not, why.

use cutover_engine::failure::Failure;
use cutover_engine::module::{Context, Diff};
use cutover_engine::subject::Subject;
use cutover_engine::text;
use cutover_engine::text::Text;
use cutover_engine::world::{Place, containers, default_container};
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
    /// The container for commands, where there is more than one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) container: Option<String>,
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
        let wanted = container.or_else(|| object.and_then(default_container));
        let standing =
            object.map_or_else(missing, |object| standing(namespace, name, wanted.unwrap_or_default(), object));
        let several = object.is_some_and(|object| containers(object).nth(1).is_some());
        let container = wanted.filter(|_| several || container.is_some()).map(str::to_owned);
        let conditions = object.and_then(|object| object["status"]["conditions"].as_array());
        let ready = conditions.into_iter().flatten().any(|one| one["type"] == "Ready" && one["status"] == "True");
        let node = object.and_then(|object| object["spec"]["nodeName"].as_str()).map(str::to_owned);
        Self { name: name.to_owned(), node, container, ready, standing }
    }

    /// Where its commands run.
    pub(crate) fn place(&self, site: &str, namespace: &str) -> Place {
        place(site, namespace, &self.name, self.container.as_deref())
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

fn standing(namespace: &str, name: &str, wanted: &str, object: &Value) -> Standing {
    let phase = object["status"]["phase"].as_str().unwrap_or("Unknown");
    let names: Vec<&str> = containers(object).filter_map(|one| one["name"].as_str()).collect();
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
    let statuses = ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"];
    let status = statuses.iter().flat_map(|list| entries(&object["status"][*list])).find(|one| one["name"] == wanted);
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
        in_container(None, change).0
    }

    /// How a pod stands, and which container is named to the API server.
    fn in_container(wanted: Option<&str>, change: impl FnOnce(&mut Value)) -> (String, Option<String>) {
        let mut object = json!({
            "metadata": {"name": "etcd-0"},
            "spec": {"nodeName": "worker01", "containers": [{"name": "etcd"}, {"name": "side"}]},
            "status": {
                "phase": "Running", "conditions": [{"type": "Ready", "status": "True"}],
                "containerStatuses": [{"name": "etcd", "state": {"running": {}}, "lastState": {}}],
            },
        });
        change(&mut object);
        let pod = Pod::of("common", "etcd-0", wanted, Some(&object));
        let standing = match pod.standing {
            Standing::Running => "running".to_owned(),
            Standing::Coming(why) => format!("coming: {why}"),
            Standing::Gone(why) => format!("gone: {why}"),
        };
        (standing, pod.container)
    }

    #[test]
    fn a_command_goes_to_the_container_that_kubectl_would_take() {
        let running = |name: &str| json!({"name": name, "state": {"running": {}}, "lastState": {}});
        let proxied = |pod: &mut Value| {
            pod["spec"]["containers"] = json!([{"name": "proxy"}, {"name": "etcd"}]);
            pod["status"]["containerStatuses"] = json!([running("proxy"), running("etcd")]);
        };
        let annotated = |name: &'static str| {
            move |pod: &mut Value| {
                proxied(pod);
                pod["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/default-container": name});
            }
        };
        let named = |name: &str| ("running".to_owned(), Some(name.to_owned()));
        assert_eq!(in_container(None, proxied), named("proxy"));
        assert_eq!(in_container(None, annotated("etcd")), named("etcd"));
        assert_eq!(in_container(Some("proxy"), annotated("etcd")), named("proxy"));
        // As kubectl does: an annotation that names nothing counts for nothing.
        assert_eq!(in_container(None, annotated("gone")), named("proxy"));
        let alone = |pod: &mut Value| pod["spec"]["containers"] = json!([{"name": "etcd"}]);
        assert_eq!(in_container(None, alone), ("running".to_owned(), None));
        let (why, _) = in_container(Some("db"), annotated("etcd"));
        assert_eq!(why, "gone: pod common/etcd-0 has no container db, but proxy, etcd");
    }

    #[test]
    fn native_sidecars_and_containers_added_for_a_look_take_commands_and_init_containers_do_not() {
        let running = |name: &str| json!([{"name": name, "state": {"running": {}}, "lastState": {}}]);
        let sidecar = |pod: &mut Value| {
            pod["spec"]["initContainers"] = json!([{"name": "setup"}, {"name": "agent", "restartPolicy": "Always"}]);
            pod["status"]["initContainerStatuses"] = running("agent");
            pod["spec"]["ephemeralContainers"] = json!([{"name": "debugger"}]);
            pod["status"]["ephemeralContainerStatuses"] = running("debugger");
        };
        for name in ["agent", "debugger"] {
            assert_eq!(in_container(Some(name), sidecar), ("running".to_owned(), Some(name.to_owned())));
        }
        let (why, _) = in_container(Some("setup"), sidecar);
        assert_eq!(why, "gone: pod common/etcd-0 has no container setup, but etcd, side, agent, debugger");
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
