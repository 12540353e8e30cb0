//! What a world is made of at first, derived from an inventory: its machines, and its clusters with the workload that runs there.

mod clusters;
mod machines;

pub(super) use clusters::clusters;
pub(super) use machines::machines;
