//! How a step names a tree: a directory on a node. Says where commands about it go.

use cutover_engine::failure::Failure;
use cutover_engine::inventory::Inventory;
use cutover_engine::module::Facts;
use cutover_engine::subject::Subject;
use cutover_engine::text;
use cutover_engine::text::Text;
use cutover_engine::world::Place;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::support::storage::mounts::beneath;

/// A directory on a node, with all that is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TreeRef {
    /// The site the node belongs to; by default the target's site.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) site: Option<String>,
    /// The node's name in the inventory; by default where the task's commands run.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) node: Option<String>,
    /// The directory's absolute path. What is meant is always its contents; a trailing slash changes nothing.
    pub(crate) path: String,
    /// The device the directory must lie on, for example `/dev/drbd0`: on any other one the step is refused, so that a
    /// missing mount cannot send the data to the disk beneath.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) device: Option<String>,
}

/// A tree whose place is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Located {
    /// Where commands about it run.
    pub(crate) place: Place,
    /// Its absolute path, without a trailing slash.
    pub(crate) path: String,
    /// The device it must lie on.
    pub(crate) device: Option<String>,
}

impl Located {
    /// Whether one of two trees lies in the other, or both are the same.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.place == other.place && (beneath(&self.path, &other.path) || beneath(&other.path, &self.path))
    }
}

impl std::fmt::Display for Located {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.place, self.path)
    }
}

impl TreeRef {
    /// Finds the place. `pointer` is where the reference stands in the module's parameters: `/source`.
    pub(crate) fn locate(&self, facts: &Facts, inventory: &Inventory, pointer: &str) -> Result<Located, Failure> {
        let at = |field: &str| format!("{pointer}/{field}");
        let path = plain(&self.path);
        let device = self.device.clone();
        let place = match (&self.site, &self.node) {
            (None, None) if facts.target().site().is_some() && facts.place() == Place::Controller => {
                let words = text!("tree.no-node", "`{path}` is not on a node: the target is a whole site", path);
                let help = text!("tree.no-node.help", "add `node:`, or set the step's target to nodes or pairs");
                return Err(Failure::invalid(words).help(help).pointer(at("path")));
            }
            (_, None) => facts.place(),
            (site, Some(node)) => {
                let site = match site {
                    Some(site) => site,
                    None => facts.site().map_err(|failure| failure.pointer(at("node")))?,
                };
                let known = inventory.sites.get(site).ok_or_else(|| {
                    Failure::invalid(text!("tree.no-such-site", "the inventory has no site `{site}`", site))
                        .pointer(at("site"))
                })?;
                if !known.nodes.contains_key(node) {
                    let names = known.nodes.keys().cloned().collect::<Vec<_>>().join(", ");
                    let words = text!("tree.no-such-node", "site `{site}` has no node `{node}`", site, node);
                    let help = text!("tree.no-such-node.help", "its nodes are {names}", names);
                    return Err(Failure::invalid(words).help(help).pointer(at("node")));
                }
                Place::node(site, node)
            }
        };
        Ok(Located { place, path, device })
    }

    /// Refuses a reference that names no tree, wherever it is looked for. `pointer` is where it stands in the parameters.
    pub(crate) fn judge(&self, pointer: &str) -> Result<(), Failure> {
        let at = |field: &str| format!("{pointer}/{field}");
        check_path(&self.path, &at("path"))?;
        if self.site.is_some() && self.node.is_none() {
            let help = text!("tree.site-alone.help", "add `node:`");
            let words = text!("tree.site-alone", "`site` without `node`");
            return Err(Failure::invalid(words).help(help).pointer(at("site")));
        }
        let empty = |field: &Option<String>| field.as_ref().is_some_and(String::is_empty);
        let fields = [("site", &self.site), ("node", &self.node), ("device", &self.device)];
        match fields.into_iter().find(|(_, field)| empty(field)) {
            Some((name, _)) => {
                Err(Failure::invalid(text!("tree.empty-name", "`{name}` is empty", name)).pointer(at(name)))
            }
            None => Ok(()),
        }
    }

    /// Whether one of two references to the same node, as they are written, names a tree in the other's, or both the same.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        let (one, two) = (plain(&self.path), plain(&other.path));
        (&self.site, &self.node) == (&other.site, &other.node) && (beneath(&one, &two) || beneath(&two, &one))
    }

    /// Whether both name the same tree, as they are written.
    pub(crate) fn same(&self, other: &Self) -> bool {
        self.overlaps(other) && plain(&self.path) == plain(&other.path) && self.device == other.device
    }

    /// The tree as a subject; `None` if it is named by a node of a site and the task has no site.
    pub(crate) fn subject(&self, facts: &Facts) -> Option<Subject> {
        let place = match &self.node {
            None => facts.place(),
            Some(node) => Place::node(self.site.as_deref().or(facts.target().site())?, node),
        };
        Some(Subject::path(&place, plain(&self.path)))
    }
}

/// Refuses names that the tree scripts could not leave out safely.
pub(crate) fn check_names(names: &[String], pointer: &str) -> Result<(), Failure> {
    for (index, name) in names.iter().enumerate() {
        let bad = name.is_empty() || name == "." || name == ".." || name.contains(['/', '*', '?', '[', '\\']);
        if bad {
            let help =
                text!("tree.file-name.help", "name entries directly in the directory, without slashes and wildcards");
            return Err(Failure::invalid(text!("tree.file-name", "`{name}` is not a plain file name", name))
                .help(help)
                .pointer(format!("{pointer}/{index}")));
        }
    }
    Ok(())
}

/// Refuses a path that cannot be a directory of data.
pub(crate) fn check_path(path: &str, pointer: &str) -> Result<(), Failure> {
    let wrong = |words: Text| Err(Failure::invalid(words).pointer(pointer));
    if !path.starts_with('/') {
        return wrong(text!("tree.not-absolute", "`{path}` is not an absolute path", path));
    }
    if path.split('/').any(|part| part == "." || part == "..") {
        return wrong(text!("tree.dots", "`{path}` has `.` or `..` in it", path));
    }
    if plain(path) == "/" {
        return wrong(text!("tree.root", "`/` is not a directory of data"));
    }
    Ok(())
}

/// A path as the scripts get it: without doubled slashes and one at the end.
fn plain(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_made_plain_or_refused() {
        assert_eq!(plain("/data//vol/"), "/data/vol");
        let refused = |path| check_path(path, "/path").unwrap_err().message.to_string();
        assert_eq!(refused("data"), "`data` is not an absolute path");
        assert_eq!(refused("/data/../etc"), "`/data/../etc` has `.` or `..` in it");
        assert_eq!(refused("//"), "`/` is not a directory of data");
    }

    #[test]
    fn overlap_needs_the_same_place_and_whole_components() {
        let tree = |node: &str, path: &str| Located {
            place: Place::node("primary", node),
            path: path.to_owned(),
            device: None,
        };
        assert!(tree("w1", "/data/a").overlaps(&tree("w1", "/data/a")));
        assert!(tree("w1", "/data/a").overlaps(&tree("w1", "/data")));
        assert!(tree("w1", "/data").overlaps(&tree("w1", "/data/a/b")));
        assert!(!tree("w1", "/data/a").overlaps(&tree("w1", "/data/ab")));
        assert!(!tree("w1", "/data/a").overlaps(&tree("w2", "/data/a")));
    }

    #[test]
    fn names_to_leave_out_are_plain() {
        assert!(check_names(&["lost+found".into()], "/exclude").is_ok());
        for bad in ["", "..", "a/b", "*.tmp", "a[1]", "a\\b"] {
            let failure = check_names(&["ok".into(), bad.into()], "/exclude").unwrap_err();
            assert_eq!(failure.pointer.as_deref(), Some("/exclude/1"), "{bad}");
        }
    }
}
