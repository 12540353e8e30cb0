//! SSH against real sshds on loopback. Where there is no sshd the tests report that they were skipped.

mod commands;
mod host_keys;
mod login;
mod measure;
mod sshd;
mod stopping;
