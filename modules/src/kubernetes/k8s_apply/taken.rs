//! Volumes that belong to somebody else: names of PersistentVolumes are global, and a volume is for one claim.

use cutover_engine::text;
use cutover_engine::text::Text;
use serde_json::Value;

use crate::support::kubernetes::kind::{Kind, VOLUME};
use crate::support::kubernetes::text;

/// Why a volume that is there is not the one that is wanted; `None` if it may be, or is not a volume.
pub(super) fn reason(kind: &Kind, wanted: &Value, live: &Value, phase: &str) -> Option<Text> {
    let (wanted, live) = (&wanted["spec"]["claimRef"], &live["spec"]["claimRef"]);
    if !(*kind == VOLUME && wanted.is_object() && live.is_object()) {
        return None;
    }
    let claim = |reference: &Value| format!("{}/{}", text(&reference["namespace"]), text(&reference["name"]));
    let (theirs, ours) = (claim(live), claim(wanted));
    if theirs != ours {
        return Some(text!(
            "k8s_apply.volume-of-another",
            "it belongs to the claim {theirs}, not to {ours}: leave it alone, and give yours another name",
            theirs,
            ours
        ));
    }
    // Kubernetes binds such a volume to no claim any more, not even to one of the same name.
    let meant = !text(&wanted["uid"]).is_empty() && wanted["uid"] == live["uid"];
    (matches!(phase, "Released" | "Failed") && !meant).then(|| {
        text!(
            "k8s_apply.volume-released",
            "it is {phase}: it was bound to a claim {ours} that is gone (uid {uid}), and is bound to no other one; if nobody needs it, delete it (what is in its directory stays if its reclaim policy is Retain)",
            phase,
            ours,
            uid = text(&live["uid"])
        )
    })
}
