//! Files on this machine: playbooks, inventories, parameters and secrets for the engine, which opens no file itself, and the
//! steps, tags and gates in them that options name.

mod extras;
mod job;
mod paths;
mod secrets;
mod selection;
mod shipped;

pub use extras::{Extra, parameters};
pub use job::Job;
pub use paths::resolve;
pub use secrets::{Named, Resolver};
pub use selection::{begun, known_failure, known_gates, known_gates_of_undo, known_repeat, known_tags};
pub use shipped::{Chosen, INVENTORY, PLAYBOOK};

use std::io;
use std::path::Path;

/// Reads a file of this machine.
///
/// # Errors
/// It cannot be read, or is a directory.
pub fn read(path: &Path) -> io::Result<String> {
    // The system's own "Is a directory" does not tell that a file was expected.
    if path.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory, and a file is wanted"));
    }
    std::fs::read_to_string(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => io::Error::new(io::ErrorKind::NotFound, "there is no such file"),
        _ => error,
    })
}
