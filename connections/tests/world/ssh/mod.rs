//! SSH against real sshds on loopback. Where there is no sshd the tests report that they were skipped.

mod commands;
mod host_keys;
mod login;
mod login_shells;
mod measure;
pub(crate) mod sshd;
mod stopping;
