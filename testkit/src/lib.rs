//! The tools of the tests: a model world that counts every effect, a driver that runs playbook texts in it and stops them
//! anywhere, and a generator of playbooks.
//!
//! Of these only [`driver`] touches the engine. The model and the generator know texts, places and argvs, so that they stay as
//! they are when the engine changes.
//!
//! Besides: [`console`] is the program as its users call it, [`terminal`] is the same with a person at the keyboard, [`lab`] drives one module in the sandbox, [`stage`] does the same on
//! this machine and in the sandbox, [`unattended`] replaces people and files for an execution, and [`samples`] are recorded runs,
//! written by hand.

pub mod console;
pub mod driver;
pub mod inventory;
pub mod lab;
pub mod model;
pub mod playbook;
mod random;
pub mod samples;
pub mod stage;
pub mod terminal;
mod trip;
pub mod unattended;

pub use random::Random;
pub use trip::{At, Mode, Trip};
