//! The playbooks and the example inventory that are built into the program, so that `cutover rehearse` works anywhere. A file
//! of the same path below the current directory takes precedence.

use std::io;
use std::path::{Component, Path, PathBuf};

/// The playbook that is rehearsed if none is named.
pub const PLAYBOOK: &str = "playbooks/etcd-cutover.yml";
/// The inventory that it is rehearsed on.
pub const INVENTORY: &str = "inventories/example.yml";

macro_rules! shipped {
    ($($path:literal),* $(,)?) => { &[$(($path, include_str!(concat!("../../../", $path)))),*] };
}

/// Path and text of each file. A test compares with the directories.
const FILES: &[(&str, &str)] = shipped![
    "inventories/example.yml",
    "playbooks/charts/etcd/Chart.yaml",
    "playbooks/charts/etcd/templates/_helpers.tpl",
    "playbooks/charts/etcd/templates/service-headless.yaml",
    "playbooks/charts/etcd/templates/service.yaml",
    "playbooks/charts/etcd/templates/statefulset.yaml",
    "playbooks/charts/etcd/values.yaml",
    "playbooks/etcd-cutover.yml",
    "playbooks/etcd-drill.yml",
    "playbooks/etcd-failover.yml",
    "playbooks/etcd-prepare.yml",
    "playbooks/etcd-purge.yml",
    "playbooks/etcd-reprotect.yml",
    "playbooks/etcd-rollback.yml",
    "playbooks/etcd-switchover.yml",
    "playbooks/tasks/both-sound.yml",
    "playbooks/tasks/commit.yml",
    "playbooks/tasks/etcd/after.yml",
    "playbooks/tasks/etcd/before.yml",
    "playbooks/tasks/etcd/last.yml",
    "playbooks/tasks/etcd/taken-over.yml",
    "playbooks/tasks/markers.yml",
    "playbooks/tasks/mount.yml",
    "playbooks/tasks/record.yml",
    "playbooks/tasks/standby.yml",
    "playbooks/tasks/start.yml",
    "playbooks/tasks/static-volumes.yml",
    "playbooks/tasks/stop.yml",
];

/// Path and text of each file below a directory of the program's own.
pub fn shipped_below(directory: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    FILES.iter().copied().filter(move |(path, _)| Path::new(path).starts_with(directory))
}

/// A file that was named, or the default for one that was not. Its includes come from the same source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// Its path.
    pub path: PathBuf,
    /// Whether it is the program's built-in copy.
    pub shipped: bool,
}

impl Chosen {
    /// A file that the user named.
    pub fn named(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), shipped: false }
    }

    /// The file that the user named, or a shipped one: from the disk if it is there, from the program if not.
    pub fn or_shipped(named: Option<&Path>, default: &str) -> Self {
        match named {
            Some(path) => Self::named(path),
            None => Self { path: default.into(), shipped: !Path::new(default).is_file() },
        }
    }

    /// Reads it, or a file that it includes.
    pub fn read(&self, path: &Path) -> io::Result<String> {
        if !self.shipped {
            return super::read(path);
        }
        let path = plain(path);
        let found = FILES.iter().find(|(name, _)| Path::new(name) == path);
        found.map(|(_, text)| (*text).to_owned()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Describes the file: `playbooks/etcd-cutover.yml (part of cutover)`.
    pub fn description(&self) -> String {
        format!("{}{}", self.path.display(), if self.shipped { " (part of cutover)" } else { "" })
    }
}

/// A path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut plain, component| {
        match component {
            Component::CurDir => {}
            Component::ParentDir => drop(plain.pop()),
            other => plain.push(other),
        }
        plain
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The repository.
    fn root() -> &'static Path {
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the crate is in the repository")
    }

    fn below(directory: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry").path()) {
            if entry.is_dir() {
                below(&entry, found);
            } else {
                let relative = entry.strip_prefix(root()).expect("a path below").to_path_buf();
                found.push(relative.to_str().expect("UTF-8").to_owned());
            }
        }
    }

    #[test]
    fn every_playbook_of_the_repository_is_shipped() {
        let mut found = vec![INVENTORY.to_owned()];
        below(&root().join("playbooks"), &mut found);
        found.sort();
        let shipped: Vec<&str> = FILES.iter().map(|(path, _)| *path).collect();
        assert_eq!(shipped, found, "add it to FILES in library/files/src/shipped.rs, in the order of the names");
    }

    #[test]
    fn what_a_shipped_file_includes_comes_from_the_program() {
        let chosen = Chosen { path: PLAYBOOK.into(), shipped: true };
        assert!(chosen.read(Path::new("playbooks/tasks/../etcd-prepare.yml")).is_ok());
        assert!(chosen.read(Path::new("Cargo.toml")).is_err(), "the disk is not looked at");
        assert_eq!(chosen.description(), "playbooks/etcd-cutover.yml (part of cutover)");
        let other = Chosen::or_shipped(Some(Path::new("mine.yml")), PLAYBOOK);
        assert_eq!(other, Chosen::named("mine.yml"));
    }
}
