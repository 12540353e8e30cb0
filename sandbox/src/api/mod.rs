//! A simulated Kubernetes API server for each site, with the controllers that matter.

/// Brings every cluster up to the present: pods that became ready, volumes that were provisioned, objects that are gone.
pub(crate) fn settle(_state: &mut crate::sim::State, _elapsed: std::time::Duration) {}
