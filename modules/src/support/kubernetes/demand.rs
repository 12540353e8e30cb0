//! What a pod asks for, and what it may use at most, as the scheduler and quotas count it.

use serde_json::Value;

use super::quantity::nanos;

/// One, in nanounits.
pub(crate) const ONE: i128 = 1_000_000_000;

/// Which of the two amounts of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    /// What it asks for; what it may use at most, if it does not say.
    Requests,
    /// What it may use at most.
    Limits,
}

impl Section {
    fn of<'a>(self, container: &'a Value, resource: &str) -> &'a Value {
        let resources = &container["resources"];
        let (requests, limits) = (&resources["requests"][resource], &resources["limits"][resource]);
        match self {
            // The API server fills in a request from a limit.
            Self::Requests if requests.is_null() => limits,
            Self::Requests => requests,
            Self::Limits => limits,
        }
    }
}

/// What a pod asks for, in nanounits: its containers and sidecars together, or its largest init container, and its overhead.
pub(crate) fn of(spec: &Value, section: Section, resource: &str) -> i128 {
    let of = |container: &Value| nanos(section.of(container, resource)).unwrap_or(0);
    let containers = |field: &str| spec[field].as_array().cloned().unwrap_or_default();
    let (sidecars, inits): (Vec<Value>, Vec<Value>) =
        containers("initContainers").into_iter().partition(|container| container["restartPolicy"] == "Always");
    let together: i128 = containers("containers").iter().chain(&sidecars).map(of).sum();
    let first = inits.iter().map(of).max().unwrap_or(0);
    together.max(first) + nanos(&spec["overhead"][resource]).unwrap_or(0)
}
