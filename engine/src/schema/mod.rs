//! JSON Schemas generated from the types: for editors, and for checking playbooks before anything is rendered.

mod authoring;
mod files;
mod judge;

pub use authoring::authoring;
pub use files::{event, file, inventory, playbook};
pub(crate) use judge::Judge;
