//! A simulated Kubernetes API server for each site, with the controllers that matter.

mod cluster;
mod controllers;
mod defaults;
mod exec;
mod kind;
mod objects;
mod patch;
mod problem;
mod routes;
mod selector;
mod service;
mod store;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) use cluster::{Cluster, Key, key};
pub(crate) use controllers::{PROVISIONER, SELECTED_NODE};
pub(crate) use exec::exec_refused;
pub(crate) use kind::of_path as kind_of_path;
pub(crate) use problem::Problem;
pub(crate) use service::{answer, carry_out};
pub(crate) use store::{DeleteOptions, create, delete, kind_of, replace};

use crate::sim::State;

/// Brings every cluster up to the present: pods that became ready, volumes that were provisioned, objects that are gone.
pub(crate) fn settle(state: &mut State, elapsed: Duration) {
    let mut clusters = std::mem::take(&mut state.clusters);
    for cluster in clusters.values_mut() {
        controllers::settle(cluster, &mut state.machines, elapsed);
    }
    state.clusters = clusters;
}

/// The clusters of a world by site.
pub(crate) type Clusters = BTreeMap<String, Cluster>;
