//! `k8s_patch`: brings a patch into objects that are there, and can undo it. What "the object has it" means for each
//! type of patch is in `content`.

mod content;
#[cfg(test)]
mod tests;

use cutover_engine::action::Done;
use cutover_engine::failure::Failure;
use cutover_engine::module::{Access, Change, Context, Diff, Facts, Module, Targets};
use cutover_engine::subject::Subject;
use cutover_engine::text;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::support::kubernetes::kind::Kind;
use crate::support::kubernetes::retention::{Named, shrinking};
use crate::support::kubernetes::{self, deleting, manifest, merge, name, request, subjects};

/// The module.
#[derive(Clone, Copy)]
pub(crate) struct K8sPatch;

/// How a patch is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Type {
    /// RFC 7386: what is named is set, `null` removes, a list replaces the list.
    #[default]
    Merge,
    /// Kubernetes' own: as `merge`, but entries of lists are merged by their name, and `$patch: delete` in one removes it.
    /// Built-in kinds only.
    Strategic,
    /// RFC 6902: a list of `add`, `replace`, `remove` and `test` operations. Operations whose effect could not be
    /// recognised afterwards (`move`, `copy`, adding to a list) are refused.
    Json,
}

impl Type {
    fn media_type(self) -> &'static str {
        match self {
            Self::Merge => request::MERGE,
            Self::Strategic => request::STRATEGIC,
            Self::Json => request::JSON,
        }
    }
}

/// Parameters of `k8s_patch`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    /// The API version of a custom kind; left out for built-in ones.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) api_version: Option<String>,
    /// The kind.
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
    /// The patch: a map, or a list of operations for `type: json`. One that leaves a StatefulSet fewer replicas is refused
    /// where the set then deletes their claims, as in `k8s_scale`.
    pub(crate) patch: Value,
    /// How the patch is meant.
    #[serde(rename = "type", default)]
    pub(crate) kind_of_patch: Type,
}

/// What a probe saw.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct State {
    /// The kind, resolved.
    pub(crate) kind: Kind,
    /// The objects, in the order of the names.
    pub(crate) objects: Vec<Seen>,
}

/// One object.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Seen {
    /// Its name.
    pub(crate) name: String,
    /// The object without what only the API server writes; `None` if it is not there. Values of Secrets are not recorded.
    #[serde(serialize_with = "recorded")]
    pub(crate) object: Option<Value>,
    /// Whether it is being deleted.
    pub(crate) deleting: bool,
}

fn recorded<S: serde::Serializer>(object: &Option<Value>, serializer: S) -> Result<S::Ok, S::Error> {
    object.as_ref().map(manifest::shown).serialize(serializer)
}

impl Params {
    fn compare(&self, site: &str, state: &State) -> Diff {
        let namespace = self.namespace.as_deref();
        let (mut reasons, mut changes) = (Vec::new(), Vec::new());
        for seen in &state.objects {
            let title = state.kind.title(namespace, &seen.name);
            let Some(object) = &seen.object else {
                reasons.push(text!("k8s_patch.missing", "{title} does not exist", title));
                continue;
            };
            if content::contains(self.kind_of_patch, &self.patch, object) {
                continue;
            }
            reasons.extend(content::obstacles(self.kind_of_patch, &self.patch, object, &title));
            let named = Named { kind: &state.kind, namespace, name: &seen.name };
            let after = content::applied(self.kind_of_patch, &self.patch, object);
            reasons.extend(shrinking(named, object, &after));
            if seen.deleting {
                reasons.push(text!("k8s_patch.deleting", "{title} is being deleted", title));
            }
            let path = state.kind.object(namespace, &seen.name);
            let fields = content::fields(self.kind_of_patch, &self.patch, object);
            let back = merge::restoring(&fields, object);
            let summary =
                text!("k8s_patch.patch", "patch {title}: {fields}", title, fields = content::words(&fields).join(", "));
            let set = request::patch_as(site, &path, self.kind_of_patch.media_type(), self.patch.clone());
            let key = format!("patch-object {}", state.kind.key(namespace, &seen.name));
            let change = Change::idempotent(key, summary, [set]);
            // The old values of a Secret stay out of the journal, and what is undone must not delete claims either.
            changes.push(match state.kind.kind.as_ref() {
                "Secret" => change,
                _ if shrinking(named, &after, object).is_some() => change,
                _ => change.undo([request::patch(site, &path, back)]),
            });
        }
        if !reasons.is_empty() {
            Diff::refused(reasons)
        } else if changes.is_empty() {
            Diff::InSync
        } else {
            Diff::Change(changes)
        }
    }
}

/// What `register` keeps.
#[derive(Debug, Serialize, JsonSchema)]
struct Patched {
    /// The names of the objects, which have the patch now.
    names: Vec<String>,
}

impl Module for K8sPatch {
    const NAME: &'static str = "k8s_patch";
    const SUMMARY: &'static str = "Brings a patch into objects; in sync when they have it; can be undone";
    const EXAMPLE: &'static str = r#"
name: Keep the volumes whatever happens to their claims
target: active
k8s_patch:
  kind: PersistentVolume
  names: "{{ old.volumes | map(attribute='pv') | list }}"
  patch: {spec: {persistentVolumeReclaimPolicy: Retain}}
"#;

    const TARGETS: Targets = Targets::SITE;

    type Params = Params;
    type State = State;

    fn judge(params: &Params) -> Result<(), Failure> {
        let (api_version, kind) = (params.api_version.as_deref(), &params.kind);
        Kind::judge(api_version, kind, params.namespace.as_deref(), false)?;
        kubernetes::judge_names(params.name.as_deref(), params.names.as_deref())?;
        if params.kind_of_patch == Type::Strategic && Kind::known(api_version, kind).is_none() {
            let message = text!(
                "k8s_patch.strategic",
                "the API server takes no strategic patches for the custom kind {kind}",
                kind
            );
            let help = text!("k8s_patch.strategic.help", "use `type: merge`");
            return Err(Failure::invalid(message).pointer("/type").help(help));
        }
        content::judge(params.kind_of_patch, &params.patch)
    }

    async fn probe(&self, cx: &Context, params: &Params) -> Result<State, Failure> {
        let names = kubernetes::names(params.name.as_deref(), params.names.as_deref());
        let kind = Kind::find(cx, params.api_version.as_deref(), &params.kind).await?;
        kind.check(params.namespace.as_deref(), false)?;
        let mut objects = Vec::new();
        for name in names {
            let object = kubernetes::get(cx, &kind, params.namespace.as_deref(), &name).await?;
            let deleting = object.as_ref().is_some_and(deleting);
            objects.push(Seen { name, object: object.as_ref().map(manifest::clean), deleting });
        }
        Ok(State { kind, objects })
    }

    fn subjects(&self, facts: &Facts, params: &Params) -> Option<Vec<Subject>> {
        let (site, namespace) = (facts.site().ok()?, params.namespace.as_deref());
        let of = |name: &String| subjects::of(site, params.api_version.as_deref(), &params.kind, namespace, name);
        Some(kubernetes::names(params.name.as_deref(), params.names.as_deref()).iter().flat_map(of).collect())
    }

    fn access(params: &Value) -> Vec<Access> {
        Access::named(params, &["get", "patch"])
    }

    fn diff(&self, facts: &Facts, params: &Params, state: &State) -> Diff {
        params.compare(facts.target().site().unwrap_or_default(), state)
    }

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Patched>()
    }

    fn result(&self, _facts: &Facts, _params: &Params, state: &State, _done: &[Done]) -> Value {
        let objects = state.objects.iter().filter_map(|seen| seen.object.as_ref());
        json!(Patched { names: objects.map(|object| name(object).to_owned()).collect() })
    }
}
