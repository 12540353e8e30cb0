//! `k8s_delete`: deletes objects that are named, after guarding the data behind claims and volumes, and waits until they
//! are gone. What speaks against a deletion is in `guard`, what undoes it in `recreate`.

mod guard;
mod recreate;
#[cfg(test)]
mod tests;

use cutover_engine::action::Done;
use cutover_engine::failure::Failure;
use cutover_engine::module::{Access, Change, Context, Diff, Facts, Module, Targets};
use cutover_engine::subject::Subject;
use cutover_engine::text;
use cutover_engine::text::Text;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::support::kubernetes::access;
use crate::support::kubernetes::kind::{CLAIM, Kind, POD, STATEFUL_SET, VOLUME};
use crate::support::kubernetes::retention::{Keep, Named};
use crate::support::kubernetes::{self, deleting, holders, manifest, name, request, selector, subjects, text, uid};

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
    /// PersistentVolume only if it has the policy `Retain` and is not bound; a StatefulSet that would take its claims along is made to keep them
    /// first (its `persistentVolumeClaimRetentionPolicy` becomes `Retain`), unless with `dependents: orphan`. A Namespace, a Node and a
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
    /// What makes a StatefulSet keep its claims, which would be deleted with it.
    pub(crate) keep: Keep,
}

fn shown<S: serde::Serializer>(object: &Value, serializer: S) -> Result<S::Ok, S::Error> {
    manifest::shown(object).serialize(serializer)
}

impl Params {
    async fn find(&self, cx: &Context, kind: &Kind) -> Result<Vec<Value>, Failure> {
        let namespace = self.namespace.as_deref();
        if let Some(labels) = &self.selector {
            return kubernetes::list(cx, kind, namespace, &selector::query(labels)).await;
        }
        let mut objects = Vec::new();
        for name in kubernetes::names(self.name.as_deref(), self.names.as_deref()) {
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
                waits.push(going(&title, seen));
                continue;
            }
            if !seen.leaving.is_empty() {
                waits.push(text!(
                    "k8s_delete.leaving",
                    "{title} is still in use by pod {pods}, which is terminating",
                    title,
                    pods = seen.leaving.join(", ")
                ));
                continue;
            }
            changes.extend(seen.keep.changes.iter().cloned());
            let path = state.kind.object(namespace, &seen.name);
            let delete = request::delete(site, &path, Some(uid(&seen.object)), self.dependents.propagation());
            let change = Change::at_most_once(
                format!("delete-object {}", state.kind.key(namespace, &seen.name)),
                text!("k8s_delete.delete", "delete {title}", title),
                [request::keep(site, &path), delete],
            );
            changes.push(match recreate::undo(site, &state.kind, namespace, seen) {
                Some(undo) => change.undo(undo),
                None => change,
            });
        }
        match (reasons.is_empty(), changes.is_empty(), waits.is_empty()) {
            (false, ..) => Diff::refused(reasons),
            (_, false, _) => Diff::Change(changes),
            (_, _, false) => Diff::waiting(text!("k8s_delete.waiting", "{waits}", waits = waits)),
            _ => Diff::InSync,
        }
    }
}

/// What an object that is being deleted waits for.
fn going(title: &str, seen: &Seen) -> Text {
    let mut why = text!("k8s_delete.deleting", "{title} is being deleted", title);
    let holders = holders(&seen.object);
    if !holders.is_empty() {
        why = text!("k8s_delete.held", "{state}, held by {holders}", state = why, holders);
    }
    let users = [seen.users.as_slice(), seen.leaving.as_slice()].concat().join(", ");
    if !users.is_empty() {
        why = text!("k8s_delete.used", "{state} as long as {users} uses it", state = why, users);
    }
    why
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

/// What `register` keeps.
#[derive(Debug, Serialize, JsonSchema)]
struct Deleted {
    /// The names of the objects that were deleted; empty if none of them was there.
    names: Vec<String>,
    /// Their manifests, as they were just before: evidence, and the way back. Values of Secrets are left out.
    deleted: Vec<Value>,
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

    const TARGETS: Targets = Targets::SITE;

    type Params = Params;
    type State = State;

    fn judge(params: &Params) -> Result<(), Failure> {
        guard::judge(&params.kind)?;
        Kind::judge(params.api_version.as_deref(), &params.kind, params.namespace.as_deref(), false)?;
        let Some(labels) = &params.selector else {
            return kubernetes::judge_names(params.name.as_deref(), params.names.as_deref());
        };
        if params.name.is_some() || params.names.is_some() {
            let message = text!("k8s_delete.names-and-selector", "give names or `selector`, not both");
            return Err(Failure::invalid(message).pointer("/selector"));
        }
        kubernetes::judge_selector(labels)
    }

    async fn probe(&self, cx: &Context, params: &Params) -> Result<State, Failure> {
        let kind = Kind::find(cx, params.api_version.as_deref(), &params.kind).await?;
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
            let mut keep = Keep::default();
            if kind == STATEFUL_SET && params.dependents != Dependents::Orphan {
                let named = Named { kind: &kind, namespace: params.namespace.as_deref(), name: &name };
                keep = Keep::look(cx, named, &object).await?;
            }
            objects.push(Seen { name, object, volume, users, leaving, keep });
        }
        Ok(State { kind, objects })
    }

    fn subjects(&self, facts: &Facts, params: &Params) -> Option<Vec<Subject>> {
        let (site, namespace) = (facts.site().ok()?, params.namespace.as_deref());
        let of = |name: &str| subjects::of(site, params.api_version.as_deref(), &params.kind, namespace, name);
        let mut subjects = match &params.selector {
            Some(_) => of(""),
            None => {
                let names = kubernetes::names(params.name.as_deref(), params.names.as_deref());
                names.iter().flat_map(|name| of(name)).collect()
            }
        };
        if params.kind == CLAIM.kind {
            // A claim is not deleted while any pod uses it.
            subjects.push(subjects::pods(site, namespace.unwrap_or_default(), ""));
        }
        Some(subjects)
    }

    fn access(params: &Value) -> Vec<Access> {
        let find = if params.get("selector").is_some() { "list" } else { "get" };
        // It is read right before it is deleted, and made again to undo that.
        let mut access = Access::named(params, &[find, "get", "delete", "create"]);
        let Some(namespace) = access::namespace(params) else { return access };
        match params["kind"].as_str() {
            Some("PersistentVolumeClaim") => {
                access.extend(Access::to("Pod", Some(namespace), &["list"]));
                access.extend(Access::to("PersistentVolume", None, &["get", "patch"]));
            }
            Some("StatefulSet") => access.extend(access::keeps_claims(namespace)),
            _ => {}
        }
        access
    }

    fn diff(&self, facts: &Facts, params: &Params, state: &State) -> Diff {
        params.compare(facts.target().site().unwrap_or_default(), state)
    }

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Deleted>()
    }

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
        json!(Deleted { names: deleted.iter().map(|object| name(object).to_owned()).collect(), deleted })
    }
}
