//! etcd as far as a move of its data can go wrong: identity, quorum, what is on disk. Not its protocol or its performance.

mod chart;
mod data;
mod dataset;
mod disk;
mod etcdctl;
mod group;
mod groups;

use serde_json::Value;

use crate::cluster::{Chart, Clusters, Running, Service, Stored};
use crate::kernel::WorldSpec;
use crate::machine::program::Program;
use crate::machine::{Errno, Machine};

/// etcd.
pub(crate) struct Etcd;

impl Service for Etcd {
    fn chart(&self) -> Chart {
        chart::chart()
    }

    fn running(&self) -> Box<dyn Running> {
        Box::new(groups::Groups::default())
    }

    fn clients(&self) -> &'static [&'static dyn Program<Clusters>] {
        &[&etcdctl::Etcdctl]
    }

    fn stored(&self, path: &str, bytes: &[u8]) -> Option<Stored> {
        disk::stored(path, bytes)
    }

    fn furnish(
        &self,
        machine: &mut Machine,
        path: &str,
        (set, pod): (&Value, &str),
        spec: &WorldSpec,
        then: i128,
    ) -> Result<(), Errno> {
        let config = dataset::config(&set["spec"]["template"]["spec"]["containers"][0]["env"], pod);
        dataset::write(machine, path, spec, &config, then)
    }
}

/// The revisions of the members that run in a cluster.
#[cfg(test)]
pub(crate) fn revisions(cluster: &crate::cluster::Cluster) -> Vec<u64> {
    let groups = cluster.service::<groups::Groups>().expect("etcd is one of the services");
    groups.0.values().flat_map(|group| group.members.values().map(|member| member.data.revision)).collect()
}
