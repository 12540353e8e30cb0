//! The shipped playbooks in the sandbox: they do what they promise, and end well or safely whatever is wrong or breaks on the
//! way. One file for each kind of trouble.

mod again;
mod command_line;
mod execution;
mod general;
mod killed;
mod lost;
mod play;
mod ran;
mod seeds;
mod split_brain;
mod stage;
mod stale;
mod struck;
mod truth;
mod undone;
mod unharmed;
mod wrong_cluster;
mod wrong_data;
mod wrong_disks;
mod wrong_nodes;
