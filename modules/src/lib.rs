//! The built-in modules in families: one file for each, one line for each in [`ALL`]. What they share is in `support`. Schema, reference, completion, `check` and
//! `plan` follow from the slice.

#[cfg(test)]
mod contract;
mod drbd;
mod files;
mod flow;
mod helm;
mod kubernetes;
mod network;
mod service;
mod storage;
mod support;
#[cfg(test)]
mod testing;

use cutover_engine::module::{BoxedModule, Registry};

/// Every built-in module, in the order of the reference.
pub const ALL: &[BoxedModule] = &[
    &files::CopyPreserve,
    &files::VerifyHash,
    &files::File,
    &flow::Command,
    &flow::Assert,
    &flow::SetFact,
    &flow::Pause,
    &drbd::DrbdResource,
    &drbd::DrbdRole,
    &drbd::DrbdSync,
    &drbd::DrbdSplitBrain,
    &drbd::DrbdFreshness,
    &drbd::SiteLost,
    &storage::Filesystem,
    &storage::FilesystemCheck,
    &storage::Mount,
    &network::NetCheck,
    &storage::DiskCheck,
    &kubernetes::K8sAccess,
    &kubernetes::K8sScale,
    &kubernetes::K8sWait,
    &kubernetes::K8sLabel,
    &kubernetes::K8sApply,
    &kubernetes::K8sPatch,
    &kubernetes::K8sDelete,
    &kubernetes::K8sBind,
    &kubernetes::K8sVolumes,
    &kubernetes::K8sExec,
    &helm::Helm,
    &service::EtcdCheck,
];

/// The registry of all built-in modules.
pub const REGISTRY: Registry = Registry(ALL);
