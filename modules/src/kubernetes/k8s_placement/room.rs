//! Room on the planned nodes beside the pods that run there.

use cutover_engine::text;
use cutover_engine::text::Text;
use serde_json::Value;

use super::Scene;
use crate::support::kubernetes::demand::{self, Section};
use crate::support::kubernetes::name;
use crate::support::kubernetes::quantity::{nanos, written};

/// Why a node has no room for one of the pods: what its pods ask for is what counts for the scheduler, not what they use.
pub(super) fn reasons(scene: &Scene<'_>) -> Vec<Text> {
    let mut reasons = Vec::new();
    for node in &scene.planned {
        let node_name = name(node);
        let demand = |resource: &str, spec: &Value| match resource {
            "pods" => demand::ONE,
            resource => demand::of(spec, Section::Requests, resource),
        };
        for resource in ["cpu", "memory", "ephemeral-storage", "pods"] {
            let has = &node["status"]["allocatable"][resource];
            let has = nanos(if has.is_null() { &node["status"]["capacity"][resource] } else { has });
            let wanted = demand(resource, scene.spec);
            let taken: i128 = scene.on(node_name).map(|pod| demand(resource, &pod["spec"])).sum();
            let Some(has) = has.filter(|has| wanted > 0 && taken + wanted > *has) else { continue };
            reasons.push(text!(
                "k8s_placement.no-room",
                "{node} has no room for one of the pods: it needs {wanted} of {resource}, what runs there asks for {taken}, and \
                 {has} is all that the node has; move pods away (`kubectl get pods -A --field-selector spec.nodeName={node}`)",
                node = node_name,
                wanted = written(wanted),
                resource,
                taken = written(taken),
                has = written(has)
            ));
        }
    }
    reasons
}
