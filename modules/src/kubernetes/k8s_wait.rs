//! `k8s_wait`: waits until objects are ready, are there, are gone, or say something. Changes nothing.

mod placement;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use cutover_engine::action::Done;
use cutover_engine::failure::{Failure, FailureClass};
use cutover_engine::module::{Access, Context, Diff, Facts, Module, Progress, Targets, Waiting};
use cutover_engine::subject::Subject;
use cutover_engine::text;
use cutover_engine::text::Text;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};

use crate::support::kubernetes::access;
use crate::support::kubernetes::kind::{Kind, NODE};
use crate::support::kubernetes::pod::{self, Pod};
use crate::support::kubernetes::ready::{self, Readiness};
use crate::support::kubernetes::{self, deleting, holders, name, selector, subjects, text};

/// How many objects, and how many pods of each, are described at most.
const SHOWN: usize = 10;

/// The module.
#[derive(Clone, Copy)]
pub(crate) struct K8sWait;

/// What is waited for: one of the words, or a field and its value.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used: decoding must say where the fault is")]
enum GoalSchema {
    /// `ready`, `exists` or `absent`.
    Word(Word),
    /// A field of the object has a value.
    Field(Field),
}

/// A word for what is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Word {
    /// They are ready: nodes and pods by their condition (a pod that has succeeded counts), workloads when all replicas
    /// are ready and of the newest template, claims when bound, volumes when available or bound, jobs when complete,
    /// namespaces when active, other kinds by their condition `Ready` or `Available`.
    Ready,
    /// They are there.
    Exists,
    /// None is there any more.
    Absent,
}

/// A field, and the value it is to have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Field {
    /// The field: names and list indexes with dots between them, `status.status`, or a JSON pointer where names have dots
    /// in them: `/metadata/labels/example.com~1name`.
    field: String,
    /// The value; if left out, any but null. `register` keeps what it is.
    #[serde(skip_serializing_if = "Option::is_none", default, deserialize_with = "present")]
    equals: Option<Value>,
}

/// Reads a value that is there: null is one, too.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// What is waited for, decoded.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(with = "GoalSchema")]
pub(crate) enum Goal {
    /// A word.
    Word(Word),
    /// A field.
    Field(Field),
}

impl<'de> Deserialize<'de> for Goal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Goal;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`ready`, `exists`, `absent`, or `field` and `equals`")
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<Goal, E> {
                match word {
                    "ready" => Ok(Goal::Word(Word::Ready)),
                    "exists" => Ok(Goal::Word(Word::Exists)),
                    "absent" => Ok(Goal::Word(Word::Absent)),
                    other => Err(E::unknown_variant(other, &["ready", "exists", "absent"])),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Goal, A::Error> {
                Field::deserialize(MapAccessDeserializer::new(map)).map(Goal::Field)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// Parameters of `k8s_wait`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    /// The API version of a custom kind; left out for built-in ones.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) api_version: Option<String>,
    /// The kind.
    pub(crate) kind: String,
    /// The namespace; all of them if left out and no name is given.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) namespace: Option<String>,
    /// The name of one object. With neither name nor selector, all objects of the kind.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) name: Option<String>,
    /// A label selector, as kubectl takes it: `app=etcd,tier!=test`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) selector: Option<String>,
    /// What is waited for. It must hold for every object that is meant; a state that an object does not leave by itself
    /// (a failed job, a lost claim) fails the step at once.
    #[serde(rename = "for")]
    pub(crate) goal: Goal,
    /// How many objects must be meant: exactly that many, more are as wrong as fewer. At least one if left out.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) count: Option<usize>,
    /// Pods that nodes must take: a pod's `spec`. A node that is cordoned, has a taint that the pods do not tolerate, is not one
    /// that they select, or is smaller than one of them asks for, fails the step at once. Only with `kind: Node` and `for: ready`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) takes: Option<Map<String, Value>>,
    /// Labels that the nodes are going to have: for `takes` they count as being there.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub(crate) takes_with_labels: BTreeMap<String, String>,
    /// Only looks: what would be waited for is refused at once. For checks before a window.
    #[serde(default)]
    pub(crate) check_only: bool,
}

/// What a probe saw.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct State {
    /// The kind, resolved.
    pub(crate) kind: Kind,
    /// The objects that are meant.
    pub(crate) objects: Vec<Seen>,
}

/// One object.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Seen {
    /// Its namespace; empty if its kind has none.
    pub(crate) namespace: String,
    /// Its name.
    pub(crate) name: String,
    /// Whether it is as wanted.
    pub(crate) held: bool,
    /// Why it is not.
    pub(crate) why: Option<Text>,
    /// Whether it stays so.
    pub(crate) never: bool,
    /// The value of the field, if one is waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<Value>,
}

impl Params {
    fn judge_which(&self) -> Result<(), Failure> {
        match (&self.name, &self.selector) {
            (Some(_), Some(_)) => {
                let message = text!("k8s_wait.name-and-selector", "give `name` or `selector`, not both");
                Err(Failure::invalid(message).pointer("/selector"))
            }
            (Some(name), None) => kubernetes::judge_name(name, "/name"),
            (None, Some(selector)) => kubernetes::judge_selector(selector),
            (None, None) => Ok(()),
        }
    }

    fn judge_count(&self) -> Result<(), Failure> {
        let message = match self.count {
            Some(_) if self.goal == Goal::Word(Word::Absent) => {
                text!("k8s_wait.absent-count", "`for: absent` waits for none, so `count` makes no sense")
            }
            Some(count) if count > 1 && self.name.is_some() => {
                text!("k8s_wait.count-name", "`name` means one object, never {count}", count)
            }
            _ => return Ok(()),
        };
        Err(Failure::invalid(message).pointer("/count"))
    }

    fn judge_takes(&self) -> Result<(), Failure> {
        let node = Kind::known(self.api_version.as_deref(), &self.kind) == Some(&NODE);
        if self.takes.is_none() && !self.takes_with_labels.is_empty() {
            let message = text!("k8s_wait.takes-with-labels", "`takes_with_labels` goes with `takes`");
            return Err(Failure::invalid(message).pointer("/takes_with_labels"));
        }
        if self.takes.is_none() || (node && self.goal == Goal::Word(Word::Ready)) {
            return Ok(());
        }
        let message = text!("k8s_wait.takes", "`takes` goes with `kind: Node` and `for: ready`");
        Err(Failure::invalid(message).pointer("/takes"))
    }

    fn judge_goal(&self) -> Result<(), Failure> {
        match &self.goal {
            Goal::Word(Word::Ready) => match Kind::known(self.api_version.as_deref(), &self.kind) {
                Some(known) if !ready::exists_for(known) => Err(never_ready(&known.kind, FailureClass::Invalid)),
                _ => Ok(()),
            },
            Goal::Field(Field { field, .. }) if field.trim().is_empty() => {
                let message = text!("k8s_wait.no-field", "`field` names no field");
                Err(Failure::invalid(message).pointer("/for/field"))
            }
            Goal::Word(Word::Exists | Word::Absent) | Goal::Field(_) => Ok(()),
        }
    }

    /// Judges one object. An error if its kind has no state that would be called ready.
    fn look(&self, kind: &Kind, object: &Value) -> Result<Seen, Failure> {
        let (mut held, mut why, mut never, mut value) = (true, None, false, None);
        match &self.goal {
            Goal::Word(Word::Ready) => match ready::of(kind, object) {
                Readiness::Ready => {
                    let obstacle = self.takes.as_ref().and_then(|spec| {
                        let mut node = object.clone();
                        for (key, value) in &self.takes_with_labels {
                            node["metadata"]["labels"][key] = json!(value);
                        }
                        placement::obstacle(&node, spec)
                    });
                    (held, never) = (obstacle.is_none(), obstacle.is_some());
                    why = obstacle;
                }
                Readiness::NotYet(words) => (held, why) = (false, Some(words)),
                Readiness::Never(words) => (held, why, never) = (false, Some(words), true),
                // A custom kind: those in the table were judged with the parameters.
                Readiness::Unknown => return Err(never_ready(&kind.kind, FailureClass::Failed)),
            },
            Goal::Word(Word::Exists) => {}
            Goal::Word(Word::Absent) => {
                held = false;
                why = Some(match (deleting(object), holders(object)) {
                    (true, held) if held.is_empty() => text!("k8s_wait.deleting", "is being deleted"),
                    (true, held) => text!("k8s_wait.held", "is being deleted, held by {held}", held),
                    (false, _) => text!("k8s_wait.there", "is there, and nobody deletes it"),
                });
            }
            Goal::Field(Field { field, equals }) => {
                let found = lookup(object, field);
                let is = found.unwrap_or(&Value::Null);
                held = equals.as_ref().map_or(!is.is_null(), |equals| is == equals);
                if !held {
                    why = Some(match (found, equals) {
                        (Some(found), Some(equals)) => {
                            text!("k8s_wait.field", "{field} is {found}, not {equals}", field, found, equals)
                        }
                        _ => text!("k8s_wait.no-such-field", "it has no {field} yet", field),
                    });
                }
                value = found.cloned();
            }
        }
        let namespace = text(&object["metadata"]["namespace"]).to_owned();
        Ok(Seen { namespace, name: name(object).to_owned(), held, why, never, value })
    }

    fn compare(&self, state: &State) -> Diff {
        let kind = &state.kind.kind;
        let title = |seen: &Seen| {
            let namespace = Some(seen.namespace.as_str()).filter(|namespace| !namespace.is_empty());
            let title = state.kind.title(namespace, &seen.name);
            let why = seen.why.clone().unwrap_or_default();
            text!("k8s_wait.object", "{title}: {why}", title, why)
        };
        let open: Vec<&Seen> = state.objects.iter().filter(|seen| !seen.held).collect();
        let stuck: Vec<Text> = open.iter().filter(|seen| seen.never).map(|seen| title(seen)).collect();
        if !stuck.is_empty() {
            return Diff::refused(stuck);
        }
        let listed = |open: &[&Seen]| {
            let mut objects: Vec<Text> = open.iter().take(SHOWN).map(|seen| title(seen)).collect();
            if open.len() > SHOWN {
                objects.push(text!("k8s_wait.more", "and {count} more", count = open.len() - SHOWN));
            }
            text!("k8s_wait.open", "{objects}", objects = objects)
        };
        if self.goal == Goal::Word(Word::Absent) {
            return if open.is_empty() { Diff::InSync } else { Diff::waiting(listed(&open)) };
        }
        let (all, held) = (state.objects.len(), state.objects.len() - open.len());
        let meant = match (&self.name, &self.selector) {
            (Some(name), _) => Text::verbatim(state.kind.title(self.namespace.as_deref(), name)),
            (None, Some(selector)) => text!("k8s_wait.selected", "{kind} with {selector}", kind, selector),
            (None, None) => Text::verbatim(kind.to_string()),
        };
        let enough = self.count.map_or(all > 0, |count| all == count);
        if open.is_empty() && enough {
            return Diff::InSync;
        }
        let total = match self.count {
            Some(count) if !enough => {
                Some(text!("k8s_wait.count", "there are {all} {meant}, not {count}", all, meant, count))
            }
            None if !enough && self.name.is_some() => {
                Some(text!("k8s_wait.missing", "{meant} does not exist yet", meant))
            }
            None if !enough => Some(text!("k8s_wait.none", "there is no {meant} yet", meant)),
            _ if all > 1 => Some(text!("k8s_wait.some", "{held} of {all} {meant} are as wanted", held, all, meant)),
            _ => None,
        };
        let why = match total {
            Some(total) if open.is_empty() => total,
            Some(total) => text!("k8s_wait.total", "{total}: {open}", total, open = listed(&open)),
            None => listed(&open),
        };
        let percent = held as f64 * 100.0 / self.count.unwrap_or(all).max(1) as f64;
        let progress = Some(Progress { percent: percent.min(100.0), eta_seconds: None });
        Diff::Waiting(Waiting { why, progress })
    }
}

fn never_ready(kind: &str, class: FailureClass) -> Failure {
    let message = text!("k8s_wait.never-ready", "a {kind} has no state that is called ready", kind);
    let help =
        text!("k8s_wait.never-ready.help", "wait for a field instead: `for: {{field: status.phase, equals: Running}}`");
    Failure::new(class, message).pointer("/for").help(help)
}

/// Finds a field by a dotted path or a JSON pointer.
fn lookup<'a>(object: &'a Value, field: &str) -> Option<&'a Value> {
    if field.starts_with('/') {
        return object.pointer(field);
    }
    field.split('.').try_fold(object, |value, part| match value {
        Value::Array(list) => list.get(part.parse::<usize>().ok()?),
        other => other.get(part),
    })
}

/// Adds to a workload that is not ready why its pods are not.
async fn explain(cx: &Context, seen: &mut Seen, object: &Value) -> Result<(), Failure> {
    let labels = selector::of_object(&object["spec"]["selector"]);
    if labels.is_empty() {
        return Ok(());
    }
    let raw = pod::select(cx, &seen.namespace, &labels).await?;
    let pods = pod::describe(cx, &seen.namespace, &raw).await?;
    let words: Vec<Text> = pods.iter().filter(|pod| !pod.ready).take(SHOWN).map(Pod::words).collect();
    if !words.is_empty() {
        let why = seen.why.take().unwrap_or_default();
        seen.why = Some(text!("k8s_wait.pods", "{state} ({pods})", state = why, pods = words));
    }
    Ok(())
}

/// What `register` keeps.
#[derive(Debug, Serialize, JsonSchema)]
struct Found {
    /// How many objects there are.
    count: usize,
    /// Their names.
    names: Vec<String>,
    /// The value of the field that was waited for; null unless exactly one object was meant.
    value: Option<Value>,
}

impl Module for K8sWait {
    const NAME: &'static str = "k8s_wait";
    const SUMMARY: &'static str =
        "Waits until objects are ready, exist, are gone, or have a value in a field; says what is missing";
    const EXAMPLE: &'static str = r#"
name: The planned nodes are ready
target: active
k8s_wait: {kind: Node, selector: "cnp.inspurcloud.cn/etcd-tenant=true", for: ready, count: 3}
timeout: 1m
"#;

    const TARGETS: Targets = Targets::SITE;

    type Params = Params;
    type State = State;

    fn judge(params: &Params) -> Result<(), Failure> {
        let all = params.name.is_none();
        Kind::judge(params.api_version.as_deref(), &params.kind, params.namespace.as_deref(), all)?;
        params.judge_which()?;
        params.judge_count()?;
        params.judge_takes()?;
        params.judge_goal()
    }

    async fn probe(&self, cx: &Context, params: &Params) -> Result<State, Failure> {
        let kind = Kind::find(cx, params.api_version.as_deref(), &params.kind).await?;
        let namespace = params.namespace.as_deref();
        kind.check(namespace, params.name.is_none())?;
        let found = match &params.name {
            Some(name) => kubernetes::get(cx, &kind, namespace, name).await?.into_iter().collect(),
            None => {
                let query = params.selector.as_deref().map(selector::query).unwrap_or_default();
                kubernetes::list(cx, &kind, namespace, &query).await?
            }
        };
        let mut objects = Vec::new();
        for object in &found {
            let mut seen = params.look(&kind, object)?;
            let workload = kind.group == "apps" && params.goal == Goal::Word(Word::Ready);
            if workload && !seen.held && !seen.never {
                explain(cx, &mut seen, object).await?;
            }
            objects.push(seen);
        }
        Ok(State { kind, objects })
    }

    fn subjects(&self, facts: &Facts, params: &Params) -> Option<Vec<Subject>> {
        let (api_version, namespace) = (params.api_version.as_deref(), params.namespace.as_deref());
        // One that is named without a namespace is of a kind that has none; of several the namespaces are not known.
        let everywhere = params.name.is_none() && namespace.is_none();
        if everywhere && Kind::known(api_version, &params.kind).is_none_or(|known| known.namespaced) {
            return None;
        }
        let name = params.name.as_deref().unwrap_or_default();
        Some(subjects::of(facts.site().ok()?, api_version, &params.kind, namespace, name))
    }

    fn access(params: &Value) -> Vec<Access> {
        let mut access = Access::named(params, &[if params.get("name").is_some() { "get" } else { "list" }]);
        let is_workload =
            matches!(params["kind"].as_str(), Some("StatefulSet" | "Deployment" | "DaemonSet" | "ReplicaSet"));
        if let Some(namespace) = access::namespace(params).filter(|_| is_workload && params["for"] == "ready") {
            access.extend(access::pods(namespace));
        }
        access
    }

    fn diff(&self, _facts: &Facts, params: &Params, state: &State) -> Diff {
        match params.compare(state) {
            Diff::Waiting(waiting) if params.check_only => Diff::blocked(waiting.why),
            diff => diff,
        }
    }

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Found>()
    }

    fn result(&self, _facts: &Facts, _params: &Params, state: &State, _done: &[Done]) -> Value {
        let names: Vec<String> = state.objects.iter().map(|seen| seen.name.clone()).collect();
        let value = match state.objects.as_slice() {
            [one] => one.value.clone(),
            _ => None,
        };
        json!(Found { count: names.len(), names, value })
    }
}
