//! Whether Kubernetes deletes the claims of a StatefulSet by itself: what its `persistentVolumeClaimRetentionPolicy` says,
//! which claims would go, and what keeps them (`keep`). Each module decides for itself what it refuses because of it.

use cutover_engine::failure::Failure;
use cutover_engine::module::Context;
use cutover_engine::text;
use cutover_engine::text::Text;
use serde::Serialize;
use serde_json::Value;

use super::kind::{Kind, STATEFUL_SET};
use super::{list, name, text, uid};
use crate::support::kubernetes::kind::CLAIM;

mod keep;

pub(crate) use keep::Keep;

/// What happens to a StatefulSet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// It gets fewer replicas.
    Scaled,
    /// It is deleted.
    Deleted,
}

impl Moment {
    fn field(self) -> &'static str {
        match self {
            Self::Scaled => "whenScaled",
            Self::Deleted => "whenDeleted",
        }
    }
}

/// What becomes of the claims of a StatefulSet, or of another kind with the same fields.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub(crate) struct Retention {
    /// Whether the claim of a replica is deleted when the replica is scaled away.
    pub(crate) when_scaled: bool,
    /// Whether all claims are deleted with the set.
    pub(crate) when_deleted: bool,
    /// The claims of each replica, by its place: the ordinals may begin at another number than 0.
    pub(crate) claims: Vec<Vec<String>>,
}

impl Retention {
    /// Reads an object.
    pub(crate) fn of(object: &Value) -> Self {
        let spec = &object["spec"];
        let deletes = |moment: Moment| spec["persistentVolumeClaimRetentionPolicy"][moment.field()] == "Delete";
        let number = |value: &Value| value.as_u64().unwrap_or(0);
        let first = number(&spec["ordinals"]["start"]);
        // The status may still count replicas that are on their way out.
        let replicas = spec["replicas"].as_u64().unwrap_or(1).max(number(&object["status"]["replicas"]));
        let (when_scaled, when_deleted) = (deletes(Moment::Scaled), deletes(Moment::Deleted));
        // Without the policy nobody asks for the names.
        let ordinals = if when_scaled || when_deleted { first..first.saturating_add(replicas) } else { 0..0 };
        let templates = || spec["volumeClaimTemplates"].as_array().into_iter().flatten().map(name);
        let claims = |ordinal| templates().map(|claim| format!("{claim}-{}-{ordinal}", name(object))).collect();
        Self { when_scaled, when_deleted, claims: ordinals.map(claims).collect() }
    }

    /// Why the claims would not survive any of these moments; `None` if they would. Replicas from `keep` on are concerned.
    pub(crate) fn reason(&self, of: Named<'_>, moments: &[Moment], keep: u64) -> Option<Text> {
        let deletes = |moment: Moment| match moment {
            Moment::Scaled => self.when_scaled,
            Moment::Deleted => self.when_deleted,
        };
        let deleting: Vec<Moment> = moments.iter().copied().filter(|moment| deletes(*moment)).collect();
        if deleting.is_empty() {
            return None;
        }
        let fields = deleting.iter().map(|moment| format!("{}: Delete", moment.field())).collect::<Vec<_>>().join(", ");
        let when = match deleting.as_slice() {
            [Moment::Scaled] => text!("kubernetes.retention.scaled", "of replicas that are scaled away"),
            [Moment::Deleted] => text!("kubernetes.retention.deleted", "when it is deleted"),
            _ => text!("kubernetes.retention.both", "of replicas that are scaled away, and all when it is deleted"),
        };
        let keep = usize::try_from(keep).unwrap_or(usize::MAX);
        let lost = self.claims.iter().skip(keep).flatten().map(String::as_str).collect::<Vec<_>>();
        let lost = match lost.is_empty() {
            true => text!("kubernetes.retention.its-claims", "its claims"),
            false => Text::verbatim(lost.join(", ")),
        };
        let kind = match of.kind == &STATEFUL_SET {
            true => "statefulset".to_owned(),
            false => format!("{}.{}", of.kind.plural, of.kind.group),
        };
        let title = of.kind.title(of.namespace, of.name);
        let namespace = of.namespace.map(|namespace| format!("-n {namespace} ")).unwrap_or_default();
        Some(text!(
            "kubernetes.retention",
            "{title} deletes the claims {when} (persistentVolumeClaimRetentionPolicy: {fields}): {lost} would go, and with \
             them the data of every volume whose reclaim policy is Delete; let it keep them first: kubectl \
             {namespace}patch {kind} {name} --type merge -p \
             '{{\"spec\":{{\"persistentVolumeClaimRetentionPolicy\":{{\"whenScaled\":\"Retain\",\"whenDeleted\":\"Retain\"}}}}}}'",
            title,
            when,
            fields,
            lost,
            namespace,
            kind,
            name = of.name
        ))
    }
}

/// How an object is called.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named<'a> {
    /// Its kind.
    pub(crate) kind: &'a Kind,
    /// Its namespace.
    pub(crate) namespace: Option<&'a str>,
    /// Its name.
    pub(crate) name: &'a str,
}

/// Why a change from one object to another would delete claims; `None` if it would not. What decides is the policy that
/// stands beside the new number of replicas.
pub(crate) fn shrinking(of: Named<'_>, from: &Value, to: &Value) -> Option<Text> {
    let replicas = |object: &Value| object["spec"]["replicas"].as_u64().unwrap_or(1);
    if replicas(to) >= replicas(from) {
        return None;
    }
    let mut both = from.clone();
    both["spec"]["persistentVolumeClaimRetentionPolicy"] = to["spec"]["persistentVolumeClaimRetentionPolicy"].clone();
    Retention::of(&both).reason(of, &[Moment::Scaled], replicas(to))
}

/// The claims among these that an object owns: they are deleted with it, whatever its policy says by now. With a policy
/// changed at zero replicas nobody takes the old owners off.
pub(crate) fn owned(object: &Value, claims: &[Value]) -> Vec<String> {
    let own = uid(object);
    let owns = |claim: &&Value| {
        let mut owners = claim["metadata"]["ownerReferences"].as_array().into_iter().flatten();
        !own.is_empty() && owners.any(|owner| text(&owner["uid"]) == own)
    };
    claims.iter().filter(owns).map(|claim| name(claim).to_owned()).collect()
}

/// Why claims would be deleted with an object, judged by its policy and the claims that it owns; `None` if none would.
pub(crate) fn deletion(of: Named<'_>, object: &Value, claims: &[Value]) -> Option<Text> {
    let owned = owned(object, claims);
    let mut retention = Retention::of(object);
    if retention.when_deleted && !owned.is_empty() {
        retention.claims = vec![owned.clone()];
    }
    if let Some(reason) = retention.reason(of, &[Moment::Deleted], 0) {
        return Some(reason);
    }
    let namespace = of.namespace.map(|namespace| format!("-n {namespace} ")).unwrap_or_default();
    (!owned.is_empty()).then(|| {
        text!(
            "kubernetes.retention.owned",
            "{title} owns {claims} and takes them along when it is deleted, and with them the data of every volume whose reclaim policy \
             is Delete; let it own them no more: kubectl {namespace}patch pvc {names} --type json -p \
             '[{{\"op\":\"remove\",\"path\":\"/metadata/ownerReferences\"}}]'",
            title = of.kind.title(of.namespace, of.name),
            claims = owned.join(", "),
            namespace,
            names = owned.join(" ")
        )
    })
}

/// Looks whether claims would be deleted with an object.
pub(crate) async fn look(cx: &Context, of: Named<'_>, object: &Value) -> Result<Option<Text>, Failure> {
    let claims = list(cx, &CLAIM, of.namespace, "").await?;
    Ok(deletion(of, object, &claims))
}

#[cfg(test)]
mod tests;
