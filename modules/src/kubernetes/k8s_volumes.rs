//! `k8s_volumes`: the map from each replica of a StatefulSet to its claim, volume, node and directory, proven to be
//! one-to-one. Looks only. What is read is in `facts`, what must hold in `proof`.

mod facts;
mod others;
mod proof;
#[cfg(test)]
mod tests;

use cutover_engine::action::Done;
use cutover_engine::failure::Failure;
use cutover_engine::module::{self, Access, Context, Diff, Module, Targets};
use cutover_engine::reads;
use cutover_engine::subject::Subject;
use cutover_engine::world::Place;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::support::kubernetes::access;
use crate::support::kubernetes::kind::{CLAIM, NODE, STATEFUL_SET, VOLUME};
use crate::support::kubernetes::{self, judge_name, pod, selector, subjects};
use crate::support::storage::mounts;
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
    /// Whether it, its pods and these claims must be free of finalizers of other controllers: a snapshot controller or a queue that
    /// holds one of them would keep it from going when it is deleted. To be asked before anything is stopped.
    #[serde(default)]
    pub(crate) removable: bool,
    /// Other volumes of its pods that may stay behind, or are moved by other steps, by name: further volume claim templates, and
    /// claims and writable host directories that its template names. One that is not listed is refused, since its data would
    /// be left out.
    #[serde(default)]
    pub(crate) besides: Vec<String>,
}

/// What `register` keeps.
#[derive(Debug, Serialize, JsonSchema)]
struct VolumeMap {
    /// The namespace of the StatefulSet.
    namespace: String,
    /// Its name.
    statefulset: String,
    /// How many replicas it is to have (`spec.replicas`); null if there is no such StatefulSet.
    replicas: Option<usize>,
    /// One entry for each replica, in the order of the ordinals. At zero replicas: for each that has a claim or a pair.
    volumes: Vec<ReplicaVolume>,
}

/// The claim, volume, node and directory of one replica. All of them are known once the map is proven.
#[derive(Debug, Serialize, JsonSchema)]
struct ReplicaVolume {
    /// The position of the replica, from 0: its ordinal, unless the set counts from another number (`ordinals.start`); that of its
    /// pair, too.
    ordinal: usize,
    /// The name that its pod has, or would have.
    pod: String,
    /// The name of its PersistentVolumeClaim.
    claim: String,
    /// The UID of the claim; null if there is no such claim.
    claim_uid: Option<String>,
    /// The name of its PersistentVolume; null if it has none.
    pv: Option<String>,
    /// The UID of the volume; null if it has none.
    pv_uid: Option<String>,
    /// The node of its pod, or else the one on which its volume lies; null if that is not known.
    node: Option<String>,
    /// The directory of the volume on the node, without a slash at its end; null if it is not a local one.
    path: Option<String>,
    /// The reclaim policy of the volume: `Retain` or `Delete`; null if it has no volume.
    reclaim_policy: Option<String>,
    /// The DRBD resource of the pair with the same ordinal; null if the inventory has none.
    resource: Option<String>,
    /// The DRBD device of that pair at the target's site: `/dev/drbd0`; null if the inventory has none.
    device: Option<String>,
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

    const TARGETS: Targets = Targets::SITE;

    type Params = Params;
    type State = Facts;

    fn judge(params: &Params) -> Result<(), Failure> {
        judge_name(&params.namespace, "/namespace")?;
        judge_name(&params.statefulset, "/statefulset")?;
        judge_name(&params.claim, "/claim")
    }

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

    fn subjects(&self, task: &module::Facts, params: &Params) -> Option<Vec<Subject>> {
        let Params { namespace, statefulset, .. } = params;
        let site = task.site().ok()?;
        let mut subjects = subjects::of(site, None, &STATEFUL_SET.kind, Some(namespace), statefulset);
        subjects.push(subjects::all(site, &NODE, ""));
        let members = task.pairs().iter().filter_map(|pair| pair.members.get(site)).filter(|_| params.on_pairs);
        for member in members {
            let place = Place::node(site, &member.node);
            // Where the volumes lie is only known after a look.
            subjects.extend([Subject::device(&place, &member.device), Subject::path(&place, "/")]);
        }
        Some(subjects)
    }

    fn access(params: &Value) -> Vec<Access> {
        let Some(namespace) = access::namespace(params) else { return Vec::new() };
        let lists = ["Pod", "PersistentVolumeClaim"].map(|kind| Access::to(kind, Some(namespace), &["list"]));
        let everywhere = ["PersistentVolume", "Node"].map(|kind| Access::to(kind, None, &["list"]));
        let set = Access::to("StatefulSet", Some(namespace), &["get"]);
        set.into_iter().chain(lists.into_iter().chain(everywhere).flatten()).collect()
    }

    fn diff(&self, task: &module::Facts, params: &Params, facts: &Facts) -> Diff {
        let site = task.target().site().unwrap_or_default();
        let violations = proof::violations(params, site, task.pairs(), facts);
        if violations.is_empty() { Diff::InSync } else { Diff::refused(violations) }
    }

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<VolumeMap>()
    }

    fn result(&self, task: &module::Facts, params: &Params, facts: &Facts, _done: &[Done]) -> Value {
        let site = task.target().site().unwrap_or_default();
        json!(VolumeMap {
            namespace: params.namespace.clone(),
            statefulset: params.statefulset.clone(),
            replicas: facts.set.as_ref().map(|set| set.replicas),
            volumes: facts.replicas.iter().map(|replica| ReplicaVolume::of(task, site, replica)).collect(),
        })
    }
}

impl ReplicaVolume {
    fn of(task: &module::Facts, site: &str, replica: &facts::Replica) -> Self {
        let pair = task.pairs().get(replica.ordinal);
        let claim = replica.claim.as_ref();
        let volume = replica.volume.as_ref();
        Self {
            ordinal: replica.ordinal,
            pod: replica.pod_name.clone(),
            claim: replica.claim_name.clone(),
            claim_uid: claim.map(|claim| claim.uid.clone()),
            pv: volume.map(|volume| volume.name.clone()),
            pv_uid: volume.map(|volume| volume.uid.clone()),
            node: replica.node().map(str::to_owned),
            path: volume.and_then(|volume| volume.path.clone()),
            reclaim_policy: volume.map(|volume| volume.reclaim_policy.clone()),
            resource: pair.map(|pair| pair.resource.clone()),
            device: pair.and_then(|pair| pair.members.get(site)).map(|member| member.device.clone()),
        }
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
            return Err(crate::support::storage::failed(&findmnt, &found));
        }
        let pairs = mounts::pairs(found.stdout.lines().last().unwrap_or_default());
        let value = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        replica.mounted = Some(Mounted { device, source: value("SOURCE"), target: value("TARGET") });
    }
    Ok(())
}
