//! Modules of files and trees.

mod copy_preserve;
pub(crate) mod file;
mod verify_hash;
mod verify_unchanged;

pub(crate) use copy_preserve::CopyPreserve;
pub(crate) use file::File;
pub(crate) use verify_hash::VerifyHash;
pub(crate) use verify_unchanged::VerifyUnchanged;
