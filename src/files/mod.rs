//! Files on this machine: playbooks, inventories, parameters and secrets, as the engine wants them. The engine itself opens
//! none.

mod extras;
mod job;
mod paths;
mod secrets;
mod shipped;

pub(crate) use extras::given;
pub(crate) use job::Job;
pub(crate) use paths::resolve;
pub(crate) use secrets::{Named, Resolver};
pub(crate) use shipped::{Chosen, INVENTORY, PLAYBOOK};

use std::io;
use std::path::Path;

/// Reads a file of this machine.
pub(crate) fn read(path: &Path) -> io::Result<String> {
    // The system's "Is a directory" comes without saying that a file was wanted.
    if path.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory, and a file is wanted"));
    }
    std::fs::read_to_string(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => io::Error::new(io::ErrorKind::NotFound, "there is no such file"),
        _ => error,
    })
}
