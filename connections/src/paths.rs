//! Paths as an inventory writes them: relative to the inventory's folder, or below the home directory as `~/...`.

use std::path::{Path, PathBuf};

/// The directories that such paths start from.
#[derive(Debug, Clone)]
pub(crate) struct Paths {
    home: PathBuf,
    inventory: PathBuf,
}

impl Paths {
    /// `inventory` is the inventory's own path.
    pub(crate) fn new(home: PathBuf, inventory: &Path) -> Self {
        Self { home, inventory: inventory.parent().unwrap_or(Path::new("")).to_owned() }
    }

    /// The home directory.
    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    /// Resolves a path.
    pub(crate) fn resolve(&self, path: &str) -> PathBuf {
        match path.strip_prefix("~/") {
            Some(rest) => self.home.join(rest),
            None => self.inventory.join(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_is_to_the_inventory() {
        let paths = Paths::new("/home/op".into(), Path::new("inventories/lab.yml"));
        let cases = [("~/.kube/a", "/home/op/.kube/a"), ("keys/id", "inventories/keys/id"), ("/etc/key", "/etc/key")];
        for (written, meant) in cases {
            assert_eq!(paths.resolve(written), Path::new(meant));
        }
    }
}
