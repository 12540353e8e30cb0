//! Quotas of the namespace: whether they leave room for the new pods once the old ones are gone.

use cutover_engine::text;
use cutover_engine::text::Text;
use serde_json::Value;

use super::Scene;
use crate::support::kubernetes::demand::{self, Section};
use crate::support::kubernetes::quantity::{nanos, written};
use crate::support::kubernetes::{name, text};

/// What a quota counts.
enum Counted {
    /// Pods.
    Pods,
    /// What pods ask for, or may use at most.
    Amount(Section, &'static str),
}

impl Counted {
    /// The meaning of a field of `spec.hard`; `None` for what pods do not use up.
    fn of(field: &str) -> Option<Self> {
        Some(match field {
            "pods" | "count/pods" => Self::Pods,
            "cpu" | "requests.cpu" => Self::Amount(Section::Requests, "cpu"),
            "memory" | "requests.memory" => Self::Amount(Section::Requests, "memory"),
            "ephemeral-storage" | "requests.ephemeral-storage" => Self::Amount(Section::Requests, "ephemeral-storage"),
            "limits.cpu" => Self::Amount(Section::Limits, "cpu"),
            "limits.memory" => Self::Amount(Section::Limits, "memory"),
            "limits.ephemeral-storage" => Self::Amount(Section::Limits, "ephemeral-storage"),
            _ => return None,
        })
    }

    /// How much of it one pod uses up.
    fn by(&self, spec: &Value) -> i128 {
        match self {
            Self::Pods => demand::ONE,
            Self::Amount(section, resource) => demand::of(spec, *section, resource),
        }
    }
}

/// Whether a quota counts pods like these, as far as its scopes are known here.
fn counts(quota: &Value, spec: &Value) -> bool {
    let asks = |section| ["cpu", "memory"].iter().any(|resource| demand::of(spec, section, resource) > 0);
    let best_effort = !asks(Section::Requests) && !asks(Section::Limits);
    let ends = !spec["activeDeadlineSeconds"].is_null();
    // By priority class, and others: what the API server says of them in a dry run has to do.
    quota["spec"]["scopeSelector"].is_null()
        && quota["spec"]["scopes"].as_array().into_iter().flatten().all(|scope| match text(scope) {
            "BestEffort" => best_effort,
            "NotBestEffort" => !best_effort,
            "Terminating" => ends,
            "NotTerminating" => !ends,
            _ => false,
        })
}

/// Why a quota does not leave room for the new pods.
pub(super) fn reasons(scene: &Scene<'_>, quota: &Value) -> Vec<Text> {
    if !counts(quota, scene.spec) {
        return Vec::new();
    }
    let (quota_name, namespace, pods) = (name(quota), scene.namespace, scene.planned.len());
    let mut reasons = Vec::new();
    for (field, hard) in quota["spec"]["hard"].as_object().into_iter().flatten() {
        let (Some(counted), Some(most)) = (Counted::of(field), nanos(hard)) else { continue };
        let used = nanos(&quota["status"]["used"][field]).unwrap_or(0);
        let own: i128 = scene.own.iter().map(|pod| counted.by(&pod["spec"])).sum();
        let others = (used - own).max(0);
        let wanted = counted.by(scene.spec) * pods as i128;
        if wanted > 0 && others + wanted > most {
            reasons.push(text!(
                "k8s_placement.quota",
                "the quota {quota} of {namespace} leaves no room for {pods} pods: they need {wanted} of {field}, others use {others}, and \
                 {hard} is all there is; raise it (`kubectl -n {namespace} edit resourcequota {quota}`)",
                quota = quota_name,
                namespace,
                pods,
                wanted = written(wanted),
                field,
                others = written(others),
                hard = written(most)
            ));
        }
    }
    reasons
}
