//! Modules of Kubernetes.

mod k8s_access;
mod k8s_apply;
mod k8s_bind;
mod k8s_delete;
mod k8s_exec;
mod k8s_label;
mod k8s_patch;
mod k8s_scale;
mod k8s_volumes;
mod k8s_wait;

pub(crate) use k8s_access::K8sAccess;
pub(crate) use k8s_apply::K8sApply;
pub(crate) use k8s_bind::K8sBind;
pub(crate) use k8s_delete::K8sDelete;
pub(crate) use k8s_exec::K8sExec;
pub(crate) use k8s_label::K8sLabel;
pub(crate) use k8s_patch::K8sPatch;
pub(crate) use k8s_scale::K8sScale;
pub(crate) use k8s_volumes::K8sVolumes;
pub(crate) use k8s_wait::K8sWait;
