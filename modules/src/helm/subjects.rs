//! What a release is made of, as far as a plan is concerned. Which objects a chart brings is known only once it is rendered, so
//! it is all objects of the kinds that charts are made of. Not of custom kinds.

use cutover_engine::subject::Subject;

use super::Params;
use crate::support::kubernetes::subjects;

/// The kinds that charts are made of.
const KINDS: [&str; 13] = [
    "StatefulSet",
    "Deployment",
    "DaemonSet",
    "Job",
    "CronJob",
    "Pod",
    "Service",
    "ConfigMap",
    "Secret",
    "ServiceAccount",
    "Ingress",
    "PodDisruptionBudget",
    "NetworkPolicy",
];

/// The release, those of its kinds in its namespace, and the release whose values it takes.
pub(super) fn of(site: &str, params: &Params) -> Vec<Subject> {
    let Params { namespace, release, .. } = params;
    let named = |site: &str, kind: &str, namespace: &str, name: &str| Subject::Object {
        site: site.to_owned(),
        kind: kind.to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    };
    let mut all = vec![named(site, "Release", namespace, release)];
    all.extend(params.values_of.iter().map(|other| named(other, "Release", namespace, release)));
    all.push(named(site, "Namespace", "", namespace));
    for kind in KINDS {
        all.push(named(site, kind, namespace, ""));
    }
    all.push(subjects::pods(site, namespace, ""));
    all.push(subjects::all(site, &crate::support::kubernetes::kind::CLAIM, namespace));
    all.push(subjects::all(site, &crate::support::kubernetes::kind::VOLUME, ""));
    all
}
