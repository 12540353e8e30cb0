//! The API server of a simulated cluster: objects by the rules of their kinds. Requests come in as data.

mod defaults;
mod fields;
mod kind;
mod patch;
mod problem;
mod quota;
pub(crate) mod rights;
mod routes;
mod selector;
pub(crate) mod store;

pub(crate) use kind::of_path as kind_of_path;
pub(crate) use problem::Problem;
pub(crate) use quota::used;
pub(crate) use routes::{Call, handle, warnings};
pub(crate) use selector::LabelSelector;
pub(crate) use store::{DeleteOptions, create, delete, kind_of, replace};
