//! The changes after which a StatefulSet keeps its claims, whatever its `persistentVolumeClaimRetentionPolicy` was, and
//! why they cannot be made: another controller would put the policy back, or the API server refuses.

use cutover_engine::action::Action;
use cutover_engine::failure::Failure;
use cutover_engine::module::{Change, Context, api_failure};
use cutover_engine::query::Ask;
use cutover_engine::text;
use cutover_engine::text::Text;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Moment, Named, owned};
use crate::support::kubernetes::kind::CLAIM;
use crate::support::kubernetes::{controller, list, name, request, text, uid};

/// What makes a StatefulSet keep its claims.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub(crate) struct Keep {
    /// The changes, in order; none if it keeps them already. After them the world is looked at again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) changes: Vec<Change>,
    /// Why they cannot be made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refused: Option<Text>,
}

impl Keep {
    /// Decides what is needed for an object and the claims of its namespace.
    pub(crate) fn of(site: &str, of: Named<'_>, object: &Value, claims: &[Value]) -> Self {
        let policy = &object["spec"]["persistentVolumeClaimRetentionPolicy"];
        let mut changes = Vec::new();
        if [Moment::Scaled, Moment::Deleted].iter().any(|moment| policy[moment.field()] == "Delete") {
            changes.push(retain(site, of, object, policy));
        }
        // The controller lets go of the claims of pods that are there; at zero replicas nobody does.
        let own = owned(object, claims);
        let owned = claims.iter().filter(|claim| own.iter().any(|owned| owned == name(claim)));
        changes.extend(owned.map(|claim| let_go(site, of, object, claim)));
        if let Some(last) = changes.last_mut() {
            last.look_after = true;
        }
        let refused = (!changes.is_empty()).then(|| controlled(of, object)).flatten();
        Self { changes, refused }
    }

    /// Looks what is needed, and asks the API server whether it would take it.
    pub(crate) async fn look(cx: &Context, of: Named<'_>, object: &Value) -> Result<Self, Failure> {
        let site = cx.site()?;
        let claims = list(cx, &CLAIM, of.namespace, "").await?;
        let mut keep = Self::of(site, of, object, &claims);
        for change in &keep.changes {
            let Some(Action::Request(request)) = change.actions.first() else { continue };
            let Some(ask) = Ask::dry_run(request.clone()) else { continue };
            let answer = cx.ask(&ask).await?;
            if keep.refused.is_none() && matches!(answer.status, 400 | 403 | 422) {
                let why = api_failure(site, &ask.line(), &answer).message;
                keep.refused = Some(text!(
                    "kubernetes.retention.not-allowed",
                    "{title} would take its claims along, and the API server does not allow to change that: {why}",
                    title = of.kind.title(of.namespace, of.name),
                    why
                ));
            }
        }
        Ok(keep)
    }
}

/// The policy says `Retain`.
fn retain(site: &str, of: Named<'_>, object: &Value, policy: &Value) -> Change {
    let path = of.kind.object(of.namespace, of.name);
    let spec = |policy: Value| json!({"persistentVolumeClaimRetentionPolicy": policy});
    let wanted = json!({
        "metadata": {"uid": uid(object)}, "spec": spec(json!({"whenScaled": "Retain", "whenDeleted": "Retain"})),
    });
    let summary = text!(
        "kubernetes.retention.retain",
        "let {title} keep its claims (persistentVolumeClaimRetentionPolicy: whenScaled {scaled}, whenDeleted {deleted}; both \
         become Retain)",
        title = of.kind.title(of.namespace, of.name),
        scaled = word(policy, Moment::Scaled),
        deleted = word(policy, Moment::Deleted)
    );
    let key = format!("keep-claims {}", of.kind.key(of.namespace, of.name));
    Change::idempotent(key, summary, [request::patch(site, &path, wanted)])
        .undo([request::patch(site, &path, json!({"spec": spec(policy.clone())}))])
        .look_after()
}

fn word(policy: &Value, moment: Moment) -> &str {
    policy[moment.field()].as_str().unwrap_or("Retain")
}

/// A claim belongs to the set no more. Nothing undoes that, and nothing has to: a set whose policy says so takes the claims of
/// its pods again by itself, and a claim given back to a set that was made anew would be deleted as a leftover.
fn let_go(site: &str, of: Named<'_>, object: &Value, claim: &Value) -> Change {
    let owners = claim["metadata"]["ownerReferences"].as_array().into_iter().flatten();
    let others: Vec<&Value> = owners.filter(|owner| text(&owner["uid"]) != uid(object)).collect();
    let others = if others.is_empty() { Value::Null } else { json!(others) };
    let body = json!({"metadata": {"uid": uid(claim), "ownerReferences": others}});
    let path = CLAIM.object(of.namespace, name(claim));
    let summary = text!(
        "kubernetes.retention.let-go",
        "take {claim} from {title}, which would take it along when it is deleted",
        claim = CLAIM.title(of.namespace, name(claim)),
        title = of.kind.title(of.namespace, of.name)
    );
    let key = format!("let-go {}", CLAIM.key(of.namespace, name(claim)));
    Change::idempotent(key, summary, [request::patch(site, &path, body)]).undo([])
}

/// Why a policy would not stay as it is set: the set belongs to something that keeps it as it was.
fn controlled(of: Named<'_>, object: &Value) -> Option<Text> {
    let owner = controller(object)?;
    Some(text!(
        "kubernetes.retention.controlled",
        "{title} takes its claims along (persistentVolumeClaimRetentionPolicy), and it is made by {kind} {owner}, which would \
         put the policy back: have that keep the claims first",
        title = of.kind.title(of.namespace, of.name),
        kind = text(&owner["kind"]),
        owner = text(&owner["name"])
    ))
}
