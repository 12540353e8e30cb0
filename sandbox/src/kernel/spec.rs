//! The world file: sizes, speeds and oddities of the simulated world, with defaults that resemble the manual's
//! environment. The machines and clusters themselves come from the inventory.

use std::collections::BTreeMap;
use std::time::Duration;

use cutover_engine::duration::HumanDuration;
use cutover_engine::inventory::Inventory;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::rights::Rights;
use super::strike::Strike;

/// What a world file may set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WorldSpec {
    /// The instant at which the simulated world begins, UTC (RFC 3339).
    pub starts: String,
    /// Size of each spare (DRBD backing) disk, in bytes.
    pub disk_bytes: u64,
    /// What spare disks already carry, by `site/node`: `LVM2_member`, `dos`, `gpt`, `ext4`. Blank unless named.
    pub spare_disks: BTreeMap<String, String>,
    /// Features of file systems that a machine's kernel or tools do not know, by `site/node`: `metadata_csum_seed` and `orphan_file`
    /// of ext4, `bigtime` and `nrext64` of XFS. The machine does not mount, or does not check, what a newer `mkfs` makes.
    pub unknown_features: BTreeMap<String, Vec<String>>,
    /// Size of each member's data, in bytes.
    pub data_bytes: u64,
    /// Throughput of the link between the sites, in bytes per second.
    pub link_bytes_per_second: u64,
    /// Round-trip time of the link between the sites, in milliseconds.
    pub link_rtt_ms: u64,
    /// Sequential throughput of a disk, in bytes per second.
    pub disk_bytes_per_second: u64,
    /// What one command on a host costs, connection included.
    pub command_time: HumanDuration,
    /// From a pod's creation to its container running.
    pub pod_start: HumanDuration,
    /// From running to ready.
    pub pod_ready: HumanDuration,
    /// From deletion to gone.
    pub pod_stop: HumanDuration,
    /// DRBD's version on the nodes: `9.2.14` or `8.4.11`.
    pub drbd_version: String,
    /// The version of Kubernetes of both clusters: `1.20` or `1.36`.
    pub kubernetes_version: String,
    /// What the user of the kubeconfigs may do on both clusters; everything by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rights: Option<Rights>,
    /// The workload the world begins with.
    pub workload: Workload,
    /// Objects that are in the clusters beside it, by site: manifests, as kubectl takes them.
    pub objects: BTreeMap<String, Vec<Value>>,
    /// What breaks, and at which call of the playbook that is rehearsed.
    pub strikes: Vec<Strike>,
}

/// The StatefulSet that runs on the active site when the world begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Workload {
    /// Its namespace.
    pub namespace: String,
    /// The chart that it is an installation of: the name of a service that the sandbox simulates.
    pub chart: String,
    /// Its Helm release.
    pub release: String,
    /// Its name.
    pub statefulset: String,
    /// Its replicas.
    pub replicas: usize,
    /// Its volume claim template.
    pub claim: String,
    /// The nodes its pods sit on at first, by ordinal; by default nodes without a pair.
    pub nodes: Vec<String>,
    /// Where the hostpath provisioner puts volumes.
    pub hostpath: String,
    /// The user id that owns the data; odd on purpose.
    pub uid: u32,
    /// The group id that owns the data.
    pub gid: u32,
}

impl Default for WorldSpec {
    fn default() -> Self {
        let seconds = |seconds| HumanDuration(Duration::from_secs(seconds));
        Self {
            starts: "2026-01-17T22:00:00Z".to_owned(),
            disk_bytes: 20 << 30,
            spare_disks: BTreeMap::new(),
            unknown_features: BTreeMap::new(),
            data_bytes: 2 << 30,
            link_bytes_per_second: 110_000_000,
            link_rtt_ms: 2,
            disk_bytes_per_second: 180_000_000,
            command_time: HumanDuration(Duration::from_millis(60)),
            pod_start: seconds(4),
            pod_ready: seconds(9),
            pod_stop: seconds(6),
            drbd_version: "9.2.14".to_owned(),
            kubernetes_version: "1.36".to_owned(),
            rights: None,
            workload: Workload::default(),
            objects: BTreeMap::new(),
            strikes: Vec::new(),
        }
    }
}

/// The longest time that a world file may say: a day.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

impl WorldSpec {
    /// Refuses sizes, speeds and times that no site has, and with which nothing could be computed.
    ///
    /// # Errors
    /// Names the value and what it may be.
    pub(crate) fn check(&self, inventory: &Inventory) -> Result<(), String> {
        let Workload { replicas, .. } = &self.workload;
        let numbers = [
            ("workload.replicas", u64::try_from(*replicas).unwrap_or(u64::MAX), 0, 1000),
            ("disk_bytes", self.disk_bytes, 1 << 20, 1 << 50),
            ("data_bytes", self.data_bytes, 0, 1 << 50),
            ("link_bytes_per_second", self.link_bytes_per_second, 1, 1 << 40),
            ("link_rtt_ms", self.link_rtt_ms, 0, 60_000),
            ("disk_bytes_per_second", self.disk_bytes_per_second, 1, 1 << 40),
        ];
        for (name, number, least, most) in numbers {
            if number < least || number > most {
                return Err(format!("`{name}: {number}`: it may be {least} to {most}"));
            }
        }
        let machines = self.spare_disks.keys().map(|name| ("spare_disks", name));
        for (field, name) in machines.chain(self.unknown_features.keys().map(|name| ("unknown_features", name))) {
            let found = name.split_once('/').and_then(|(site, node)| inventory.sites.get(site)?.nodes.get(node));
            if found.is_none() {
                return Err(format!("`{field}`: the inventory has no `{name}` (a site and a node)"));
            }
        }
        let times = [
            ("command_time", self.command_time),
            ("pod_start", self.pod_start),
            ("pod_ready", self.pod_ready),
            ("pod_stop", self.pod_stop),
        ];
        for (name, time) in times {
            if time.0 > LONGEST {
                return Err(format!("`{name}: {time}`: it may be a day at most"));
            }
        }
        Ok(())
    }
}

impl Default for Workload {
    fn default() -> Self {
        Self {
            namespace: "common".to_owned(),
            chart: "etcd".to_owned(),
            release: "common-etcd".to_owned(),
            statefulset: "common-etcd-etcd".to_owned(),
            replicas: 3,
            claim: "data".to_owned(),
            nodes: Vec::new(),
            hostpath: "/data/vmdata/hpvolumes".to_owned(),
            uid: 1001,
            gid: 1002,
        }
    }
}
