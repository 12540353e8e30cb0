//! The door of a simulated world: transports to its places, answers of its API servers, strikes, snapshots; and how a world is built
//! from an inventory.

mod build;
mod calls;
mod carry_out;
mod inspection;
mod mortal;
mod power;
mod requests;
mod sandbox;
mod snapshot;
mod strikes;
#[cfg(test)]
mod tests;
mod unsimulated;

pub use inspection::{DataCopy, Inspection, Inspector, PodOnVolume, Portrait, ServedData};
pub use mortal::Mortal;
pub use power::Part;
pub use sandbox::Sandbox;
pub use snapshot::Snapshot;
pub use unsimulated::{UNSIMULATED, Unsimulated};
