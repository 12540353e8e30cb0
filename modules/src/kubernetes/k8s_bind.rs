//! `k8s_bind`: claims lead to the volumes that they had. Claims that are gone are made again, bound to the old volume; one that
//! leads elsewhere is refused. It never deletes anything.

#[cfg(test)]
mod tests;

use cutover_engine::action::{Action, Done};
use cutover_engine::failure::Failure;
use cutover_engine::module::{Access, Change, Context, Diff, Facts, Module, Targets};
use cutover_engine::subject::Subject;
use cutover_engine::text;
use cutover_engine::text::Text;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::support::kubernetes::access;
use crate::support::kubernetes::kind::{CLAIM, VOLUME};
use crate::support::kubernetes::{self, deleting, judge_name, request, subjects, text, uid};

/// The module.
#[derive(Clone, Copy)]
pub(crate) struct K8sBind;

/// Parameters of `k8s_bind`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    /// The namespace of the claims.
    pub(crate) namespace: String,
    /// The claims with the volumes that they had, as `k8s_volumes` has registered them: `{{ old.volumes }}`.
    pub(crate) volumes: Vec<Pair>,
}

/// A claim and the volume that it had. Other fields of what `k8s_volumes` registers are ignored.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Pair {
    /// The name of the claim.
    pub(crate) claim: String,
    /// The name of its volume.
    pub(crate) pv: String,
    /// The UID of the volume: one of the same name that was made anew is refused.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) pv_uid: Option<String>,
    /// Where its data is, for messages.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) path: Option<String>,
    /// The node on which that is, for messages.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) node: Option<String>,
}

/// What a probe saw: a claim and a volume for each pair.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct State {
    /// The claims; null for one that is not there.
    pub(crate) claims: Vec<Option<Value>>,
    /// The volumes; null for one that is not there.
    pub(crate) volumes: Vec<Option<Value>>,
}

/// What is to be done about one pair.
enum Verdict {
    Bound,
    Waiting(Text),
    Refused(Text),
    Change(Change),
}

impl Pair {
    fn place(&self) -> String {
        match (&self.path, &self.node) {
            (Some(path), Some(node)) => format!("{path} on {node}"),
            (Some(path), None) => path.clone(),
            _ => VOLUME.title(None, &self.pv),
        }
    }

    fn compare(&self, site: &str, namespace: &str, claim: Option<&Value>, volume: Option<&Value>) -> Verdict {
        let title = CLAIM.title(Some(namespace), &self.claim);
        let (pv, place) = (&self.pv, self.place());
        let Some(volume) = volume else {
            return Verdict::Refused(text!(
                "k8s_bind.no-volume",
                "{volume} of {title} is gone: nothing may start before the data is found ({place}) and a volume is declared for it",
                volume = VOLUME.title(None, pv),
                title,
                place
            ));
        };
        if let Some(then) = self.pv_uid.as_deref().filter(|then| *then != uid(volume)) {
            return Verdict::Refused(text!(
                "k8s_bind.other-volume",
                "{volume} is not the one of then (UID {then}), but another of that name (UID {now}): compare it with {place} \
                 before {title} is bound to it",
                volume = VOLUME.title(None, pv),
                then,
                now = uid(volume),
                place,
                title
            ));
        }
        let reference = &volume["spec"]["claimRef"];
        let ours = text(&reference["namespace"]) == namespace && text(&reference["name"]) == self.claim;
        if !reference.is_null() && !ours {
            return Verdict::Refused(text!(
                "k8s_bind.taken",
                "{volume} ({place}), which {title} had, is kept for claim {other}",
                volume = VOLUME.title(None, pv),
                place,
                title,
                other = format!("{}/{}", text(&reference["namespace"]), text(&reference["name"]))
            ));
        }
        let Some(claim) = claim else { return Verdict::Change(self.bind(site, namespace, None, volume)) };
        if deleting(claim) {
            return Verdict::Waiting(text!("k8s_bind.deleting", "{title} is being deleted", title));
        }
        let phase = text(&claim["status"]["phase"]);
        match text(&claim["spec"]["volumeName"]) {
            named if named == pv && phase == "Bound" && reference["uid"] == uid(claim) => Verdict::Bound,
            named
                if named == pv && phase != "Lost" && (reference["uid"].is_null() || reference["uid"] == uid(claim)) =>
            {
                Verdict::Waiting(text!("k8s_bind.binding", "{title} is not bound to {volume} yet", title, volume = pv))
            }
            "" => Verdict::Change(self.bind(site, namespace, Some(claim), volume)),
            named => Verdict::Refused(text!(
                "k8s_bind.elsewhere",
                "{title} is bound to {other} and not to {volume}, where its data is ({place}): a pod that starts on it finds \
                 something else; scale its workload to zero, delete that claim with k8s_delete, and do this again",
                title,
                other = named,
                volume = pv,
                place
            )),
        }
    }

    /// Keeps the volume for the claim, and makes the claim if it is not there.
    fn bind(&self, site: &str, namespace: &str, claim: Option<&Value>, volume: &Value) -> Change {
        let title = CLAIM.title(Some(namespace), &self.claim);
        // A released volume remembers the UID of its claim; it takes no other as long as it does.
        let reference = json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": namespace, "name": self.claim,
            "uid": claim.map_or(Value::Null, |claim| json!(uid(claim))), "resourceVersion": null,
        });
        let keep = json!({"metadata": {"uid": uid(volume)}, "spec": {"claimRef": reference}});
        let mut actions = vec![request::patch(site, &VOLUME.object(None, &self.pv), keep)];
        if claim.is_none() {
            let spec = &volume["spec"];
            let manifest = json!({
                "apiVersion": "v1", "kind": "PersistentVolumeClaim",
                "metadata": {"name": self.claim, "namespace": namespace},
                "spec": {
                    "accessModes": spec["accessModes"], "storageClassName": spec["storageClassName"],
                    "volumeMode": spec["volumeMode"].as_str().unwrap_or("Filesystem"), "volumeName": self.pv,
                    "resources": {"requests": {"storage": spec["capacity"]["storage"]}},
                },
            });
            actions.push(Action::Request(request::create(site, &CLAIM.collection(Some(namespace)), manifest)));
        }
        let summary = text!(
            "k8s_bind.bind",
            "bind {title} to {volume} again ({place})",
            title,
            volume = VOLUME.title(None, &self.pv),
            place = self.place()
        );
        // Nothing undoes it, and nothing has to: a claim on its old volume stands in nobody's way, and to delete one may cost data.
        Change::idempotent(format!("bind-claim {namespace}/{}", self.claim), summary, actions).undo([])
    }
}

/// What `register` keeps.
#[derive(Debug, Serialize, JsonSchema)]
struct Bound {
    /// The claims, in the order in which they were named; all of them lead to the volumes that they had.
    bound: Vec<BoundClaim>,
}

/// A claim that leads to the volume that it had.
#[derive(Debug, Serialize, JsonSchema)]
struct BoundClaim {
    /// The name of the claim.
    claim: String,
    /// The UID of the claim, which is another one if it was made again.
    claim_uid: Option<String>,
    /// The name of the volume.
    pv: String,
}

impl Module for K8sBind {
    const NAME: &'static str = "k8s_bind";
    const SUMMARY: &'static str = "Binds claims to the volumes that they had: makes those again that are gone, and refuses those that lead elsewhere";
    const EXAMPLE: &'static str = r#"
name: The claims lead to the old volumes
target: active
k8s_bind: {namespace: common, volumes: "{{ old.volumes }}"}
"#;

    const TARGETS: Targets = Targets::SITE;

    type Params = Params;
    type State = State;

    fn judge(params: &Params) -> Result<(), Failure> {
        judge_name(&params.namespace, "/namespace")?;
        for (index, pair) in params.volumes.iter().enumerate() {
            judge_name(&pair.claim, &format!("/volumes/{index}/claim"))?;
            judge_name(&pair.pv, &format!("/volumes/{index}/pv"))?;
        }
        if params.volumes.is_empty() {
            let message = text!("k8s_bind.none", "`volumes` is empty: no claim is named");
            return Err(Failure::invalid(message).pointer("/volumes"));
        }
        Ok(())
    }

    async fn probe(&self, cx: &Context, params: &Params) -> Result<State, Failure> {
        let (mut claims, mut volumes) = (Vec::new(), Vec::new());
        for pair in &params.volumes {
            claims.push(kubernetes::get(cx, &CLAIM, Some(&params.namespace), &pair.claim).await?);
            volumes.push(kubernetes::get(cx, &VOLUME, None, &pair.pv).await?);
        }
        Ok(State { claims, volumes })
    }

    fn subjects(&self, facts: &Facts, params: &Params) -> Option<Vec<Subject>> {
        let site = facts.site().ok()?;
        let of = |pair: &Pair| subjects::of(site, None, &CLAIM.kind, Some(&params.namespace), &pair.claim);
        Some(params.volumes.iter().flat_map(of).collect())
    }

    fn access(params: &Value) -> Vec<Access> {
        let Some(namespace) = access::namespace(params) else { return Vec::new() };
        let claims = Access::to("PersistentVolumeClaim", Some(namespace), &["get", "create"]);
        claims.into_iter().chain(Access::to("PersistentVolume", None, &["get", "patch"])).collect()
    }

    fn diff(&self, facts: &Facts, params: &Params, state: &State) -> Diff {
        let site = facts.target().site().unwrap_or_default();
        let (mut refused, mut waiting, mut changes) = (Vec::new(), Vec::new(), Vec::new());
        for (pair, (claim, volume)) in params.volumes.iter().zip(state.claims.iter().zip(&state.volumes)) {
            match pair.compare(site, &params.namespace, claim.as_ref(), volume.as_ref()) {
                Verdict::Bound => {}
                Verdict::Waiting(why) => waiting.push(why),
                Verdict::Refused(why) => refused.push(why),
                Verdict::Change(change) => changes.push(change),
            }
        }
        match (refused.is_empty(), changes.is_empty(), waiting.is_empty()) {
            (false, ..) => Diff::refused(refused),
            (_, false, _) => Diff::Change(changes),
            (_, _, false) => Diff::waiting(text!("k8s_bind.waiting", "{waits}", waits = waiting)),
            _ => Diff::InSync,
        }
    }

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Bound>()
    }

    fn result(&self, _facts: &Facts, params: &Params, state: &State, _done: &[Done]) -> Value {
        let bound = params.volumes.iter().zip(&state.claims).map(|(pair, claim)| BoundClaim {
            claim: pair.claim.clone(),
            claim_uid: claim.as_ref().map(|claim| uid(claim).to_owned()),
            pv: pair.pv.clone(),
        });
        json!(Bound { bound: bound.collect() })
    }
}
