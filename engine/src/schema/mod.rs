//! JSON Schemas generated from the types: for editors, and for checking playbooks before anything is rendered.

mod authoring;
mod files;

pub(crate) use authoring::TEMPLATE_PATTERN;
pub use authoring::authoring;
pub use files::{event, inventory, playbook};
