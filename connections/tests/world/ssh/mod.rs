//! SSH against real sshds on loopback. Where there is no sshd the tests report that they were skipped.

mod commands;
mod login;
mod measure;
mod sshd;
mod stopping;
