//! The members of one etcd cluster that run right now: who leads, who lags, who may not take part.

use std::collections::{BTreeMap, BTreeSet};

use super::data::{Config, Data};
use super::disk::Volume;
use crate::cluster::Crash;

/// A running member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    /// The pod's name.
    pub(crate) pod: String,
    /// The node it runs on.
    pub(crate) node: String,
    /// Its data directory.
    pub(crate) volume: Volume,
    /// How it was started.
    pub(crate) config: Config,
    /// Its data.
    pub(crate) data: Data,
    /// Whether the data on disk lags behind.
    pub(crate) dirty: bool,
    /// Whether its data says that it is the member its peers expect at its address. With another one's data it never is.
    itself: bool,
}

/// The running members of one cluster, by pod UID.
#[derive(Debug, Clone, Default)]
pub(crate) struct Group {
    /// The members.
    pub(crate) members: BTreeMap<String, Member>,
    /// The leader's pod UID.
    pub(crate) leader: Option<String>,
    /// Whether members have come, gone or changed since they last met.
    pub(crate) stirred: bool,
    /// Those that could vote together when they last met, by pod UID.
    voting: BTreeSet<String>,
}

impl Member {
    /// A member that has just opened its data.
    pub(crate) fn new(pod: &str, node: &str, volume: Volume, config: Config, data: Data) -> Self {
        let itself = config.members().iter().any(|member| member.name == config.name && member.id == data.member_id);
        Self { pod: pod.to_owned(), node: node.to_owned(), volume, config, data, dirty: false, itself }
    }

    /// Whether nothing was ever written to it.
    fn is_new(&self) -> bool {
        self.data.revision <= 1
    }
}

impl Group {
    /// Adds a member that has just started.
    pub(crate) fn join(&mut self, uid: &str, member: Member) {
        self.members.insert(uid.to_owned(), member);
        self.stirred = true;
    }

    /// Takes a member out whose process has ended.
    pub(crate) fn part(&mut self, uid: &str) {
        self.stirred |= self.members.remove(uid).is_some();
    }

    /// Lets the members find each other: elects a leader when there is a quorum, lets those behind catch up. Returns the
    /// members that panic.
    pub(crate) fn meet(&mut self) -> Vec<Crash> {
        let voters = self.voters();
        self.voting = voters.iter().cloned().collect();
        if !self.leader.as_ref().is_some_and(|leader| voters.contains(leader)) {
            self.leader = self.elect(&voters);
        }
        let Some(leader) = self.leader.clone() else { return Vec::new() };
        let truth = self.members[&leader].data.clone();
        let mut crashes = Vec::new();
        for uid in voters.iter().filter(|uid| **uid != leader) {
            let Some(member) = self.members.get_mut(uid) else { continue };
            if member.data.index > truth.index || member.data.revision > truth.revision {
                let (own, last) = (member.data.index, truth.index);
                let message = format!(
                    "tocommit({own}) is out of range [lastIndex({last})]. Was the raft log corrupted, truncated, or lost?"
                );
                crashes.push(Crash { uid: uid.clone(), message });
            } else if (member.data.index, member.data.term) != (truth.index, truth.term) {
                member.data = Data { member_id: member.data.member_id, ..truth.clone() };
                member.dirty = true;
            }
        }
        crashes
    }

    /// Whether a member serves: it takes part in a quorum that has a leader.
    pub(crate) fn serves(&self, uid: &str) -> bool {
        self.leader.is_some() && self.voting.contains(uid)
    }

    /// The members that can vote together, if they are a quorum.
    fn voters(&self) -> Vec<String> {
        let mut clusters: BTreeMap<u64, Vec<String>> = BTreeMap::new();
        for (uid, member) in self.members.iter().filter(|(_, member)| member.itself) {
            clusters.entry(member.data.cluster_id).or_default().push(uid.clone());
        }
        let mut quorate = clusters.into_values().filter(|voters| {
            let size = voters.first().map_or(0, |uid| self.members[uid].data.members.len());
            voters.len() > size / 2
        });
        quorate.next().unwrap_or_default()
    }

    fn elect(&mut self, voters: &[String]) -> Option<String> {
        let rank = |uid: &String| {
            let data = &self.members[uid].data;
            (data.index, data.term, std::cmp::Reverse(data.member_id))
        };
        let leader = voters.iter().max_by_key(|uid| rank(uid))?.clone();
        let term = voters.iter().map(|uid| self.members[uid].data.term).max().unwrap_or(1) + 1;
        let new = voters.iter().all(|uid| self.members[uid].is_new());
        let member = self.members.get_mut(&leader)?;
        member.data.term = term;
        // The new leader commits an entry of its own term.
        member.data.index += if new { 2 } else { 1 };
        member.dirty = true;
        Some(leader)
    }

    /// Changes the data of every member that takes part. `None` if there is no leader.
    pub(crate) fn commit<T>(&mut self, work: impl Fn(&mut Data) -> T) -> Option<T> {
        self.leader.as_ref()?;
        self.stirred = true;
        let mut done = None;
        for uid in self.voters() {
            let member = self.members.get_mut(&uid)?;
            done = Some(work(&mut member.data));
            member.dirty = true;
        }
        done
    }
}
