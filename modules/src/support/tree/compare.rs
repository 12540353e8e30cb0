//! Two trees compared, path by path.

use cutover_engine::text;
use cutover_engine::text::Text;
use serde::Serialize;

use super::Manifest;
use super::entry::shown;

/// How many differences are kept in words.
const SHOWN: usize = 20;

/// What a comparison found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Comparison {
    /// SHA-256 over the entries of the first tree.
    pub(crate) digest: String,
    /// Regular files in the first tree.
    pub(crate) files: u64,
    /// Bytes in its regular files, each inode once.
    pub(crate) bytes: u64,
    /// Whether extended attributes and ACLs were compared: both hosts must have getfattr.
    pub(crate) attributes_compared: bool,
    /// How many paths differ.
    pub(crate) different: usize,
    /// The first of them in words, one each; left out if none differs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) differences: Vec<Text>,
    /// Whether the only difference is owner, mode or time of the root directory itself.
    #[serde(skip)]
    pub(crate) only_root: bool,
}

impl Comparison {
    /// Whether the trees are equal.
    pub(crate) fn equal(&self) -> bool {
        self.different == 0
    }

    /// The differences in words, with a last line for those left out.
    pub(crate) fn lines(&self) -> Vec<Text> {
        let mut lines = self.differences.clone();
        if self.different > lines.len() {
            let more = self.different - lines.len();
            lines.push(text!("tree.more-paths", "... and {more} more paths", more));
        }
        lines
    }
}

/// Compares a tree with another that should be equal.
pub(crate) fn compare(first: &Manifest, second: &Manifest) -> Comparison {
    let attributes = first.attributes && second.attributes;
    let paths: std::collections::BTreeSet<_> = first.entries.keys().chain(second.entries.keys()).collect();
    let mut differences = Vec::new();
    let mut different = 0;
    let mut root_only = true;
    for path in paths {
        let line = match (first.entries.get(path), second.entries.get(path)) {
            (Some(a), Some(b)) => {
                let found = a.differences(b, attributes);
                if found.is_empty() {
                    continue;
                }
                root_only &= path == b"." && a.attributes == b.attributes && a.kind == b.kind;
                let found =
                    found.into_iter().reduce(|all, one| text!("tree.all-differences", "{all}, {one}", all, one));
                let (path, found) = (shown(path), found.unwrap_or_default());
                text!("tree.path-differs", "{path}: {found}", path, found)
            }
            (Some(_), None) => {
                root_only = false;
                text!("tree.only-first", "{path}: missing in the second tree", path = shown(path))
            }
            (None, _) => {
                root_only = false;
                text!("tree.only-second", "{path}: only in the second tree", path = shown(path))
            }
        };
        different += 1;
        if differences.len() < SHOWN {
            differences.push(line);
        }
    }
    Comparison {
        digest: first.digest(),
        files: first.files(),
        bytes: first.bytes(),
        attributes_compared: attributes,
        different,
        differences,
        only_root: different > 0 && root_only,
    }
}
