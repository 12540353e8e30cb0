//! One simulated cluster as it is: its objects, what its nodes run, what is due later. Not the rules by which it changes.

mod cluster;
mod objects;

pub(crate) use cluster::{Cluster, Key, Process, Timer, key};
