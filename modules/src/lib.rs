//! The built-in modules: one file for each, one line for each in [`ALL`]. Schema, reference, completion, `check` and
//! `plan` follow from the slice.

mod assert;
mod command;
#[cfg(test)]
mod contract;
mod copy_preserve;
mod disk_check;
mod drbd;
mod drbd_freshness;
mod drbd_resource;
mod drbd_role;
mod drbd_split_brain;
mod drbd_sync;
mod etcd_check;
mod file;
mod filesystem;
mod helm;
mod k8s_apply;
mod k8s_delete;
mod k8s_exec;
mod k8s_label;
mod k8s_patch;
mod k8s_scale;
mod k8s_volumes;
mod k8s_wait;
mod kubernetes;
mod mount;
mod net_check;
mod pause;
mod permission;
mod pod;
mod quantity;
mod set_fact;
mod storage;
#[cfg(test)]
mod testing;
mod tree;
mod verify_hash;

use cutover_engine::module::{BoxedModule, Registry};

/// Every built-in module, in the order of the reference.
pub const ALL: &[BoxedModule] = &[
    &copy_preserve::CopyPreserve,
    &verify_hash::VerifyHash,
    &file::File,
    &command::Command,
    &assert::Assert,
    &set_fact::SetFact,
    &pause::Pause,
    &drbd_resource::DrbdResource,
    &drbd_role::DrbdRole,
    &drbd_sync::DrbdSync,
    &drbd_split_brain::DrbdSplitBrain,
    &drbd_freshness::DrbdFreshness,
    &filesystem::Filesystem,
    &mount::Mount,
    &net_check::NetCheck,
    &disk_check::DiskCheck,
    &k8s_scale::K8sScale,
    &k8s_wait::K8sWait,
    &k8s_label::K8sLabel,
    &k8s_apply::K8sApply,
    &k8s_patch::K8sPatch,
    &k8s_delete::K8sDelete,
    &k8s_volumes::K8sVolumes,
    &k8s_exec::K8sExec,
    &helm::Helm,
    &etcd_check::EtcdCheck,
];

/// The registry of all built-in modules.
pub const REGISTRY: Registry = Registry(ALL);
