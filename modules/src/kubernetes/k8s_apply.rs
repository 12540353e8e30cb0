//! `k8s_apply`: makes objects as manifests say, or changes the fields that differ. It does not remove fields that a
//! manifest no longer names, and does not delete objects.

mod immutable;
mod taken;
#[cfg(test)]
mod tests;
mod wanted;

use cutover_engine::action::{Action, Done};
use cutover_engine::failure::Failure;
use cutover_engine::module::{Access, Change, Context, Diff, Facts, Module, Targets};
use cutover_engine::request::Request;
use cutover_engine::subject::Subject;
use cutover_engine::text;
use cutover_engine::text::Text;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::support::kubernetes::compare::{differences, overlay};
use crate::support::kubernetes::kind::{Kind, VOLUME};
use crate::support::kubernetes::retention::{Named, Retention, shrinking};
use crate::support::kubernetes::{self, deleting, holders, manifest, merge, request, subjects, text, uid};

/// The module.
#[derive(Clone, Copy)]
pub(crate) struct K8sApply;

/// One manifest or several.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used: decoding must say where the fault is")]
enum ManifestSchema {
    /// One object.
    One(Map<String, Value>),
    /// Several objects, in the order they are made.
    Several(Vec<Map<String, Value>>),
}

/// Parameters of `k8s_apply`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    /// What is to be: a manifest as kubectl takes it, or a list of them in the order they are made. Only the fields that it
    /// names are compared and changed; `null` removes one. Entries of lists are matched by their name where they have one;
    /// a list has exactly the entries that are given. `status` and what only the API server writes are not looked at. A
    /// field that cannot be changed (the directory of a volume, the selector of a workload) is refused, and fewer replicas of
    /// a StatefulSet that then deletes their claims.
    #[schemars(with = "ManifestSchema")]
    pub(crate) manifest: Value,
    /// Only looks whether the objects could be made or changed so, and changes nothing: to be asked before the window, of names
    /// that are needed in it.
    #[serde(default)]
    pub(crate) check_only: bool,
}

/// What a probe saw.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct State {
    /// The objects, in the order of the manifests.
    pub(crate) objects: Vec<Seen>,
}

/// One object.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Seen {
    /// The kind, resolved.
    pub(crate) kind: Kind,
    /// Its namespace.
    pub(crate) namespace: Option<String>,
    /// Its name.
    pub(crate) name: String,
    /// Its UID; empty if it is not there.
    pub(crate) uid: String,
    /// The manifest.
    #[serde(serialize_with = "shown")]
    pub(crate) wanted: Value,
    /// The object without what only the API server writes; `None` if it is not there.
    #[serde(serialize_with = "shown_if_any")]
    pub(crate) live: Option<Value>,
    /// Whether it is being deleted, and by which finalizers it is held.
    pub(crate) deleting: Option<String>,
    /// Whether deleting it deletes no data; decides whether making it can be undone.
    pub(crate) removable: bool,
    /// The phase of a volume; empty of anything else.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) phase: String,
}

fn shown<S: serde::Serializer>(object: &Value, serializer: S) -> Result<S::Ok, S::Error> {
    manifest::shown(object).serialize(serializer)
}

fn shown_if_any<S: serde::Serializer>(object: &Option<Value>, serializer: S) -> Result<S::Ok, S::Error> {
    object.as_ref().map(manifest::shown).serialize(serializer)
}

/// What one object needs.
enum Verdict {
    InSync,
    Change(Change),
    Waiting(Text),
    Blocked(Vec<Text>),
}

impl Seen {
    fn title(&self) -> String {
        self.kind.title(self.namespace.as_deref(), &self.name)
    }

    fn key(&self) -> String {
        self.kind.key(self.namespace.as_deref(), &self.name)
    }

    fn compare(&self, site: &str) -> Verdict {
        let title = self.title();
        if let Some(holders) = &self.deleting {
            let words = text!("k8s_apply.deleting", "the old {title} is still being deleted", title);
            return Verdict::Waiting(match holders.is_empty() {
                true => words,
                false => text!("k8s_apply.held", "{state}, held by {holders}", state = words, holders),
            });
        }
        let Some(live) = &self.live else { return Verdict::Change(self.creation(site, &title)) };
        let found = differences(&self.wanted, live);
        let mut reasons: Vec<Text> = taken::reason(&self.kind, &self.wanted, live, &self.phase).into_iter().collect();
        // Whose volume it is comes first: how it could be made anew is not advice for another one's.
        if reasons.is_empty() {
            reasons = found.iter().filter_map(|one| immutable::reason(&self.kind, live, one)).collect();
        }
        if !reasons.is_empty() {
            let titled = |reason| text!("k8s_apply.refused", "{title}: {reason}", title = &title, reason = reason);
            return Verdict::Blocked(reasons.into_iter().map(titled).collect());
        }
        if found.is_empty() {
            return Verdict::InSync;
        }
        let target = overlay(live, &self.wanted);
        let named = Named { kind: &self.kind, namespace: self.namespace.as_deref(), name: &self.name };
        if let Some(reason) = shrinking(named, live, &target) {
            return Verdict::Blocked(vec![reason]);
        }
        let patch = merge::between(live, &target);
        let back = merge::restoring(&patch, live);
        let path = self.kind.object(self.namespace.as_deref(), &self.name);
        let fields: Vec<&str> = found.iter().map(|difference| difference.path.as_str()).collect();
        let summary = text!("k8s_apply.change", "change {title}: {fields}", title, fields = fields.join(", "));
        let change =
            Change::idempotent(format!("change-object {}", self.key()), summary, [request::patch(site, &path, patch)])
                .preview(manifest::preview(Some(live), Some(&target)));
        // The old values of a Secret stay out of the journal, and what is undone must not delete claims either.
        Verdict::Change(match self.kind.kind.as_ref() {
            "Secret" => change,
            _ if shrinking(named, &target, live).is_some() => change,
            _ => change.undo([request::patch(site, &path, back)]),
        })
    }

    fn creation(&self, site: &str, title: &str) -> Change {
        let namespace = self.namespace.as_deref();
        // If it is there by then, the next look says what differs.
        let post = Request {
            accept: vec![409],
            ..request::create(site, &self.kind.collection(namespace), wanted::without_nulls(&self.wanted))
        };
        let change = Change::idempotent(
            format!("create-object {}", self.key()),
            text!("k8s_apply.create", "create {title}", title),
            [Action::Request(post)],
        )
        .preview(manifest::preview(None, Some(&self.wanted)));
        if !self.removable {
            return change;
        }
        change.undo([request::delete(site, &self.kind.object(namespace, &self.name), None, "Background")])
    }
}

impl State {
    fn compare(&self, site: &str) -> Diff {
        let (mut reasons, mut changes, mut waits) = (Vec::new(), Vec::new(), Vec::new());
        for seen in &self.objects {
            match seen.compare(site) {
                Verdict::InSync => {}
                Verdict::Change(change) => changes.push(change),
                Verdict::Waiting(why) => waits.push(why),
                Verdict::Blocked(why) => reasons.extend(why),
            }
        }
        match (reasons.is_empty(), changes.is_empty(), waits.is_empty()) {
            (false, ..) => Diff::refused(reasons),
            // Later objects may need the earlier ones.
            (_, _, false) => Diff::waiting(text!("k8s_apply.waiting", "{waits}", waits = waits)),
            (_, false, _) => Diff::Change(changes),
            _ => Diff::InSync,
        }
    }
}

/// Whether deleting an object that was just made would delete no data. A namespace would take along what others put into
/// it; a volume or claim takes its data along unless the volume is kept, a StatefulSet its claims if its policy says so.
async fn removable(cx: &Context, kind: &Kind, wanted: &Value, all: &[(String, Value)]) -> Result<bool, Failure> {
    let retains = |volume: &Value| match text(&volume["spec"]["persistentVolumeReclaimPolicy"]) {
        // What a volume that is made by hand gets.
        "" | "Retain" => true,
        _ => false,
    };
    match (kind.group.as_ref(), kind.kind.as_ref()) {
        ("", "Namespace") | ("apiextensions.k8s.io", _) => Ok(false),
        ("", "PersistentVolume") => Ok(retains(wanted)),
        ("", "PersistentVolumeClaim") => match wanted["spec"]["volumeName"].as_str() {
            Some(volume) => {
                let declared =
                    |object: &&Value| object["kind"] == "PersistentVolume" && kubernetes::name(object) == volume;
                match all.iter().map(|(_, object)| object).find(declared) {
                    Some(declared) => Ok(retains(declared)),
                    None => Ok(kubernetes::get(cx, &VOLUME, None, volume).await?.is_some_and(|live| retains(&live))),
                }
            }
            None => Ok(false),
        },
        _ => Ok(!Retention::of(wanted).when_deleted),
    }
}

/// What `register` keeps.
#[derive(Debug, Serialize, JsonSchema)]
struct Applied {
    /// The objects, in the order of the manifests.
    objects: Vec<AppliedObject>,
}

/// An object that was made or changed, or that is as wanted.
#[derive(Debug, Serialize, JsonSchema)]
struct AppliedObject {
    /// Its kind.
    kind: String,
    /// Its namespace; null if its kind has none.
    namespace: Option<String>,
    /// Its name.
    name: String,
    /// Its UID.
    uid: String,
}

impl Module for K8sApply {
    const NAME: &'static str = "k8s_apply";
    const SUMMARY: &'static str =
        "Makes objects as manifests say, or changes the fields that differ; refuses what cannot be changed";
    const EXAMPLE: &'static str = r#"
name: Declare the volume of the replica
target: active.pairs
k8s_apply:
  manifest:
    apiVersion: v1
    kind: PersistentVolume
    metadata: {name: "etcd-{{ pair.ordinal }}"}
    spec:
      capacity: {storage: 20Gi}
      accessModes: [ReadWriteOnce]
      persistentVolumeReclaimPolicy: Retain
      hostPath: {path: "/data/vmdata/hpvolumes/etcd-{{ pair.ordinal }}/data", type: Directory}
"#;

    const TARGETS: Targets = Targets::SITE;

    type Params = Params;
    type State = State;

    fn judge(params: &Params) -> Result<(), Failure> {
        let manifests = wanted::manifests(&params.manifest)?;
        for (index, (pointer, manifest)) in manifests.iter().enumerate() {
            wanted::judge(pointer, manifest)?;
            let same = |other: &&(String, Value)| wanted::identity(&other.1) == wanted::identity(manifest);
            if manifests[..index].iter().any(|other| same(&other)) {
                let message = text!(
                    "k8s_apply.twice",
                    "{kind} {name} is in the list twice",
                    kind = text(&manifest["kind"]),
                    name = kubernetes::name(manifest)
                );
                return Err(Failure::invalid(message).pointer(pointer));
            }
        }
        Ok(())
    }

    async fn probe(&self, cx: &Context, params: &Params) -> Result<State, Failure> {
        let mut objects = Vec::new();
        let manifests = wanted::manifests(&params.manifest)?;
        for (pointer, manifest) in manifests.clone() {
            let found = Kind::find(cx, Some(text(&manifest["apiVersion"])), text(&manifest["kind"])).await;
            let kind = found.map_err(|failure| failure.pointer(format!("{pointer}/kind")))?;
            let namespace = manifest["metadata"]["namespace"].as_str().map(str::to_owned);
            kind.check(namespace.as_deref(), false)
                .map_err(|failure| failure.pointer(format!("{pointer}/metadata/namespace")))?;
            let name = kubernetes::name(&manifest).to_owned();
            let object = kubernetes::get(cx, &kind, namespace.as_deref(), &name).await?;
            let removable = object.is_none() && removable(cx, &kind, &manifest, &manifests).await?;
            objects.push(Seen {
                uid: object.as_ref().map(uid).unwrap_or_default().to_owned(),
                live: object.as_ref().map(manifest::clean),
                deleting: object.as_ref().filter(|object| deleting(object)).map(holders),
                phase: match kind == VOLUME {
                    true => {
                        object.as_ref().map(|object| text(&object["status"]["phase"])).unwrap_or_default().to_owned()
                    }
                    false => String::new(),
                },
                wanted: manifest,
                removable,
                kind,
                namespace,
                name,
            });
        }
        Ok(State { objects })
    }

    fn subjects(&self, facts: &Facts, params: &Params) -> Option<Vec<Subject>> {
        let (site, manifests) = (facts.site().ok()?, wanted::manifests(&params.manifest).ok()?);
        let of = |(_, manifest): &(String, Value)| {
            let (version, kind) = (text(&manifest["apiVersion"]), text(&manifest["kind"]));
            let namespace = manifest["metadata"]["namespace"].as_str();
            subjects::of(site, Some(version), kind, namespace, kubernetes::name(manifest))
        };
        Some(manifests.iter().flat_map(of).collect())
    }

    fn access(params: &Value) -> Vec<Access> {
        let manifests = match &params["manifest"] {
            Value::Array(manifests) => &manifests[..],
            manifest => std::slice::from_ref(manifest),
        };
        let mut access = Vec::new();
        for manifest in manifests {
            let mut named = json!({"api_version": manifest["apiVersion"], "kind": manifest["kind"]});
            if let Some(namespace) = manifest["metadata"].get("namespace") {
                named["namespace"] = namespace.clone();
            }
            let mut verbs = vec!["get"];
            if params["check_only"] != true {
                verbs.push("create");
                // Of an object that is to be there and no more, nothing is ever changed.
                let fields = |object: &Value| object.as_object().map_or(0, |fields| fields.len());
                if fields(manifest) > 3 || fields(&manifest["metadata"]) > fields(&named) - 1 {
                    verbs.push("patch");
                }
                // What others put into it would go with it: it is never deleted again.
                if !matches!(manifest["kind"].as_str(), Some("Namespace" | "CustomResourceDefinition")) {
                    verbs.push("delete");
                }
            }
            access.extend(Access::named(&named, &verbs));
            if manifest["kind"] == "PersistentVolumeClaim" {
                access.extend(Access::to("PersistentVolume", None, &["get"]));
            }
        }
        access
    }

    fn diff(&self, facts: &Facts, params: &Params, state: &State) -> Diff {
        match state.compare(facts.target().site().unwrap_or_default()) {
            Diff::Change(_) if params.check_only => Diff::InSync,
            diff => diff,
        }
    }

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Applied>()
    }

    fn result(&self, _facts: &Facts, _params: &Params, state: &State, _done: &[Done]) -> Value {
        let object = |seen: &Seen| AppliedObject {
            kind: seen.kind.kind.to_string(),
            namespace: seen.namespace.clone(),
            name: seen.name.clone(),
            uid: seen.uid.clone(),
        };
        json!(Applied { objects: state.objects.iter().map(object).collect() })
    }
}
