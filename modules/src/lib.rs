//! The built-in modules: one file for each, one line for each in [`ALL`]. Schema, reference, completion, `check` and
//! `plan` follow from the slice.

use cutover_engine::module::{BoxedModule, Registry};

/// Every built-in module, in the order of the reference.
pub const ALL: &[BoxedModule] = &[];

/// The registry of all built-in modules.
pub const REGISTRY: Registry = Registry(ALL);
