//! Files on this machine: playbooks, inventories, parameters and secrets for the engine, which opens no file itself, and the
//! steps, tags and gates in them that options name.

mod bounds;
mod extras;
mod job;
mod paths;
mod secrets;
mod selection;
mod shipped;
#[cfg(test)]
mod tests;

pub use bounds::Bounds;
pub use extras::{Extra, parameters};
pub use job::Job;
pub use paths::resolve;
pub use secrets::{Named, Resolver};
pub use selection::{begun, in_doubt, known_failure, known_gates, known_gates_of_undo, known_repeat, known_tags};
pub use shipped::{Chosen, INVENTORY, PLAYBOOK, shipped_below};

use std::io::{self, Read as _};
use std::path::Path;

/// The largest file that is read, in bytes. The parsers need some ten times as much memory.
const LARGEST: u64 = 8 << 20;

/// Reads a file of this machine.
///
/// # Errors
/// It cannot be read, is not a file of text, or is larger than any playbook.
pub fn read(path: &Path) -> io::Result<String> {
    let found = std::fs::metadata(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => io::Error::new(io::ErrorKind::NotFound, "there is no such file"),
        _ => error,
    })?;
    // The system's own "Is a directory" does not tell that a file was expected.
    if found.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory, and a file is wanted"));
    }
    // A device or a pipe may have no end. Files that processes pass to each other (`<(command)`) are pipes of this program alone.
    let passed = path.starts_with("/dev/fd") || path.starts_with("/proc/self/fd") || path == Path::new("/dev/stdin");
    // Files of the kernel look like files, and reading one may wait for ever (`/proc/kmsg`).
    let is_the_kernels = path.canonicalize().is_ok_and(|path| path.starts_with("/proc") || path.starts_with("/sys"));
    if (!found.is_file() || is_the_kernels) && !passed {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a device or a pipe, and a file is wanted"));
    }
    let mut text = String::new();
    std::fs::File::open(path)?.take(LARGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LARGEST {
        let why = format!("it is larger than {} MiB", LARGEST >> 20);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
    }
    Ok(text)
}
