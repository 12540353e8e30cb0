//! What a probe reads and what a change alters: paths, devices, objects. A plan derives from them which step depends on which.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::place::Place;

/// A part of the world.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// A file or directory and everything below it, at a place.
    Path {
        /// Where.
        place: Place,
        /// The absolute path.
        path: String,
    },
    /// A block device at a place.
    Device {
        /// Where.
        place: Place,
        /// Its path.
        device: String,
    },
    /// A DRBD resource: both of its ends.
    Resource {
        /// Its name.
        resource: String,
    },
    /// An object, or with an empty name all objects of a kind, of a site's cluster.
    Object {
        /// The site's name.
        site: String,
        /// Its kind: `StatefulSet`.
        kind: String,
        /// Its namespace; empty for a kind without.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// A workload's pods, and everything else that its controllers derive from it.
    Pods {
        /// The site's name.
        site: String,
        /// Their namespace.
        namespace: String,
        /// The workload's name, or a pod's.
        name: String,
    },
    /// Anything at a place: a command whose effect is not known.
    Anything {
        /// Where.
        place: Place,
    },
}

impl Subject {
    /// A file or directory.
    pub fn path(place: &Place, path: impl Into<String>) -> Self {
        Self::Path { place: place.clone(), path: path.into() }
    }

    /// A block device.
    pub fn device(place: &Place, device: impl Into<String>) -> Self {
        Self::Device { place: place.clone(), device: device.into() }
    }

    /// Whether a change to one can be seen in the other.
    pub fn touches(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Path { place: a, path: one }, Self::Path { place: b, path: two }) => {
                a == b && (below(one, two) || below(two, one))
            }
            (
                Self::Object { site: a, kind, namespace, name },
                Self::Object { site: b, kind: kind_two, namespace: namespace_two, name: name_two },
            ) => {
                a == b
                    && kind == kind_two
                    && namespace == namespace_two
                    && (name == name_two || name.is_empty() || name_two.is_empty())
            }
            (
                Self::Pods { site: a, namespace, name },
                Self::Pods { site: b, namespace: namespace_two, name: name_two },
            ) => {
                a == b
                    && namespace == namespace_two
                    && (name.starts_with(name_two.as_str()) || name_two.starts_with(name.as_str()))
            }
            // A workload's pods are named after it: whoever alters the workload alters them.
            (Self::Pods { site, namespace, name }, Self::Object { site: b, namespace: space, name: object, .. })
            | (Self::Object { site: b, namespace: space, name: object, .. }, Self::Pods { site, namespace, name }) => {
                site == b && namespace == space && name.starts_with(object.as_str())
            }
            (Self::Anything { place }, other) | (other, Self::Anything { place }) => {
                other.place().is_some_and(|at| at == place)
            }
            (one, two) => one == two,
        }
    }

    fn place(&self) -> Option<&Place> {
        match self {
            Self::Path { place, .. } | Self::Device { place, .. } | Self::Anything { place } => Some(place),
            Self::Resource { .. } | Self::Object { .. } | Self::Pods { .. } => None,
        }
    }
}

/// Whether a path is another one or lies below it.
fn below(path: &str, other: &str) -> bool {
    let other = other.trim_end_matches('/');
    path.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path { place, path } => write!(f, "{place}:{path}"),
            Self::Device { place, device } => write!(f, "{place}:{device}"),
            Self::Resource { resource } => write!(f, "resource {resource}"),
            Self::Object { site, kind, namespace, name } if namespace.is_empty() => write!(f, "{site}: {kind} {name}"),
            Self::Object { site, kind, namespace, name } => write!(f, "{site}: {kind} {namespace}/{name}"),
            Self::Pods { site, namespace, name } => write!(f, "{site}: pods of {namespace}/{name}"),
            Self::Anything { place } => write!(f, "anything at {place}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_touches_what_is_below_it_and_nothing_beside_it() {
        let here = Place::node("primary", "a");
        let path = |path: &str| Subject::path(&here, path);
        assert!(path("/data").touches(&path("/data/x")) && path("/data/x").touches(&path("/data/")));
        assert!(!path("/data").touches(&path("/database")));
        assert!(!path("/data").touches(&Subject::path(&Place::node("primary", "b"), "/data")));
        assert!(Subject::Anything { place: here.clone() }.touches(&path("/data")));
        assert!(!Subject::Anything { place: Place::Controller }.touches(&path("/data")));
    }

    #[test]
    fn pods_follow_their_workload() {
        let set = Subject::Object {
            site: "p".into(),
            kind: "StatefulSet".into(),
            namespace: "common".into(),
            name: "etcd".into(),
        };
        let pod = Subject::Pods { site: "p".into(), namespace: "common".into(), name: "etcd-0".into() };
        assert!(set.touches(&pod) && pod.touches(&set));
        let other = Subject::Pods { site: "p".into(), namespace: "common".into(), name: "redis-0".into() };
        assert!(!set.touches(&other) && !pod.touches(&other));
    }
}
