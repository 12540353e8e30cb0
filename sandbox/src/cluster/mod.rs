//! The clusters of a world: API servers, controllers, scheduler, kubelets, and helm's releases in them. Which services run there it
//! does not know: see [`Service`].

pub(crate) mod api;
mod chart;
mod clusters;
pub(crate) mod controllers;
mod exec;
pub(crate) mod helm;
mod quantity;
mod running;
mod service;
pub(crate) mod state;
mod version;

pub(crate) use chart::{Chart, Release, merge_values};
pub use chart::{ChartAt, ChartLook};
pub(crate) use clusters::Clusters;
pub(crate) use controllers::{PROVISIONER, SELECTED_NODE};
pub(crate) use exec::{exec_forbidden, exec_refused};
pub(crate) use running::{Container, Crash, Running, Served, Settled, Start};
pub(crate) use service::{Service, Stored};
pub(crate) use state::{Cluster, key};
pub(crate) use version::Version;
