//! What happens to resources by themselves, and when: peers that meet or are given up, resyncs and verifications that end.
//! So nothing else has to be looked at while time passes. What happens then is decided in [`super::settle`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{End, MachineId};

/// The events that are due, and how far all resyncs have come. A copy shares its lists until one of the two changes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Agenda {
    /// What has moved so far in each resync that has run since the world began: all that run have the same pace. In bytes
    /// times 10^9, so that a rate times nanoseconds needs no rounding.
    moved: u128,
    /// Made anew from the resources when a stored world is taken up.
    #[serde(skip)]
    lists: Arc<Lists>,
}

#[derive(Debug, Clone, Default)]
struct Lists {
    /// When an end meets its peer or gives up on it.
    due: BTreeMap<End, Duration>,
    /// The same by time.
    by_time: BTreeSet<(Duration, End)>,
    /// The ends that drive a resync or verification, with the peer's end and what will have moved when it is done.
    running: BTreeMap<End, (Option<End>, u128)>,
    /// The same by what will have moved.
    by_move: BTreeSet<(u128, End)>,
    /// The drivers by the other end.
    driver_of: BTreeMap<End, End>,
    /// The ends whose peer has an address.
    towards: BTreeMap<String, BTreeSet<End>>,
}

impl Agenda {
    fn lists(&mut self) -> &mut Lists {
        Arc::make_mut(&mut self.lists)
    }

    /// How many resyncs and verifications run.
    pub(crate) fn running(&self) -> usize {
        self.lists.running.len()
    }

    /// When the next thing happens, if each resync runs at a rate in bytes per second from now on.
    pub(crate) fn next(&self, now: Duration, rate: u64) -> Option<Duration> {
        let meeting = self.lists.by_time.first().map(|(due, _)| *due);
        let done = self.lists.by_move.first().map(|(moved, _)| {
            let nanos = moved.saturating_sub(self.moved).div_ceil(u128::from(rate));
            now.saturating_add(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
        });
        [meeting, done].into_iter().flatten().min()
    }

    /// Lets all that run come forward, each at a rate in bytes per second.
    pub(crate) fn advance(&mut self, time: Duration, rate: u64) {
        if !self.lists.running.is_empty() {
            self.moved += u128::from(rate) * time.as_nanos();
        }
    }

    /// What has moved so far in each resync that has run since the world began.
    pub(crate) fn moved(&self) -> u128 {
        self.moved
    }

    /// Takes the ends to which something happens up to a moment.
    pub(crate) fn take_due(&mut self, now: Duration) -> BTreeSet<End> {
        let moved = self.moved;
        let mut ends: BTreeSet<End> =
            self.lists.by_move.iter().take_while(|(end, _)| *end <= moved).map(|(_, end)| end.clone()).collect();
        let due: Vec<End> =
            self.lists.by_time.iter().take_while(|(due, _)| *due <= now).map(|(_, end)| end.clone()).collect();
        for end in due {
            self.plan(&end, None);
            ends.insert(end);
        }
        ends
    }

    /// Plans when an end meets its peer or gives up on it, or that it does neither.
    pub(crate) fn plan(&mut self, end: &End, due: Option<Duration>) {
        if self.lists.due.get(end) == due.as_ref() {
            return;
        }
        let lists = self.lists();
        if let Some(old) = lists.due.remove(end) {
            lists.by_time.remove(&(old, end.clone()));
        }
        if let Some(due) = due {
            lists.due.insert(end.clone(), due);
            lists.by_time.insert((due, end.clone()));
        }
    }

    /// Forgets an end that is no more.
    pub(crate) fn forget(&mut self, end: &End) {
        self.plan(end, None);
        if self.lists.towards.values().any(|ends| ends.contains(end)) {
            self.lists().towards.values_mut().for_each(|ends| {
                ends.remove(end);
            });
        }
    }

    /// Keeps the address at which an end looks for its peer.
    pub(crate) fn know(&mut self, end: &End, peer_address: &str) {
        if !self.lists.towards.get(peer_address).is_some_and(|ends| ends.contains(end)) {
            self.lists().towards.entry(peer_address.to_owned()).or_default().insert(end.clone());
        }
    }

    /// The ends that a machine's state matters to, its own left out that nobody has planned anything for: those with something
    /// planned there, and those that look for their peer at its address.
    pub(crate) fn known(&self, machine: MachineId, address: &str) -> Vec<End> {
        let first: End = (machine, Arc::from(""));
        let own = self.lists.due.range(first.clone()..).map(|(end, _)| end).take_while(|end| end.0 == machine);
        let drivers = self.lists.running.range(first..).map(|(end, _)| end).take_while(|end| end.0 == machine);
        own.chain(drivers).chain(self.lists.towards.get(address).into_iter().flatten()).cloned().collect()
    }

    /// Whether an end drives a resync or verification that has joined.
    pub(crate) fn runs(&self, end: &End) -> bool {
        self.lists.running.contains_key(end)
    }

    /// Whether the resync or verification that an end drives has nothing left.
    pub(crate) fn is_done(&self, end: &End) -> bool {
        self.lists.running.get(end).is_some_and(|(_, done)| *done <= self.moved)
    }

    /// The driver and the other end of the resync or verification that an end takes part in.
    pub(crate) fn pair(&self, end: &End) -> Option<(End, Option<End>)> {
        let driver = if self.runs(end) { end } else { self.lists.driver_of.get(end)? };
        let (other, _) = self.lists.running.get(driver)?;
        Some((driver.clone(), other.clone()))
    }

    /// Adds a driver that has as much left as it says.
    pub(crate) fn join(&mut self, driver: &End, other: Option<End>, left: u128) {
        let done = self.moved + left;
        let lists = self.lists();
        if let Some(other) = &other {
            lists.driver_of.insert(other.clone(), driver.clone());
        }
        lists.running.insert(driver.clone(), (other, done));
        lists.by_move.insert((done, driver.clone()));
    }

    /// Takes a driver out.
    pub(crate) fn leave(&mut self, driver: &End) {
        let lists = self.lists();
        let Some((other, done)) = lists.running.remove(driver) else { return };
        lists.by_move.remove(&(done, driver.clone()));
        if let Some(other) = other {
            lists.driver_of.remove(&other);
        }
    }
}
