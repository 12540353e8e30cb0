//! The real world: SSH hosts, local processes, containers, pods and API servers, as an inventory describes them.
//!
//! It implements [`cutover_engine::world::World`] and nothing else; no module and no reporter is known here. Nothing is
//! printed, and nothing is taken from the environment but what the client libraries themselves define (`SSH_AUTH_SOCK`).

mod attempt;
mod container;
mod endings;
mod hearing;
mod kubeconfig;
mod kubernetes;
mod local;
mod marker;
mod paths;
mod plugin;
mod pod;
mod real;
mod silence;
mod ssh;
mod wrapper;
mod x509;

pub use kubeconfig::{Flaw, flaws};
pub use real::RealWorld;

/// Whether this is how a connection ends that the other side cuts.
fn is_cut(kind: std::io::ErrorKind) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(kind, BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
}
