//! The clusters of a running world by site, on its machines: what a program of a pod or of the controller works with.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use super::chart::{Chart, ChartLook};
use super::controllers;
use super::state::Cluster;
use crate::kernel::calls::Comeback;
use crate::kernel::{Clock, lock};
use crate::machine::program::Program;
use crate::machine::{Hosts, Machines, drbd, programs};

/// The clusters of a world.
pub(crate) struct Clusters {
    /// What they run on.
    pub(crate) hosts: Hosts,
    /// The charts on the controller.
    pub(crate) charts: Arc<Vec<Chart>>,
    /// How to find out what is on the controller where a chart is named.
    pub(crate) chart_look: Arc<OnceLock<ChartLook>>,
    /// The programs of the services' clients.
    pub(crate) clients: Arc<Vec<&'static dyn Program<Self>>>,
    /// Taken before the machines, by whoever needs both.
    by_site: Mutex<BTreeMap<String, Cluster>>,
}

impl Clusters {
    /// A world without clusters.
    pub(crate) fn new(hosts: Hosts, charts: Vec<Chart>, clients: Vec<&'static dyn Program<Self>>) -> Self {
        Self {
            hosts,
            charts: Arc::new(charts),
            chart_look: Arc::default(),
            clients: Arc::new(clients),
            by_site: Mutex::default(),
        }
    }

    /// A copy that goes on by itself, by a clock of its own.
    pub(crate) fn copy(&self, clock: Clock) -> Self {
        Self {
            hosts: self.hosts.copy(clock),
            charts: Arc::clone(&self.charts),
            chart_look: Arc::clone(&self.chart_look),
            clients: Arc::clone(&self.clients),
            by_site: Mutex::new(self.by_site().clone()),
        }
    }

    /// The clusters by site.
    pub(crate) fn by_site(&self) -> MutexGuard<'_, BTreeMap<String, Cluster>> {
        lock(&self.by_site)
    }

    /// Whether a site has an API server, and it answers.
    pub(crate) fn answers(&self, site: &str) -> bool {
        self.by_site().get(site).is_some_and(|cluster| cluster.answers)
    }

    /// Brings the world up to the present: what comes back by itself, DRBD, and every cluster. Called before and after every command
    /// and request; nothing runs in between.
    pub(crate) fn settle(&self) {
        let elapsed = self.hosts.kernel.clock.elapsed();
        let (mut clusters, mut machines) = (self.by_site(), self.hosts.machines());
        let (clusters, machines) = (&mut *clusters, &mut *machines);
        loop {
            let due = self.hosts.kernel.calls().due.take_due(elapsed);
            let Some((at, what)) = due else { break };
            let at = at.max(machines.drbd.settled);
            drbd::settle(machines, at);
            settle(clusters, machines, at);
            match what {
                Comeback::Links(links) => links.iter().for_each(|(a, b)| machines.links_mut().set(a, b, true)),
                Comeback::Power(site, node) => {
                    if let Some(id) = machines.find(&site, &node) {
                        programs::boot(machines, id);
                    }
                }
            }
            drbd::settle(machines, at);
            // What follows from it, such as pods that start again, takes its time from then on, however late anybody looks.
            settle(clusters, machines, at);
        }
        drbd::settle(machines, elapsed);
        settle(clusters, machines, elapsed);
        drbd::settle(machines, elapsed);
    }

    /// Changes the machines or the network between two looks at the world.
    pub(crate) fn disturb<T>(&self, change: impl FnOnce(&mut Machines) -> T) -> T {
        self.settle();
        let done = change(&mut self.hosts.machines());
        self.settle();
        done
    }
}

/// Brings every cluster up to a moment: pods that became ready, volumes that were provisioned, objects that are gone.
fn settle(clusters: &mut BTreeMap<String, Cluster>, machines: &mut Machines, elapsed: Duration) {
    for cluster in clusters.values_mut() {
        controllers::settle(cluster, machines, elapsed);
    }
}
