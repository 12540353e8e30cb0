//! The scripts of the modules, by name.

mod filesystem;
mod image;
mod tree;
mod trial;

use super::Named;

pub(super) const ALL: &[Named] = &[&filesystem::TrialImage, &image::Image, &tree::Tree, &trial::Trial];
