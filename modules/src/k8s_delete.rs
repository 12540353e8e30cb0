//! `k8s_delete`: deletes objects that are named, after guarding the data behind claims and volumes, and waits until they
//! are gone. What speaks against a deletion is in `guard`, what takes it back in `recreate`.

mod guard;
mod recreate;
#[cfg(test)]
mod tests;

use cutover_engine::action::Done;
use cutover_engine::failure::Failure;
use cutover_engine::module::{Change, Context, Diff, Facts, Module};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::kubernetes::kind::{CLAIM, Kind, POD, STATEFUL_SET, VOLUME};
use crate::kubernetes::retention::{self, Named};
use crate::kubernetes::{self, deleting, holders, manifest, name, request, selector, text, uid};

/// The module.
#[derive(Clone, Copy)]
pub(crate) struct K8sDelete;

/// What becomes of what belongs to the deleted object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Dependents {
    /// It is deleted afterwards, and not waited for.
    #[default]
    Background,
    /// It is deleted first, and waited for.
    Foreground,
    /// It stays: the pods of a StatefulSet go on running.
    Orphan,
}

impl Dependents {
    fn propagation(self) -> &'static str {
        match self {
            Self::Background => "Background",
            Self::Foreground => "Foreground",
            Self::Orphan => "Orphan",
        }
    }
}

/// Parameters of `k8s_delete`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    /// The API version of a custom kind; left out for built-in ones.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) api_version: Option<String>,
    /// The kind. A PersistentVolumeClaim is deleted only if its volume has the reclaim policy `Retain` and no pod uses it; a
    /// PersistentVolume only if it has the policy `Retain` and is not bound; a StatefulSet only if its claims stay, or with
    /// `dependents: orphan`. A Namespace, a Node and a
    /// CustomResourceDefinition are never deleted: too much goes with them.
    pub(crate) kind: String,
    /// The namespace, if the kind has any.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) namespace: Option<String>,
    /// The name of the object.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) name: Option<String>,
    /// The names of several objects, instead of `name`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) names: Option<Vec<String>>,
    /// A label selector, instead of names: `app=etcd`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) selector: Option<String>,
    /// What becomes of what belongs to the object.
    #[serde(default)]
    pub(crate) dependents: Dependents,
}

/// What a probe saw.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct State {
    /// The kind, resolved.
    pub(crate) kind: Kind,
    /// The objects that are there.
    pub(crate) objects: Vec<Seen>,
}

/// One object that is there.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Seen {
    /// Its name.
    pub(crate) name: String,
    /// The object. Values of Secrets are not recorded.
    #[serde(serialize_with = "shown")]
    pub(crate) object: Value,
    /// The volume of a claim.
    pub(crate) volume: Option<Value>,
    /// The pods that use a claim.
    pub(crate) users: Vec<String>,
    /// The pods that use a claim and are terminating.
    pub(crate) leaving: Vec<String>,
    /// Why the claims of a StatefulSet would be deleted with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) takes_claims: Option<String>,
}

fn shown<S: serde::Serializer>(object: &Value, serializer: S) -> Result<S::Ok, S::Error> {
    manifest::shown(object).serialize(serializer)
}

impl Params {
    async fn find(&self, cx: &Context, kind: &Kind) -> Result<Vec<Value>, Failure> {
        let namespace = self.namespace.as_deref();
        if let Some(labels) = &self.selector {
            if self.name.is_some() || self.names.is_some() {
                return Err(Failure::invalid("give names or `selector`, not both").pointer("/selector"));
            }
            if labels.trim().is_empty() {
                return Err(Failure::invalid("an empty selector would delete them all").pointer("/selector"));
            }
            return kubernetes::list(cx, kind, namespace, &selector::query(labels)).await;
        }
        let mut objects = Vec::new();
        for name in kubernetes::names(self.name.as_deref(), self.names.as_deref())? {
            objects.extend(kubernetes::get(cx, kind, namespace, &name).await?);
        }
        Ok(objects)
    }

    fn compare(&self, site: &str, state: &State) -> Diff {
        let namespace = self.namespace.as_deref();
        let (mut reasons, mut changes, mut waits) = (Vec::new(), Vec::new(), Vec::new());
        for seen in &state.objects {
            let title = state.kind.title(namespace, &seen.name);
            reasons.extend(guard::reasons(&state.kind, &title, seen));
            if deleting(&seen.object) {
                let mut why = format!("{title} is being deleted");
                let held = holders(&seen.object);
                if !held.is_empty() {
                    why += &format!(", held by {held}");
                }
                let users = [seen.users.as_slice(), seen.leaving.as_slice()].concat();
                if !users.is_empty() {
                    why += &format!(" as long as {} uses it", users.join(", "));
                }
                waits.push(why);
                continue;
            }
            if !seen.leaving.is_empty() {
                waits.push(format!("{title} is still in use by pod {}, which is terminating", seen.leaving.join(", ")));
                continue;
            }
            let path = state.kind.object(namespace, &seen.name);
            let delete = request::delete(site, &path, Some(uid(&seen.object)), self.dependents.propagation());
            let change = Change::at_most_once(format!("delete {title}"), [request::keep(site, &path), delete]);
            changes.push(match recreate::undo(site, &state.kind, namespace, seen) {
                Some(undo) => change.undo(undo),
                None => change,
            });
        }
        match (reasons.is_empty(), changes.is_empty(), waits.is_empty()) {
            (false, ..) => Diff::refused(reasons),
            (_, false, _) => Diff::Change(changes),
            (_, _, false) => Diff::waiting(waits.join("; ")),
            _ => Diff::InSync,
        }
    }
}

/// The pods that use a claim, finished ones aside: those that stay, and those that are terminating.
fn users(claim: &str, pods: &[Value]) -> (Vec<String>, Vec<String>) {
    let uses = |pod: &&Value| {
        let mut volumes = pod["spec"]["volumes"].as_array().into_iter().flatten();
        !kubernetes::pod::is_finished(pod)
            && volumes.any(|volume| volume["persistentVolumeClaim"]["claimName"] == claim)
    };
    let (leaving, staying): (Vec<&Value>, Vec<&Value>) = pods.iter().filter(uses).partition(|pod| deleting(pod));
    let names = |pods: Vec<&Value>| pods.into_iter().map(|pod| name(pod).to_owned()).collect();
    (names(staying), names(leaving))
}

impl Module for K8sDelete {
    const NAME: &'static str = "k8s_delete";
    const SUMMARY: &'static str =
        "Deletes objects and waits until they are gone; refuses where data would go with them";
    const EXAMPLE: &'static str = r#"
name: Delete the claims; the volumes stay
target: active
k8s_delete:
  kind: PersistentVolumeClaim
  namespace: common
  names: "{{ old.volumes | map(attribute='claim') | list }}"
"#;

    type Params = Params;
    type State = State;

    async fn probe(&self, cx: &Context, params: &Params) -> Result<State, Failure> {
        let kind = Kind::find(cx, params.api_version.as_deref(), &params.kind).await?;
        guard::check(&kind)?;
        kind.check(params.namespace.as_deref(), false)?;
        let found = params.find(cx, &kind).await?;
        let mut pods = Vec::new();
        if kind == CLAIM && !found.is_empty() {
            pods = kubernetes::list(cx, &POD, params.namespace.as_deref(), "").await?;
        }
        let mut objects = Vec::new();
        for object in found {
            let name = name(&object).to_owned();
            let mut volume = None;
            let named = text(&object["spec"]["volumeName"]);
            if kind == CLAIM && !named.is_empty() {
                volume = kubernetes::get(cx, &VOLUME, None, named).await?;
            }
            let (users, leaving) = users(&name, &pods);
            let mut takes_claims = None;
            if kind == STATEFUL_SET && params.dependents != Dependents::Orphan {
                let named = Named { kind: &kind, namespace: params.namespace.as_deref(), name: &name };
                takes_claims = retention::look(cx, named, &object).await?;
            }
            objects.push(Seen { name, object, volume, users, leaving, takes_claims });
        }
        Ok(State { kind, objects })
    }

    fn diff(&self, facts: &Facts, params: &Params, state: &State) -> Diff {
        params.compare(facts.target().site().unwrap_or_default(), state)
    }

    /// The manifests of what was deleted, as they were just before: evidence, and the way back.
    fn result(&self, _facts: &Facts, _params: &Params, _state: &State, done: &[Done]) -> Value {
        let mut deleted: Vec<Value> = Vec::new();
        for response in done {
            // An object was read first; the answer to its deletion is the object again, or a Status.
            let Done::Response(object) = response else { continue };
            let known = deleted.iter().any(|known| name(known) == name(object));
            if !uid(object).is_empty() && !known {
                deleted.push(manifest::shown(&manifest::clean(object)));
            }
        }
        let names: Vec<String> = deleted.iter().map(|object| name(object).to_owned()).collect();
        json!({"names": names, "deleted": deleted})
    }
}
