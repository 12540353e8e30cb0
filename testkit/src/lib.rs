//! What tests are made of: a model world that counts every effect, a driver that runs playbook texts in it and stops them
//! anywhere, and a generator of playbooks.
//!
//! Only [`driver`] touches the engine. The model and the generator know texts, places and argvs, so that they stay as they
//! are when the engine changes.

pub mod driver;
pub mod model;
pub mod playbook;
mod random;
mod trip;

pub use random::Random;
pub use trip::{At, Mode, Trip};
