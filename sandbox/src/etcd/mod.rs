//! etcd as far as a move of its data can go wrong: identity, quorum, what is on disk. Not its protocol or its performance.

mod data;
mod disk;
mod group;

pub(crate) use data::{Config, Data, Entry, MemberInfo};
pub(crate) use disk::{DB, Volume};
pub(crate) use group::{Crash, Group, Member};
