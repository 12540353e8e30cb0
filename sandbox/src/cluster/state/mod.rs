//! One simulated cluster as it is: its objects, what its nodes run, what is due later. Not the rules by which it changes.

mod cluster;
mod key;
mod objects;

pub(crate) use cluster::{Cluster, Process, Timer};
pub(crate) use key::{Key, key};
