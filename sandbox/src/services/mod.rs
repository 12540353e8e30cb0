//! The services that run in the pods of a world. What a service is, [`Service`] says.

pub(crate) mod etcd;
#[cfg(test)]
mod tests;

use crate::cluster::Service;

/// Every service.
pub(crate) const ALL: &[&dyn Service] = &[&etcd::Etcd];
