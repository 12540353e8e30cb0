//! Runs, resumes and undoes a playbook text in the model world, and stops the controller where a test says. This directory
//! is the only part of the kit that knows the engine: when the engine's API changes, it changes here alone.

mod bench;
mod fold;
mod modules;
mod tape;
mod world;

pub use bench::{Bench, Case, Decision, End, INVENTORY};
pub use fold::{Folded, Standing, fold};
pub use modules::registry;
