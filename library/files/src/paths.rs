//! Paths in files: relative to the file, and with `~` as in a shell.

use std::path::{Path, PathBuf};

/// Resolves a path in a file: `~/x` is in the home directory, a relative one is beside the file.
pub fn resolve(file: &Path, text: &str) -> PathBuf {
    resolve_at(file, text, std::env::var_os("HOME").map(PathBuf::from).as_deref())
}

fn resolve_at(file: &Path, text: &str, home: Option<&Path>) -> PathBuf {
    match (text.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => file.parent().map_or_else(|| PathBuf::from(text), |directory| directory.join(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_beside_its_file_unless_it_is_absolute_or_in_the_home_directory() {
        let cases = [
            ("key", "inventories/key"),
            ("../key", "inventories/../key"),
            ("/etc/key", "/etc/key"),
            ("~/.kube/conf", "/home/me/.kube/conf"),
        ];
        for (text, expected) in cases {
            let path = resolve_at(Path::new("inventories/prod.yml"), text, Some(Path::new("/home/me")));
            assert_eq!(path, Path::new(expected), "{text}");
        }
    }
}
