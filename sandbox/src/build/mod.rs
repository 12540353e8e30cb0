//! The world as it is before any playbook has run, derived from the inventory and the world file.

mod clusters;
mod dataset;
mod machines;

pub(crate) use clusters::clusters;
pub(crate) use machines::machines;
