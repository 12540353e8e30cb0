//! The world as it is before any playbook has run, derived from the inventory and the world file.

mod machines;

pub(crate) use machines::machines;
