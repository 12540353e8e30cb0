//! The narrow waist: everything a run can touch. Real machines and clusters implement it, and so does the sandbox.

mod bounded;
mod transport;

use std::sync::Arc;

use futures_util::future::BoxFuture;

pub use bounded::Bound;
pub use cutover_protocol::caller::{CallSelector, Caller};
pub use cutover_protocol::command::{Command, quote};
pub use cutover_protocol::output::{Exit, Output};
pub use cutover_protocol::place::{Place, containers, default_container};
pub use cutover_protocol::request::{Answer, Request};
pub use cutover_protocol::transport_fault::TransportFault;
pub use transport::{Io, Transport, collect, collect_within, pipe};

use crate::clock::Clock;

/// Something that a world was asked for and does not simulate. What a run in it says of that is not proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Its name, by which a person accepts it: `chart`, `redis-cli`, `findmnt:--poll`.
    pub name: String,
    /// What it was, and what was done instead.
    pub what: String,
}

/// A world that runs happen in.
pub trait World: Clock {
    /// Returns the transport to a place; connects if there is no connection yet. One connection per host is shared.
    fn transport(&self, place: &Place) -> BoxFuture<'_, Result<Arc<dyn Transport>, TransportFault>>;

    /// Sends a request to the API server of its site and returns the answer, whatever its status. The context is always
    /// explicit, and the cluster's identity has been checked before.
    ///
    /// # Errors
    /// [`TransportFault::Unreachable`] or [`TransportFault::Busy`] if nothing was sent, [`TransportFault::Lost`] if it was sent and no answer came.
    fn request<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Answer, TransportFault>>;

    /// A view of this world for one caller, if the world tracks callers: a simulated one names every call. Everything sent through
    /// the view is attributed to that caller, however many tasks run in parallel.
    fn called_by(&self, _caller: Caller) -> Option<Arc<dyn World>> {
        None
    }

    /// What was asked for in the run and is not simulated, each once. A real world has no gaps.
    fn gaps(&self) -> Vec<Gap> {
        Vec::new()
    }

    /// Waits until every abandoned command has been killed on its host. A world that kills them at once has nothing to wait
    /// for.
    fn settle(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}
