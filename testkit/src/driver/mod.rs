//! Runs, resumes and undoes a playbook text in the model world, and stops the controller where a test says. This directory
//! is the only part of the kit that knows the engine: when the engine's API changes, it changes here alone.

mod bench;
mod case;
mod fold;
mod modules;
mod tape;
mod world;

pub use bench::{Bench, Decision, End};
pub use case::Case;
pub use fold::{Folded, Standing, fold};
pub use modules::registry;
