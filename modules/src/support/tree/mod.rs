//! Directory trees on nodes: naming one, looking at one, listing one completely, comparing two. What is done with them
//! belongs to the modules `copy_preserve` and `verify_hash`.

mod compare;
mod entry;
mod left_out;
mod look;
mod manifest;
mod reference;

pub(crate) use compare::{Comparison, compare};
#[cfg(test)]
pub(crate) use left_out::{LeftOut, What};
pub(crate) use left_out::{check_flags, reasons as left_out_reasons};
pub(crate) use look::{Kind, Look, check_device, generation, look};
pub(crate) use manifest::{Manifest, manifest};
pub(crate) use reference::{Located, TreeRef, check_names, check_path};

/// The name of the directory that every ext4 file system has in its root, and that is never part of the data.
pub(crate) const LOST_AND_FOUND: &str = "lost+found";
