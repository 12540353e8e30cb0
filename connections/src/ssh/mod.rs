//! SSH: one shared connection to each host, one channel for each command. Not files and not forwarding; a stream is a
//! command's standard input or output.
//!
//! `async-ssh2-tokio` connects and logs in with the key of a file. Where that is too little (an agent with several keys, questions and answers,
//! ways through other hosts) russh below it does. Known hosts are read here, as OpenSSH reads them. The channels are russh's own, because
//! the wrapper's `execute*` lose signals, block on a dropped input and leave the remote process running.

mod certificate;
mod config;
mod connect;
mod host;
mod host_key;
mod known_hosts;
mod link;
mod login;
mod login_shell;
mod offers;
mod pattern;
mod questions;
mod run;
mod session;

pub(crate) use config::{Settings, settings};
pub(crate) use host::{Host, Shell};
pub(crate) use login::{Login, Method};
