//! SSH: one shared connection to each host, one channel for each command. Not files and not forwarding; a stream is a
//! command's standard input or output.
//!
//! `async-ssh2-tokio` connects, logs in and knows the known hosts; the channels are russh's own, because the wrapper's
//! `execute*` lose signals, block on a dropped input and leave the remote process running.

mod connect;
mod host;
mod host_key;
mod link;
mod login;
mod run;

pub(crate) use host::{Host, Shell};
pub(crate) use login::{Login, Method};
