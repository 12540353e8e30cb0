//! `etcd_check`: the truth of an etcd cluster: who its members are, what revision its store has, and that all members hash
//! the same. One key that can be read back proves one key; equal hashes at the same revision prove them all. What is read is
//! in `look`, judged in `verdict`. Changes nothing.

mod answer;
mod look;
#[cfg(test)]
mod tests;
mod verdict;

use cutover_engine::action::Done;
use cutover_engine::failure::Failure;
use cutover_engine::module::{Access, Context, Diff, Facts, Module, Targets};
use cutover_engine::subject::Subject;
use cutover_engine::text;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::support::kubernetes::access;
use crate::support::kubernetes::subjects;
use crate::support::pod;
use look::State;

/// The module `etcd_check`.
#[derive(Clone, Copy)]
pub(crate) struct EtcdCheck;

/// What a playbook says to `etcd_check`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    /// The pods' namespace.
    pub(crate) namespace: String,
    /// The StatefulSet whose pods are the members. Either this or `pod`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) statefulset: Option<String>,
    /// How many pods it has; what its `spec.replicas` says unless given.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) replicas: Option<usize>,
    /// One pod to ask, which knows all members.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) pod: Option<String>,
    /// The container; by default the one that the pod's annotation `kubectl.kubernetes.io/default-container` names, or the first.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) container: Option<String>,
    /// How etcdctl is called in the container, with the options for TLS and users:
    /// `[etcdctl, --cacert=/tls/ca.crt, --cert=/tls/tls.crt, --key=/tls/tls.key]`. The members' advertised client URLs must
    /// be reachable from the pod. Passwords belong into the container's environment (`ETCDCTL_USER`), not here.
    #[serde(default = "etcdctl")]
    pub(crate) etcdctl: Vec<String>,
    /// What must hold.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) expect: Option<Expect>,
    /// What an earlier `etcd_check` registered, before the data was moved: the cluster and its members must be the same, and
    /// at the revision of then the store must hash the same and hold as many keys. Only later writes may be more.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) same_as: Option<Earlier>,
    /// Accept that history was compacted since `same_as` was recorded. The hash of then cannot be compared, and `hash_compared`
    /// of the result says so: what remains is that cluster and members are the same, that no write is missing, that all members
    /// hash the same among each other and, unless the revision of then is gone, that it has as many keys.
    #[serde(default)]
    pub(crate) allow_compacted: bool,
}

fn etcdctl() -> Vec<String> {
    vec!["etcdctl".to_owned()]
}

/// What must hold of a cluster.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Expect {
    /// The cluster's id, in hex as etcdctl prints it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cluster_id: Option<String>,
    /// How many members it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) members: Option<usize>,
    /// The revision it must have reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) min_revision: Option<u64>,
    /// How many keys there must be at least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) min_keys: Option<u64>,
}

/// What an earlier check registered. Whatever else it holds is ignored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Earlier {
    /// The cluster's id, in hex.
    pub(crate) cluster_id: String,
    /// The members.
    pub(crate) members: Vec<Identity>,
    /// The revision.
    pub(crate) revision: u64,
    /// The hash of the store at that revision.
    pub(crate) hash: u64,
    /// The revision that history was compacted to; -1 if it never was. It goes into the hash.
    pub(crate) compact_revision: i64,
    /// The number of keys.
    pub(crate) key_count: u64,
}

impl Earlier {
    /// Whether hashes can be compared with the one of then: a hash depends on how far history was compacted.
    fn comparable(&self, hashes: &[answer::Hash]) -> bool {
        hashes.iter().all(|hash| hash.compact_revision == self.compact_revision)
    }
}

/// A member of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Identity {
    /// Its id, in hex.
    pub(crate) id: String,
    /// Its name.
    pub(crate) name: String,
}

/// The refusal of a pod's name, pointing to where its StatefulSet is named.
fn of_set(failure: Failure) -> Failure {
    if failure.pointer.as_deref() == Some("/pod") { failure.pointer("/statefulset") } else { failure }
}

/// What `etcd_check` registers: `same_as` of a later one takes it. What could not be read is null.
#[derive(Serialize, JsonSchema)]
struct Registered {
    /// The cluster's id, in hex.
    cluster_id: Option<String>,
    /// The members, by name.
    members: Vec<Identity>,
    /// The member that leads; null if none does.
    leader: Option<Leader>,
    /// The revision that `hash` and `key_count` are of.
    revision: Option<u64>,
    /// The revision that history was compacted to; -1 if it never was.
    compact_revision: Option<i64>,
    /// The hash of the store at that revision.
    hash: Option<u64>,
    /// The number of keys at that revision.
    key_count: Option<u64>,
    /// The size of the largest database, in bytes.
    db_size: Option<u64>,
    /// The oldest version of etcd among the members.
    version: Option<String>,
    /// The alarms that are set: `NOSPACE on 628170c800dbcee`.
    alarms: Option<Vec<String>>,
    /// Whether the hash was compared with that of `same_as`; false if history was compacted since, which `allow_compacted` accepts;
    /// null without `same_as`.
    hash_compared: Option<bool>,
}

/// The member that leads.
#[derive(Serialize, JsonSchema)]
struct Leader {
    /// Its name; null if it is not among the members.
    name: Option<String>,
    /// Its id, in hex.
    id: String,
}

impl Module for EtcdCheck {
    const NAME: &'static str = "etcd_check";
    const SUMMARY: &'static str = "Checks an etcd cluster: members, leader, alarms, and that all members hash the same";
    const EXAMPLE: &'static str = r#"
name: Nothing was lost on the way
target: active
etcd_check:
  namespace: common
  statefulset: common-etcd-etcd
  same_as: "{{ before }}"
timeout: 2m
register: after
"#;

    const TARGETS: Targets = Targets::SITE;

    type Params = Params;
    type State = State;

    fn judge(params: &Params) -> Result<(), Failure> {
        if params.etcdctl.first().is_none_or(String::is_empty) {
            let words = text!("etcd_check.no-program", "`etcdctl` names no program");
            return Err(Failure::invalid(words).pointer("/etcdctl"));
        }
        let container = params.container.as_deref();
        match (&params.statefulset, &params.pod) {
            // Its pods carry its name.
            (Some(set), None) => pod::judge(&params.namespace, set, container).map_err(of_set)?,
            (None, Some(pod)) => pod::judge(&params.namespace, pod, container)?,
            _ => return Err(Failure::invalid(text!("etcd_check.who", "give either a `statefulset` or a `pod`"))),
        }
        match params.replicas {
            Some(_) if params.pod.is_some() => {
                let words = text!("etcd_check.replicas-of-pod", "`replicas` goes with `statefulset`");
                Err(Failure::invalid(words).pointer("/replicas"))
            }
            Some(0) => {
                let words = text!("etcd_check.no-replicas", "`replicas` is 0: nothing would be asked");
                Err(Failure::invalid(words).pointer("/replicas"))
            }
            _ => Ok(()),
        }
    }

    fn subjects(&self, facts: &Facts, params: &Params) -> Option<Vec<Subject>> {
        let (site, namespace) = (facts.site().ok()?, &params.namespace);
        let set = params.statefulset.as_ref().map(|set| Subject::Object {
            site: site.to_owned(),
            kind: "StatefulSet".to_owned(),
            namespace: namespace.clone(),
            name: set.clone(),
        });
        let pods = match (&params.statefulset, &params.pod) {
            (Some(set), _) => Some(subjects::pods(site, namespace, set)),
            // It knows all members, the others are asked through it.
            (None, Some(pod)) => Some(pod::siblings(site, namespace, pod)),
            (None, None) => None,
        };
        Some(set.into_iter().chain(pods).collect())
    }

    async fn probe(&self, cx: &Context, params: &Params) -> Result<State, Failure> {
        look::look(cx, params).await
    }

    fn access(params: &Value) -> Vec<Access> {
        let Some(namespace) = access::namespace(params) else { return Vec::new() };
        let set = params.get("statefulset").filter(|_| params.get("replicas").is_none());
        let set = set.map(|_| Access::to("StatefulSet", Some(namespace), &["get"])).into_iter().flatten();
        access::exec(namespace).chain(set).collect()
    }

    fn diff(&self, _facts: &Facts, params: &Params, state: &State) -> Diff {
        verdict::verdict(params, state)
    }

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Registered>()
    }

    fn result(&self, _facts: &Facts, params: &Params, state: &State, _done: &[Done]) -> Value {
        let leader = state.endpoints.iter().find_map(|endpoint| endpoint.leader.clone());
        let hash = state.hashes.first();
        let registered = Registered {
            cluster_id: state.endpoints.first().map(|endpoint| endpoint.cluster_id.clone()),
            members: state.identities(),
            leader: leader.map(|id| Leader { name: state.name_of(&id).map(str::to_owned), id }),
            revision: state.revision,
            compact_revision: hash.map(|hash| hash.compact_revision),
            hash: hash.map(|hash| hash.hash),
            key_count: state.key_count,
            db_size: state.endpoints.iter().map(|endpoint| endpoint.db_size).max(),
            version: state.endpoints.iter().map(|endpoint| endpoint.version.clone()).min(),
            alarms: state.alarms.clone(),
            hash_compared: state.compared(params.same_as.as_ref()),
        };
        serde_json::to_value(registered).unwrap_or(Value::Null)
    }
}
