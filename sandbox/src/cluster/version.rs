//! The versions of Kubernetes that are simulated: those whose answers were recorded. What differs between them is decided here.

use serde_json::{Value, json};

/// A version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// 1.20.2, of the manual's clusters.
    V1_20,
    /// 1.36.2.
    V1_36,
}

impl Version {
    /// Reads what a world file says: the minor version counts.
    ///
    /// # Errors
    /// Names the versions there are.
    pub(crate) fn of(text: &str) -> Result<Self, String> {
        let mut parts = text.trim_start_matches('v').split('.');
        match (parts.next(), parts.next()) {
            (Some("1"), Some("20")) => Ok(Self::V1_20),
            (Some("1"), Some("36")) => Ok(Self::V1_36),
            _ => Err(format!("`kubernetes_version: {text}`: the answers of 1.20 and 1.36 are known")),
        }
    }

    /// `v1.36.2`.
    pub(crate) fn git(self) -> &'static str {
        match self {
            Self::V1_20 => "v1.20.2",
            Self::V1_36 => "v1.36.2",
        }
    }

    /// What `/version` answers.
    pub(crate) fn answer(self) -> Value {
        match self {
            Self::V1_20 => json!({
                "major": "1", "minor": "20", "gitVersion": "v1.20.2", "gitTreeState": "clean", "platform": "linux/amd64",
                "gitCommit": "0000000000000000000000000000000000000000", "buildDate": "2021-01-13T13:20:00Z",
                "goVersion": "go1.15.5", "compiler": "gc",
            }),
            Self::V1_36 => json!({
                "major": "1", "minor": "36", "emulationMajor": "1", "emulationMinor": "36", "minCompatibilityMajor": "1",
                "minCompatibilityMinor": "35", "gitVersion": "v1.36.2",
                "gitCommit": "0000000000000000000000000000000000000000", "gitTreeState": "clean",
                "buildDate": "1970-01-01T00:00:00Z", "goVersion": "go1.26.6", "compiler": "gc", "platform": "linux/amd64",
            }),
        }
    }

    /// Whether running a command in a pod needs the right to create as well.
    pub(crate) fn exec_creates(self) -> bool {
        self == Self::V1_36
    }

    /// Whether it serves an API group in a version of its own.
    pub(crate) fn serves(self, group: &str, version: &str) -> bool {
        match (group, version) {
            ("policy", "v1beta1") => self == Self::V1_20,
            ("policy", "v1") => self == Self::V1_36,
            _ => true,
        }
    }

    /// Whether StatefulSets have a retention policy, and tell how many of their pods are available.
    pub(crate) fn is_current(self) -> bool {
        self == Self::V1_36
    }

    /// Why fields of a StatefulSet are not changed.
    pub(crate) fn immutable_set(self) -> &'static str {
        match self {
            Self::V1_20 => {
                "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'template', and \
                 'updateStrategy' are forbidden"
            }
            Self::V1_36 => {
                "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', \
                 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are \
                 forbidden"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_versions_whose_answers_are_known_are_simulated() {
        for (text, version) in [("1.20", Version::V1_20), ("v1.36.2", Version::V1_36), ("1.20.15", Version::V1_20)] {
            assert_eq!(Version::of(text), Ok(version));
        }
        for text in ["", "1", "1.3", "2.36", "1.28", "current"] {
            assert!(Version::of(text).unwrap_err().contains("1.20 and 1.36 are known"), "{text}");
        }
    }
}
