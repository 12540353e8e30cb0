//! The scripts of the modules, by name.

mod image;
mod tree;

use super::Named;

pub(super) const ALL: &[Named] = &[&image::Image, &tree::Tree];
