//! How a step names a tree: a directory on a node. Says where commands about it go.

use cutover_engine::failure::Failure;
use cutover_engine::module::Context;
use cutover_engine::world::Place;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A directory on a node, with all that is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TreeRef {
    /// The site the node belongs to; the target's site if not given.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) site: Option<String>,
    /// The node's name in the inventory; where the task's commands run if not given.
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
        let within = |a: &str, b: &str| a == b || a.starts_with(&format!("{b}/"));
        self.place == other.place && (within(&self.path, &other.path) || within(&other.path, &self.path))
    }
}

impl std::fmt::Display for Located {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.place, self.path)
    }
}

impl TreeRef {
    /// Finds the place. `pointer` is where the reference stands in the module's parameters: `/source`.
    pub(crate) fn locate(&self, cx: &Context, pointer: &str) -> Result<Located, Failure> {
        let at = |field: &str| format!("{pointer}/{field}");
        let path = checked_path(&self.path).map_err(|why| Failure::invalid(why).pointer(at("path")))?;
        let device = self.device.clone();
        let place = match (&self.site, &self.node) {
            (None, None) if cx.target().site().is_some() && cx.place() == Place::Controller => {
                return Err(Failure::invalid(format!("`{}` is on no node: the target is a whole site", self.path))
                    .help("add `node:`, or set the step's target to nodes or pairs")
                    .pointer(at("path")));
            }
            (None, None) => cx.place(),
            (Some(_), None) => {
                return Err(Failure::invalid("`site` without `node`").help("add `node:`").pointer(at("site")));
            }
            (site, Some(node)) => {
                let site = match site {
                    Some(site) => site,
                    None => cx.site()?,
                };
                let known = cx.inventory().sites.get(site).ok_or_else(|| {
                    Failure::invalid(format!("the inventory has no site `{site}`")).pointer(at("site"))
                })?;
                if !known.nodes.contains_key(node) {
                    let names = known.nodes.keys().cloned().collect::<Vec<_>>().join(", ");
                    return Err(Failure::invalid(format!("site `{site}` has no node `{node}`"))
                        .help(format!("its nodes are {names}"))
                        .pointer(at("node")));
                }
                Place::node(site, node)
            }
        };
        Ok(Located { place, path, device })
    }
}

/// Refuses names that the tree scripts could not leave out safely.
pub(crate) fn check_names(names: &[String], pointer: &str) -> Result<(), Failure> {
    for (index, name) in names.iter().enumerate() {
        let bad = name.is_empty() || name == "." || name == ".." || name.contains(['/', '*', '?', '[', '\\']);
        if bad {
            return Err(Failure::invalid(format!("`{name}` is no plain file name"))
                .help("name entries directly in the directory, without slashes and wildcards")
                .pointer(format!("{pointer}/{index}")));
        }
    }
    Ok(())
}

/// A path as the scripts get it.
fn checked_path(path: &str) -> Result<String, String> {
    if !path.starts_with('/') {
        return Err(format!("`{path}` is no absolute path"));
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    if parts.iter().any(|part| *part == "." || *part == "..") {
        return Err(format!("`{path}` has `.` or `..` in it"));
    }
    if parts.is_empty() {
        return Err("`/` is no directory of data".to_owned());
    }
    Ok(format!("/{}", parts.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_made_plain_or_refused() {
        assert_eq!(checked_path("/data//vol/").as_deref(), Ok("/data/vol"));
        assert_eq!(checked_path("data").unwrap_err(), "`data` is no absolute path");
        assert_eq!(checked_path("/data/../etc").unwrap_err(), "`/data/../etc` has `.` or `..` in it");
        assert_eq!(checked_path("//").unwrap_err(), "`/` is no directory of data");
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
