//! A simulated world: machines that answer the commands of the modules, and API servers with the controllers that
//! matter. It runs in this process on tokio's paused clock, so hours pass in milliseconds and the same seed yields the
//! same run. It proves playbooks, engine and argv; a conformance suite holds it to what real machines answer.
//!
//! It is built in floors, each of which knows those below it alone: `kernel`, `machine`, `cluster`, `services`, and on top `world`,
//! the door. `stand_in` is a second door, to the machines.

mod cluster;
mod kernel;
mod machine;
mod services;
pub mod stand_in;
#[cfg(test)]
mod testing;
mod world;

pub use cluster::{ChartAt, ChartLook};
pub use kernel::calls::{Ended, Received};
pub use kernel::strike::{At, Deed, Intervention, Strike, StrikeKind, Struck};
pub use kernel::{Rights, Rule, WorldSpec};
pub use world::{DataCopy, Inspection, Inspector, PodOnVolume, Portrait, ServedData};
pub use world::{Mortal, Part, Sandbox, Snapshot, UNSIMULATED, Unsimulated};
