//! Paths that are written in files: relative to the file, and `~` as a shell reads it.

use std::path::{Path, PathBuf};

/// The path that a text in a file means: `~/x` is in the home directory, a relative one is beside the file.
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
    fn a_path_is_beside_its_file_unless_it_says_otherwise() {
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
