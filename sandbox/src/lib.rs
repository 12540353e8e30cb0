//! A simulated world: machines that answer the commands of the modules, and API servers with the controllers that
//! matter. It runs in this process on tokio's paused clock, so hours pass in milliseconds and the same seed gives the
//! same run. It proves playbooks, engine and argv; a conformance suite holds it to what real machines answer.

mod api;
mod base64;
mod build;
mod calls;
mod drbd;
mod etcd;
mod helm;
mod link;
mod machine;
mod mortal;
mod program;
mod programs;
mod sim;
mod snapshot;
mod spec;
pub mod stand_in;
mod strike;
#[cfg(test)]
mod testing;
mod unsimulated;
mod world;

pub use calls::{Ended, Received};
pub use mortal::Mortal;
pub use snapshot::Snapshot;
pub use spec::WorldSpec;
pub use strike::{At, Deed, Intervention, Strike, StrikeKind, Struck};
pub use unsimulated::{UNSIMULATED, Unsimulated};
pub use world::Sandbox;
