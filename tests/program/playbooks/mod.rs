//! The shipped playbooks in the sandbox: that they do what they promise, and what becomes of them when anything at all is
//! wrong or breaks on the way. One file for each kind of trouble.

mod again;
mod general;
mod split_brain;
mod stale;
mod wrong_cluster;
mod wrong_data;
mod wrong_disks;
mod wrong_nodes;
