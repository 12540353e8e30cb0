//! DRBD as a state machine: what a resource is on each machine, and how two of them meet, replicate, part and split.
//! The rules are those of DRBD 9 with two nodes and no quorum; 8.4 differs only in its tools. Not their words.

mod agenda;
pub(crate) mod config;
mod handshake;
mod log;
mod meeting;
mod metadata;
pub(crate) mod operations;
mod pair;
mod power;
mod refusal;
mod resource;
mod resync;
mod settle;
mod shared;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use metadata::{JUST_CREATED, Layout, Metadata};
pub(crate) use pair::{End, peer_view};
pub(crate) use refusal::Refusal;
pub(crate) use resource::{Connection, DiskState, DrbdResource, Endpoint, Options, Peer, Replication};
pub(crate) use settle::{count, settle, unanswered};
pub(crate) use shared::Shared;
