//! DRBD as a state machine: what a resource is on each machine, and how two of them meet, replicate, part and split.
//! The rules are those of DRBD 9 with two nodes and no quorum; 8.4 differs only in its tools. Not their words.

pub(crate) mod config;
mod handshake;
mod log;
mod meeting;
pub(crate) mod operations;
mod pair;
mod refusal;
mod resync;
mod settle;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use pair::peer_view;
pub(crate) use refusal::Refusal;
pub(crate) use settle::{count, settle, unanswered};

pub(crate) use super::resource::{
    Connection, DiskState, DrbdResource, End, Endpoint, Options, Peer, Progress, Replication, Shared,
};
pub(crate) use super::storage::{JUST_CREATED, Layout, Metadata};
