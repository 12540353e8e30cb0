//! Templates: `{{ expression }}` in the scalars of a tree. One environment with one set of rules; see `environment`.

mod environment;
mod json;
mod names;
mod render;
mod scope;
mod span;
mod variables;

pub(crate) use render::is_expression;
pub use render::{condition, evaluate, render, render_text, syntax};
pub use scope::Scope;
pub use variables::{Mention, mentions};

#[cfg(test)]
mod tests;
