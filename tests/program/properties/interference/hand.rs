//! The hands of somebody else: requests and commands that are none of the run's, and an account of what came of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use cutover_engine::clock::Clock as _;
use cutover_engine::world::{Command, Place, Request, World as _, collect};
use cutover_sandbox::{Sandbox, Snapshot};
use cutover_testkit::Random;
use jiff::Timestamp;
use serde_json::{Value, json};

pub(super) const NAMESPACE: &str = "common";
pub(super) const SET: &str = "common-etcd-etcd";
pub(super) const SETS: &str = "/apis/apps/v1/namespaces/common/statefulsets";
pub(super) const PODS: &str = "/api/v1/namespaces/common/pods";
pub(super) const CLAIMS: &str = "/api/v1/namespaces/common/persistentvolumeclaims";
pub(super) const VOLUMES: &str = "/api/v1/persistentvolumes";

/// What came of an intervention.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// Whether it changed anything, and when it was done.
    pub(super) fired: Option<Timestamp>,
    /// The world right before it.
    pub(super) before: Option<Snapshot>,
    /// What was done.
    pub(super) lines: Vec<String>,
    /// The keys whose writes were acknowledged, with the node of the pod that did.
    pub(super) acknowledged: BTreeMap<String, (String, String)>,
}

/// Somebody else.
#[derive(Clone)]
pub(super) struct Hand {
    pub(super) world: Sandbox,
    account: Arc<Mutex<Account>>,
}

impl Hand {
    pub(super) fn new(world: &Sandbox) -> Self {
        Self { world: world.clone(), account: Arc::default() }
    }

    pub(super) fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap()
    }

    /// Notes that something was changed.
    pub(super) fn fired(&self) {
        self.account().fired = Some(self.world.now());
    }

    fn note(&self, line: String) {
        let at = self.world.now();
        self.account().lines.push(format!("{at:.1} {line}"));
    }

    /// Sends a request; its answer, if it is a good one.
    pub(super) async fn ask(&self, site: &str, method: &str, path: &str, body: Option<Value>) -> Option<Value> {
        let media = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        let request = Request {
            method: method.to_owned(),
            content_type: body.is_some().then(|| media.to_owned()),
            body,
            ..Request::get(site, path)
        };
        let answer = self.world.request(&request).await.ok();
        if method != "GET" {
            let status = answer.as_ref().map(|answer| answer.status);
            self.note(format!("{request} [{status:?}]"));
        }
        answer.filter(cutover_engine::world::Answer::is_success).map(|answer| answer.body)
    }

    /// Reads an object.
    pub(super) async fn get(&self, site: &str, path: &str) -> Option<Value> {
        self.ask(site, "GET", path, None).await
    }

    /// Patches an object; it counts only if that changed it.
    pub(super) async fn patch(&self, site: &str, path: &str, body: Value) -> bool {
        let Some(before) = self.get(site, path).await else { return false };
        let Some(after) = self.ask(site, "PATCH", path, Some(body)).await else { return false };
        let version = |object: &Value| object["metadata"]["resourceVersion"].clone();
        version(&before) != version(&after)
    }

    /// Deletes an object that is there.
    pub(super) async fn delete(&self, site: &str, path: &str, propagation: &str) -> bool {
        let there = self.get(site, path).await.is_some_and(|object| object["metadata"]["deletionTimestamp"].is_null());
        let body = json!({"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation});
        there && self.ask(site, "DELETE", path, Some(body)).await.is_some()
    }

    /// Runs a line, its words split at spaces; its output if it succeeds.
    pub(super) async fn line(&self, place: &Place, line: &str) -> Option<String> {
        let transport = self.world.transport(place).await.ok()?;
        let output = collect(transport.as_ref(), &Command::new(line.split(' '))).await.ok()?;
        if !line.starts_with("cat ") {
            self.note(format!("{place}$ {line} [{}]", output.exit));
        }
        output.success().then_some(output.stdout)
    }

    /// Runs a line on a node.
    pub(super) async fn on(&self, site: &str, node: &str, line: &str) -> Option<String> {
        self.line(&Place::node(site, node), line).await
    }

    /// The pods of the set that are ready, with their nodes.
    pub(super) async fn ready_pods(&self, site: &str) -> Vec<(String, String)> {
        let list = self.get(site, PODS).await.unwrap_or_default();
        let ready = |pod: &&Value| {
            let conditions = pod["status"]["conditions"].as_array();
            let ready = |one: &Value| one["type"] == "Ready" && one["status"] == "True";
            pod["metadata"]["deletionTimestamp"].is_null() && conditions.is_some_and(|all| all.iter().any(ready))
        };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let named = |pod: &Value| (text(&pod["metadata"]["name"]), text(&pod["spec"]["nodeName"]));
        let pods = list["items"].as_array().into_iter().flatten().filter(ready).map(named);
        pods.filter(|(name, _)| name.starts_with(SET)).collect()
    }

    /// The pod with a name.
    pub(super) fn pod(site: &str, pod: &str) -> Place {
        Place::Pod { site: site.to_owned(), namespace: NAMESPACE.to_owned(), pod: pod.to_owned(), container: None }
    }

    /// A client writes a key; it is remembered if that is acknowledged.
    pub(super) async fn write(&self, random: &mut Random) -> bool {
        for site in ["primary", "standby"] {
            let pods = self.ready_pods(site).await;
            if pods.is_empty() {
                continue;
            }
            let (pod, node) = random.pick(&pods);
            let key = format!("/clients/{:08x}", random.bits() >> 32);
            let value = format!("{:016x}", random.bits());
            let answer = self.line(&Self::pod(site, pod), &format!("etcdctl put {key} {value}")).await;
            if answer.is_some_and(|answer| answer.trim() == "OK") {
                self.account().acknowledged.insert(key, (value, format!("{site}/{node}")));
                return true;
            }
        }
        false
    }

    /// Waits until a replica is ready, for two minutes at most.
    pub(super) async fn ready(&self, site: &str) -> bool {
        for _ in 0..24 {
            if !self.ready_pods(site).await.is_empty() {
                return true;
            }
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
        false
    }
}
