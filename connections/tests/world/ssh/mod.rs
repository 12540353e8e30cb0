//! SSH against real sshds on loopback. Where there is no sshd the tests say that they were skipped.

mod commands;
mod login;
mod measure;
mod sshd;
mod stopping;
