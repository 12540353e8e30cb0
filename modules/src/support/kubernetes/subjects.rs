//! What belongs to an object as far as a plan is concerned: what is seen at the one when the other changes.

use cutover_engine::subject::Subject;

use super::kind::{CLAIM, Kind, VOLUME};

/// Kinds whose objects make pods, or are some.
const WORKLOADS: [&str; 8] =
    ["Pod", "StatefulSet", "Deployment", "ReplicaSet", "DaemonSet", "ReplicationController", "Job", "CronJob"];

/// An object, or with an empty name all of a kind, and what goes with it: the pods of a workload, the claims of a
/// StatefulSet, the volumes of claims. Objects of custom kinds may make pods, too.
pub(crate) fn of(
    site: &str,
    api_version: Option<&str>,
    kind: &str,
    namespace: Option<&str>,
    name: &str,
) -> Vec<Subject> {
    let known = Kind::known(api_version, kind);
    let namespace = namespace.filter(|_| known.is_none_or(|known| known.namespaced)).unwrap_or_default();
    let mut subjects = vec![object(site, kind, namespace, name)];
    if WORKLOADS.contains(&kind) || (known.is_none() && !namespace.is_empty()) {
        subjects.push(pods(site, namespace, name));
    }
    if kind == "StatefulSet" {
        subjects.push(all(site, &CLAIM, namespace));
    }
    if matches!(kind, "StatefulSet" | "PersistentVolumeClaim") {
        subjects.push(all(site, &VOLUME, ""));
    }
    subjects
}

/// All objects of a kind.
pub(crate) fn all(site: &str, kind: &Kind, namespace: &str) -> Subject {
    object(site, &kind.kind, namespace, "")
}

/// The pods whose names begin so.
pub(crate) fn pods(site: &str, namespace: &str, name: &str) -> Subject {
    let [site, namespace, name] = [site, namespace, name].map(str::to_owned);
    Subject::Pods { site, namespace, name }
}

fn object(site: &str, kind: &str, namespace: &str, name: &str) -> Subject {
    let [site, kind, namespace, name] = [site, kind, namespace, name].map(str::to_owned);
    Subject::Object { site, kind, namespace, name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_touches_what_follows_from_it() {
        let of = |kind: &str, namespace: Option<&str>, name: &str| of("primary", None, kind, namespace, name);
        let touch = |a: &[Subject], b: &[Subject]| a.iter().any(|one| b.iter().any(|other| one.touches(other)));
        let set = of("StatefulSet", Some("common"), "etcd");
        assert!(touch(&set, &of("Pod", Some("common"), "etcd-0")));
        assert!(touch(&set, &of("PersistentVolumeClaim", Some("common"), "data-etcd-0")));
        let claim = of("PersistentVolumeClaim", Some("common"), "data-etcd-0");
        assert!(touch(&claim, &of("PersistentVolume", None, "etcd-0")), "a claim waits for its volume");
        assert!(!touch(&claim, &of("ConfigMap", Some("common"), "etcd")));
        assert!(!touch(&set, &of("StatefulSet", Some("other"), "redis")[..2]));
    }
}
