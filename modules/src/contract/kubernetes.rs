//! Rows for the modules of Kubernetes, Helm and etcd.

use super::{Bad, Good};

/// The modules that do not say everything yet.
pub(super) const PENDING: &[&str] = &[
    "k8s_scale",
    "k8s_wait",
    "k8s_label",
    "k8s_apply",
    "k8s_patch",
    "k8s_delete",
    "k8s_volumes",
    "k8s_exec",
    "helm",
    "etcd_check",
];

pub(super) fn good() -> Vec<Good> {
    Vec::new()
}

pub(super) fn bad() -> Vec<Bad> {
    Vec::new()
}
