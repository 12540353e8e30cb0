//! JSON Schemas generated from the types: for editors, and for checking playbooks before anything is rendered.

mod authoring;
mod files;
mod judge;
mod shapes;

pub use authoring::authoring;
pub use files::{event, file, inventory, plan, playbook};
pub(crate) use judge::Judge;
pub(crate) use shapes::{expression, inline, steps, texts};
