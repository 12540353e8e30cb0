//! The kinds of interventions: what operators, controllers, GitOps, cron and nodes do to a world while a run goes on. Each says
//! whether it changed anything.

use cutover_testkit::Random;
use futures_util::future::BoxFuture;

use super::hand::Hand;
use super::{cluster, machines};

/// A kind of intervention.
pub(super) struct Kind {
    /// What is done.
    pub(super) name: &'static str,
    /// Does it.
    pub(super) act: for<'a> fn(&'a Hand, &'a mut Random) -> BoxFuture<'a, bool>,
}

macro_rules! kinds {
    ($($name:literal: $act:path,)*) => {
        /// Every kind.
        pub(super) const KINDS: &[Kind] = &[
            $(Kind { name: $name, act: |hand, random| Box::pin($act(hand, random)) },)*
        ];
    };
}

kinds! {
    "a client writes": cluster::client_writes,
    "the set is scaled up": cluster::scales_up,
    "the set is scaled up and down again": cluster::scales_up_and_down,
    "the set is scaled down": cluster::scales_down,
    "the standby's set is scaled up": cluster::scales_standby_up,
    "a pod is deleted": cluster::deletes_pod,
    "a claim is deleted": cluster::deletes_claim,
    "a volume is deleted": cluster::deletes_volume,
    "the set is deleted": cluster::deletes_set,
    "the set is made again": cluster::makes_set,
    "a claim is made": cluster::makes_claim,
    "the release is uninstalled": cluster::uninstalls,
    "the release is upgraded": cluster::upgrades,
    "the record is deleted": cluster::deletes_record,
    "a node loses its label": cluster::relabels,
    "a node is cordoned": cluster::cordons,
    "a node is tainted": cluster::taints,
    "a reclaim policy is changed": cluster::reclaims,
    "a retention policy is changed": cluster::retains,
    "something is annotated": cluster::annotates,
    "history is compacted": cluster::compacts,
    "a node is rebooted": machines::reboots,
    "a standby is promoted": machines::promotes,
    "a standby is promoted by force": machines::promotes_by_force,
    "an active replica is demoted": machines::demotes,
    "a file of DRBD is deleted": machines::deletes_resource,
    "a disk is detached": machines::detaches,
    "a replica is disconnected": machines::disconnects,
    "the link is cut for a while": machines::cuts_link,
    "a directory is unmounted": machines::unmounts,
    "something is mounted over a directory": machines::mounts_over,
    "a file system becomes read-only": machines::makes_read_only,
    "an original is written to": machines::writes_original,
    "a new volume is written to": machines::writes_new,
    "a backup is written to": machines::writes_backup,
    "a marker is put on the standby": machines::marks_standby,
}
