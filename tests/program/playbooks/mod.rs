//! The shipped playbooks in the sandbox: they do what they promise, and end well or safely whatever is wrong or breaks on the
//! way. One file for each kind of trouble.

mod again;
mod between;
mod general;
mod guards;
mod obstacles;
mod split_brain;
mod stale;
mod switch;
mod wrong_cluster;
mod wrong_data;
mod wrong_disks;
mod wrong_nodes;
