//! Modules of DRBD.

mod drbd_freshness;
mod drbd_resource;
mod drbd_role;
mod drbd_split_brain;
mod drbd_sync;
mod site_lost;
#[cfg(test)]
mod tests;

pub(crate) use drbd_freshness::DrbdFreshness;
pub(crate) use drbd_resource::DrbdResource;
pub(crate) use drbd_role::DrbdRole;
pub(crate) use drbd_split_brain::DrbdSplitBrain;
pub(crate) use drbd_sync::DrbdSync;
pub(crate) use site_lost::SiteLost;
