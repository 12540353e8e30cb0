//! What the API server says of each replica's pod, claim and volume. Without a judgement.

use cutover_engine::text::Text;
use serde::Serialize;
use serde_json::Value;

use super::Params;
use super::others::{self, Other};
use crate::support::kubernetes::kind::STATEFUL_SET;
use crate::support::kubernetes::retention::{self, Moment, Named, Retention};
use crate::support::kubernetes::selector::nodes_of_volume;
use crate::support::kubernetes::{deleting, name, text, uid};

/// Annotations by which a claim or volume names its node, where no affinity does.
const NODE_ANNOTATIONS: [&str; 2] = ["volume.kubernetes.io/selected-node", "kubevirt.io/provisionOnNode"];

/// The objects as they were read.
pub(super) struct Sources {
    /// The StatefulSet.
    pub(super) set: Value,
    /// The pods of its selector.
    pub(super) pods: Vec<Value>,
    /// The claims of its namespace.
    pub(super) claims: Vec<Value>,
    /// All volumes.
    pub(super) volumes: Vec<Value>,
    /// All nodes.
    pub(super) nodes: Vec<Value>,
}

/// What a probe saw.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Facts {
    /// The StatefulSet; `None` if there is none.
    pub(super) set: Option<Set>,
    /// Its replicas by ordinal. At zero replicas those that have a claim, and those that have a pair.
    pub(super) replicas: Vec<Replica>,
    /// Directories of other volumes that are in use, or may be.
    pub(super) others: Vec<Volume>,
}

/// A StatefulSet.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Set {
    /// `spec.replicas`.
    pub(super) replicas: usize,
    /// The names of its volume claim templates.
    pub(super) templates: Vec<String>,
    /// Why its claims would not survive that it is scaled down or deleted.
    pub(super) drops_claims: Option<Text>,
    /// Volumes of its pods beside that of the claim.
    pub(super) others: Vec<Other>,
    /// Finalizers of other controllers that hold it, its pods or its claims.
    pub(super) held: Vec<Text>,
}

/// One replica.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Replica {
    /// Its ordinal.
    pub(super) ordinal: usize,
    /// The name that its pod has or would have.
    pub(super) pod_name: String,
    /// The name that its claim has or should have.
    pub(super) claim_name: String,
    /// The node of its pod; `None` if there is no pod, or it has none yet.
    pub(super) pod_node: Option<String>,
    /// Its claim.
    pub(super) claim: Option<Claim>,
    /// The volume that the claim names.
    pub(super) volume: Option<Volume>,
    /// What is mounted at its directory, if that was looked up.
    pub(super) mounted: Option<Mounted>,
}

/// A claim.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Claim {
    /// Its UID.
    pub(super) uid: String,
    /// Its phase.
    pub(super) phase: String,
    /// The volume it names; empty if none.
    pub(super) volume: String,
    /// Whether it is being deleted.
    pub(super) deleting: bool,
    /// The node that an annotation names.
    pub(super) node: Option<String>,
}

/// A volume.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Volume {
    /// Its name.
    pub(super) name: String,
    /// Its UID.
    pub(super) uid: String,
    /// Its phase.
    pub(super) phase: String,
    /// Its reclaim policy.
    pub(super) reclaim_policy: String,
    /// Its directory on the node; `None` if it is not a local one.
    pub(super) path: Option<String>,
    /// The nodes that its affinity allows; `None` if it allows all.
    pub(super) nodes: Option<Vec<String>>,
    /// The node that an annotation names.
    pub(super) node: Option<String>,
    /// The claim it is bound to: namespace and name.
    pub(super) claim: String,
    /// The UID of that claim.
    pub(super) claim_uid: String,
}

/// What is mounted where a directory lies.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Mounted {
    /// The pair's device, links resolved.
    pub(super) device: String,
    /// The device that is mounted; `None` if the directory is not there.
    pub(super) source: Option<String>,
    /// Where it is mounted.
    pub(super) target: Option<String>,
}

impl Replica {
    /// Its node: its pod's, or else the only one from which its volume can be reached, or else the one that the volume or
    /// the claim names.
    pub(super) fn node(&self) -> Option<&str> {
        let volume = self.volume.as_ref();
        let only = || match volume.and_then(|volume| volume.nodes.as_deref()) {
            Some([one]) => Some(one.as_str()),
            _ => None,
        };
        let named = || volume.and_then(|volume| volume.node.as_deref());
        let selected = || self.claim.as_ref().and_then(|claim| claim.node.as_deref());
        self.pod_node.as_deref().or_else(only).or_else(named).or_else(selected)
    }
}

impl Facts {
    /// Sorts what was read by ordinal.
    pub(super) fn of(params: &Params, sources: &Sources, pairs: usize) -> Self {
        let spec = &sources.set["spec"];
        let templates = spec["volumeClaimTemplates"].as_array().into_iter().flatten();
        let templates = templates.map(|template| name(template).to_owned()).collect();
        let replicas = usize::try_from(spec["replicas"].as_u64().unwrap_or(1)).unwrap_or(usize::MAX);
        let prefix = format!("{}-{}-", params.claim, params.statefulset);
        let first = usize::try_from(spec["ordinals"]["start"].as_u64().unwrap_or(0)).unwrap_or(0);
        let ordinal = |claim: &Value| name(claim).strip_prefix(&prefix)?.parse::<usize>().ok()?.checked_sub(first);
        let ordinals = match replicas {
            0 => sources.claims.iter().filter_map(ordinal).map(|ordinal| ordinal + 1).max().unwrap_or(0).max(pairs),
            replicas => replicas,
        };
        let replicas_seen: Vec<Replica> =
            (0..ordinals).map(|ordinal| Replica::of(params, sources, &prefix, (ordinal, first))).collect();
        let used = |volume: &&Value| {
            let ours = |replica: &Replica| replica.volume.as_ref().is_some_and(|own| own.name == name(volume));
            matches!(text(&volume["status"]["phase"]), "Bound" | "Available") && !replicas_seen.iter().any(ours)
        };
        let others = sources.volumes.iter().filter(used).map(|volume| Volume::of(volume, &sources.nodes));
        let others = others.filter(|volume| volume.path.is_some()).collect();
        let named = Named { kind: &STATEFUL_SET, namespace: Some(&params.namespace), name: &params.statefulset };
        let policy = Retention::of(&sources.set).reason(named, &[Moment::Scaled, Moment::Deleted], 0);
        let drops_claims = policy.or_else(|| retention::deletion(named, &sources.set, &sources.claims));
        let set = Set {
            replicas,
            templates,
            drops_claims,
            others: others::of(&sources.set, &params.claim),
            held: others::held(sources, &prefix),
        };
        Self { set: Some(set), replicas: replicas_seen, others }
    }
}

impl Replica {
    fn of(params: &Params, sources: &Sources, prefix: &str, (ordinal, first): (usize, usize)) -> Self {
        // The set may count from another number than 0; the first replica is that of the first pair all the same.
        let number = first.saturating_add(ordinal);
        let pod_name = format!("{}-{number}", params.statefulset);
        let claim_name = format!("{prefix}{number}");
        let owned = |pod: &&Value| {
            let owners = pod["metadata"]["ownerReferences"].as_array().into_iter().flatten();
            name(pod) == pod_name && owners.clone().any(|owner| owner["uid"] == uid(&sources.set))
        };
        let pod = sources.pods.iter().find(owned);
        let claim = sources.claims.iter().find(|claim| name(claim) == claim_name).map(Claim::of);
        let named = |claim: &Claim| sources.volumes.iter().find(|volume| name(volume) == claim.volume);
        let volume = claim.as_ref().and_then(named).map(|volume| Volume::of(volume, &sources.nodes));
        let pod_node = pod.and_then(|pod| pod["spec"]["nodeName"].as_str()).map(str::to_owned);
        Self { ordinal, pod_name, claim_name, pod_node, claim, volume, mounted: None }
    }
}

fn annotated(object: &Value) -> Option<String> {
    let annotations = &object["metadata"]["annotations"];
    NODE_ANNOTATIONS.iter().find_map(|key| annotations[*key].as_str()).map(str::to_owned)
}

impl Claim {
    fn of(claim: &Value) -> Self {
        Self {
            uid: uid(claim).to_owned(),
            phase: text(&claim["status"]["phase"]).to_owned(),
            volume: text(&claim["spec"]["volumeName"]).to_owned(),
            deleting: deleting(claim),
            node: annotated(claim),
        }
    }
}

impl Volume {
    fn of(volume: &Value, nodes: &[Value]) -> Self {
        let spec = &volume["spec"];
        let path = [&spec["hostPath"]["path"], &spec["local"]["path"]].into_iter().find_map(Value::as_str);
        let claim = &spec["claimRef"];
        Self {
            name: name(volume).to_owned(),
            uid: uid(volume).to_owned(),
            phase: text(&volume["status"]["phase"]).to_owned(),
            reclaim_policy: text(&spec["persistentVolumeReclaimPolicy"]).to_owned(),
            path: path.map(|path| path.trim_end_matches('/').to_owned()),
            nodes: nodes_of_volume(volume, nodes),
            node: annotated(volume),
            claim: format!("{}/{}", text(&claim["namespace"]), text(&claim["name"])),
            claim_uid: text(&claim["uid"]).to_owned(),
        }
    }
}
