//! `k8s_volumes`: the map from each replica of a StatefulSet to its claim, volume, node and directory, proven to be
//! one-to-one. Looks only. What is read is in `facts`, what must hold in `proof`.

mod facts;
mod proof;
#[cfg(test)]
mod tests;

use cutover_engine::action::Done;
use cutover_engine::failure::Failure;
use cutover_engine::module::{self, Context, Diff, Module};
use cutover_engine::reads;
use cutover_engine::world::Place;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::kubernetes::kind::{CLAIM, NODE, STATEFUL_SET, VOLUME};
use crate::kubernetes::{self, pod, selector};
use crate::storage::mounts;
use facts::{Facts, Mounted, Sources};

/// The module.
#[derive(Clone, Copy)]
pub(crate) struct K8sVolumes;

/// Parameters of `k8s_volumes`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    /// The namespace of the StatefulSet.
    pub(crate) namespace: String,
    /// Its name. It may be at zero replicas: then the nodes come from the volumes, and the replicas from the claims that are
    /// there.
    pub(crate) statefulset: String,
    /// The name of its volume claim template.
    pub(crate) claim: String,
    /// Whether each replica must sit on the node of its own pair, and its directory on the pair's DRBD device. Looked up on
    /// the nodes.
    #[serde(default)]
    pub(crate) on_pairs: bool,
    /// Whether its claims must survive that it is scaled down or deleted: its `persistentVolumeClaimRetentionPolicy` does
    /// not say `Delete`, and it owns none of its claims. To be asked before anything is stopped.
    #[serde(default)]
    pub(crate) keeps_claims: bool,
}

impl Module for K8sVolumes {
    const NAME: &'static str = "k8s_volumes";
    const SUMMARY: &'static str =
        "Maps every replica to its claim, volume, node and directory, and proves the map one-to-one";
    const EXAMPLE: &'static str = r#"
name: Map every replica to its volume and node
target: active
k8s_volumes: {namespace: common, statefulset: common-etcd-etcd, claim: data}
register: old
"#;

    type Params = Params;
    type State = Facts;

    async fn probe(&self, cx: &Context, params: &Params) -> Result<Facts, Failure> {
        let namespace = Some(params.namespace.as_str());
        let Some(set) = kubernetes::get(cx, &STATEFUL_SET, namespace, &params.statefulset).await? else {
            return Ok(Facts::default());
        };
        let labels = selector::of_object(&set["spec"]["selector"]);
        let sources = Sources {
            pods: pod::select(cx, &params.namespace, &labels).await?,
            claims: kubernetes::list(cx, &CLAIM, namespace, "").await?,
            volumes: kubernetes::list(cx, &VOLUME, None, "").await?,
            nodes: kubernetes::list(cx, &NODE, None, "").await?,
            set,
        };
        let mut facts = Facts::of(params, &sources, cx.inventory().pairs.len());
        if params.on_pairs {
            look_on_nodes(cx, &mut facts).await?;
        }
        Ok(facts)
    }

    fn diff(&self, task: &module::Facts, params: &Params, facts: &Facts) -> Diff {
        let site = task.target().site().unwrap_or_default();
        let violations = proof::violations(params, site, task.pairs(), facts);
        if violations.is_empty() { Diff::InSync } else { Diff::refused(violations) }
    }

    /// `volumes`, in the order of the ordinals.
    fn result(&self, task: &module::Facts, params: &Params, facts: &Facts, _done: &[Done]) -> Value {
        let site = task.target().site().unwrap_or_default();
        let row = |replica: &facts::Replica| {
            let pair = task.pairs().get(replica.ordinal);
            let claim = replica.claim.as_ref();
            let volume = replica.volume.as_ref();
            json!({
                "ordinal": replica.ordinal,
                "pod": replica.pod_name,
                "claim": replica.claim_name,
                "claim_uid": claim.map(|claim| &claim.uid),
                "pv": volume.map(|volume| &volume.name),
                "pv_uid": volume.map(|volume| &volume.uid),
                "node": replica.node(),
                "path": volume.and_then(|volume| volume.path.as_ref()),
                "reclaim_policy": volume.map(|volume| &volume.reclaim_policy),
                "resource": pair.map(|pair| &pair.resource),
                "device": pair.and_then(|pair| pair.members.get(site)).map(|member| &member.device),
            })
        };
        json!({
            "namespace": params.namespace,
            "statefulset": params.statefulset,
            "replicas": facts.set.as_ref().map(|set| set.replicas),
            "volumes": facts.replicas.iter().map(row).collect::<Vec<_>>(),
        })
    }
}

/// Asks the node of each pair what is mounted where the directory of its replica lies.
async fn look_on_nodes(cx: &Context, facts: &mut Facts) -> Result<(), Failure> {
    let site = cx.site()?;
    for replica in &mut facts.replicas {
        let member = cx.inventory().pairs.get(replica.ordinal).and_then(|pair| pair.members.get(site));
        let path = replica.volume.as_ref().and_then(|volume| volume.path.clone());
        let (Some(member), Some(path)) = (member, path) else { continue };
        if replica.node() != Some(member.node.as_str()) {
            continue;
        }
        let place = Place::node(site, &member.node);
        let resolved = cx.read_at(&place, &reads::READLINK.of([&member.device])).await?;
        let device = match resolved.stdout.trim() {
            name if resolved.success() && !name.is_empty() => name.to_owned(),
            _ => member.device.clone(),
        };
        // `-P` and not `-J`, which the util-linux of CentOS 7 does not know. It finds nothing for a path that is not there.
        let findmnt = reads::FINDMNT_SOURCE_TARGET.of([&path]).accept([1]);
        let found = cx.read_at(&place, &findmnt).await?;
        if !found.accepted_by(&findmnt) {
            return Err(crate::storage::failed(&findmnt, &found));
        }
        let pairs = mounts::pairs(found.stdout.lines().last().unwrap_or_default());
        let value = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        replica.mounted = Some(Mounted { device, source: value("SOURCE"), target: value("TARGET") });
    }
    Ok(())
}
