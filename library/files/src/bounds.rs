//! What `check` may read: it is let loose on playbooks of strangers, and a fault shows a line of the file that it is in.

use std::io;
use std::path::{Path, PathBuf};

use super::read;

/// The directories that files may be read in.
#[derive(Debug, Clone, Default)]
pub struct Bounds {
    directories: Vec<PathBuf>,
}

impl Bounds {
    /// The files that were named, whatever is in the repositories or directories that they are in, and what is allowed besides.
    pub fn around<'p>(named: impl IntoIterator<Item = &'p Path>, allowed: &[PathBuf]) -> Self {
        let here = std::env::current_dir().and_then(|here| here.canonicalize()).ok();
        let mut directories: Vec<PathBuf> = allowed.iter().filter_map(|path| path.canonicalize().ok()).collect();
        for path in named {
            // What a file is a link to is named by the link. What is beside it is beside the link.
            directories.extend(path.canonicalize());
            let beside = std::path::absolute(path).ok().and_then(|path| path.parent()?.canonicalize().ok());
            directories.extend(beside.map(|directory| around(&directory, here.as_deref())));
        }
        directories.dedup();
        Self { directories }
    }

    /// Whether a file is in them, with all links followed.
    pub fn contain(&self, path: &Path) -> bool {
        let Ok(path) = path.canonicalize() else { return true };
        self.directories.iter().any(|directory| path.starts_with(directory))
    }

    /// Reads a file in them.
    ///
    /// # Errors
    /// It is elsewhere, or cannot be read.
    pub fn read(&self, path: &Path) -> io::Result<String> {
        if !self.contain(path) {
            let why = "it is outside of the repository, where nothing is read unless `--also-read DIRECTORY` allows it";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
        }
        read(path)
    }
}

/// The repository that a directory is in, or else the working directory if it is below that, or else itself.
fn around(directory: &Path, here: Option<&Path>) -> PathBuf {
    let repository = directory.ancestors().find(|above| above.join(".git").exists());
    let here = here.filter(|here| directory.starts_with(here) && here.parent().is_some());
    repository.or(here).unwrap_or(directory).to_owned()
}
