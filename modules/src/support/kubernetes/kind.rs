//! Kinds of objects: their group, version, name in paths, and whether they live in namespaces. The built-in ones are a
//! table; custom ones are looked up by discovery.

use std::borrow::Cow;
use std::fmt;

use cutover_engine::failure::{Failure, FailureClass};
use cutover_engine::module::Context;
use cutover_engine::source::nearest;
use cutover_engine::text;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_json::Value;

use super::text;

/// A kind of object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Kind {
    /// Its API group; empty for the core group.
    pub(crate) group: Cow<'static, str>,
    /// Its version.
    pub(crate) version: Cow<'static, str>,
    /// Its name: `StatefulSet`.
    pub(crate) kind: Cow<'static, str>,
    /// Its name in paths: `statefulsets`.
    pub(crate) plural: Cow<'static, str>,
    /// Whether its objects live in namespaces.
    pub(crate) namespaced: bool,
}

const fn known(
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
    namespaced: bool,
) -> Kind {
    Kind {
        group: Cow::Borrowed(group),
        version: Cow::Borrowed(version),
        kind: Cow::Borrowed(kind),
        plural: Cow::Borrowed(plural),
        namespaced,
    }
}

/// Nodes.
pub(crate) const NODE: Kind = known("", "v1", "Node", "nodes", false);
/// Pods.
pub(crate) const POD: Kind = known("", "v1", "Pod", "pods", true);
/// Events.
pub(crate) const EVENT: Kind = known("", "v1", "Event", "events", true);
/// Volumes.
pub(crate) const VOLUME: Kind = known("", "v1", "PersistentVolume", "persistentvolumes", false);
/// Claims of volumes.
pub(crate) const CLAIM: Kind = known("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", true);
/// StatefulSets.
pub(crate) const STATEFUL_SET: Kind = known("apps", "v1", "StatefulSet", "statefulsets", true);

/// A ResourceQuota.
pub(crate) const QUOTA: Kind = known("", "v1", "ResourceQuota", "resourcequotas", true);
/// A HorizontalPodAutoscaler, in the version that every API server serves.
pub(crate) const AUTOSCALER: Kind =
    known("autoscaling", "v1", "HorizontalPodAutoscaler", "horizontalpodautoscalers", true);

const RBAC: &str = "rbac.authorization.k8s.io";

/// The built-in kinds. Of a kind with several versions the newest comes first.
static BUILT_IN: &[Kind] = &[
    known("", "v1", "Namespace", "namespaces", false),
    NODE,
    VOLUME,
    CLAIM,
    POD,
    EVENT,
    known("", "v1", "Service", "services", true),
    known("", "v1", "Endpoints", "endpoints", true),
    known("", "v1", "ServiceAccount", "serviceaccounts", true),
    known("", "v1", "ConfigMap", "configmaps", true),
    known("", "v1", "Secret", "secrets", true),
    known("", "v1", "LimitRange", "limitranges", true),
    QUOTA,
    known("", "v1", "PodTemplate", "podtemplates", true),
    known("", "v1", "ReplicationController", "replicationcontrollers", true),
    STATEFUL_SET,
    known("apps", "v1", "Deployment", "deployments", true),
    known("apps", "v1", "ReplicaSet", "replicasets", true),
    known("apps", "v1", "DaemonSet", "daemonsets", true),
    known("apps", "v1", "ControllerRevision", "controllerrevisions", true),
    known("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", true),
    AUTOSCALER,
    known("batch", "v1", "Job", "jobs", true),
    known("batch", "v1", "CronJob", "cronjobs", true),
    known("batch", "v1beta1", "CronJob", "cronjobs", true),
    known("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", true),
    known("policy", "v1beta1", "PodDisruptionBudget", "poddisruptionbudgets", true),
    known("storage.k8s.io", "v1", "StorageClass", "storageclasses", false),
    known("storage.k8s.io", "v1", "VolumeAttachment", "volumeattachments", false),
    known("storage.k8s.io", "v1", "CSIDriver", "csidrivers", false),
    known("storage.k8s.io", "v1", "CSINode", "csinodes", false),
    known("coordination.k8s.io", "v1", "Lease", "leases", true),
    known("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", true),
    known("networking.k8s.io", "v1", "Ingress", "ingresses", true),
    known("scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", false),
    known(RBAC, "v1", "Role", "roles", true),
    known(RBAC, "v1", "RoleBinding", "rolebindings", true),
    known(RBAC, "v1", "ClusterRole", "clusterroles", false),
    known(RBAC, "v1", "ClusterRoleBinding", "clusterrolebindings", false),
    known("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", false),
];

/// What a segment of a path may hold as it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b':');

/// Encodes a segment of a path, or a value of a query.
pub(crate) fn encode(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

impl Kind {
    /// `v1` or `apps/v1`.
    pub(crate) fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.to_string() } else { format!("{}/{}", self.group, self.version) }
    }

    /// Whether it is one of the table.
    pub(crate) fn is_built_in(&self) -> bool {
        BUILT_IN.iter().any(|known| (&known.group, &known.kind) == (&self.group, &self.kind))
    }

    /// The path of all its objects, of one namespace if one is given.
    pub(crate) fn collection(&self, namespace: Option<&str>) -> String {
        let root = if self.group.is_empty() { "/api" } else { "/apis" };
        let root = format!("{root}/{}", self.api_version());
        match namespace.filter(|_| self.namespaced) {
            Some(namespace) => format!("{root}/namespaces/{}/{}", encode(namespace), self.plural),
            None => format!("{root}/{}", self.plural),
        }
    }

    /// The path of one object.
    pub(crate) fn object(&self, namespace: Option<&str>, name: &str) -> String {
        format!("{}/{}", self.collection(namespace), encode(name))
    }

    /// What people call one of its objects: `StatefulSet common/etcd`, `Node worker01`.
    pub(crate) fn title(&self, namespace: Option<&str>, name: &str) -> String {
        match namespace.filter(|_| self.namespaced) {
            Some(namespace) => format!("{} {namespace}/{name}", self.kind),
            None => format!("{} {name}", self.kind),
        }
    }

    /// What the key of a change calls one of its objects: `StatefulSet.apps common/etcd`.
    pub(crate) fn key(&self, namespace: Option<&str>, name: &str) -> String {
        let kind = if self.group.is_empty() { self.kind.to_string() } else { format!("{}.{}", self.kind, self.group) };
        match namespace.filter(|_| self.namespaced) {
            Some(namespace) => format!("{kind} {namespace}/{name}"),
            None => format!("{kind} {name}"),
        }
    }

    /// An error unless a namespace is given exactly where the kind has them. `None` is allowed where `all` namespaces can
    /// be meant. What is built in was judged with the parameters; of other kinds only the API server knows.
    pub(crate) fn check(&self, namespace: Option<&str>, all: bool) -> Result<(), Failure> {
        self.judge_namespace(namespace, all).map_err(|mut failure| {
            failure.class = FailureClass::Failed;
            failure
        })
    }

    fn judge_namespace(&self, namespace: Option<&str>, all: bool) -> Result<(), Failure> {
        let kind = &self.kind;
        match namespace {
            Some(_) if !self.namespaced => {
                Err(Failure::invalid(text!("kubernetes.kind.no-namespaces", "{kind} has no namespaces", kind))
                    .pointer("/namespace")
                    .help(text!("kubernetes.kind.no-namespaces.help", "leave `namespace` out")))
            }
            None if self.namespaced && !all => {
                let message =
                    text!("kubernetes.kind.needs-namespace", "a {kind} lives in a namespace: give `namespace`", kind);
                Err(Failure::invalid(message).pointer("/namespace"))
            }
            _ => Ok(()),
        }
    }

    /// Judges how an author names a kind, and whether a namespace is given where a built-in one has them.
    pub(crate) fn judge(
        api_version: Option<&str>,
        kind: &str,
        namespace: Option<&str>,
        all: bool,
    ) -> Result<(), Failure> {
        if let Some(api_version) = api_version {
            judge_version(api_version)?;
        } else if Self::known(None, kind).is_none() {
            return Err(unknown(kind));
        }
        if kind.is_empty() {
            return Err(Failure::invalid(text!("kubernetes.kind.empty", "`kind` is empty")).pointer("/kind"));
        }
        if let Some(namespace) = namespace {
            super::judge_name(namespace, "/namespace")?;
        }
        match Self::known(api_version, kind) {
            Some(known) => known.judge_namespace(namespace, all),
            None => Ok(()),
        }
    }

    /// The built-in kind that an author names, in any of its versions; `None` for a custom one.
    pub(crate) fn known(api_version: Option<&str>, kind: &str) -> Option<&'static Self> {
        let group = api_version.map(|version| version.split_once('/').map_or("", |(group, _)| group));
        BUILT_IN.iter().find(|known| known.kind == kind && group.is_none_or(|group| known.group == group))
    }

    /// Finds the kind that an author names. The API server is asked only about kinds that are not in the table, and about
    /// the version of kinds that have several.
    pub(crate) async fn find(cx: &Context, api_version: Option<&str>, kind: &str) -> Result<Self, Failure> {
        let site = cx.site()?;
        let Some(api_version) = api_version else {
            let mut candidates = BUILT_IN.iter().filter(|known| known.kind == kind);
            // What is not in the table was refused with the parameters.
            let first = candidates.next().ok_or_else(|| unknown(kind))?;
            let others: Vec<&Kind> = candidates.collect();
            if others.is_empty() {
                return Ok(first.clone());
            }
            let group = cx.get(site, &format!("/apis/{}", first.group)).await?.unwrap_or_default();
            let served = group["versions"].as_array().cloned().unwrap_or_default();
            let is_served = |known: &&Kind| served.iter().any(|entry| entry["version"] == known.version.as_ref());
            let mut all = std::iter::once(first).chain(others);
            return Ok(all.find(is_served).unwrap_or(first).clone());
        };
        let built_in = BUILT_IN.iter().find(|known| known.kind == kind && known.api_version() == api_version);
        // Of several versions an API server may serve any: old ones are removed.
        let versions = |known: &Kind| {
            BUILT_IN.iter().filter(|other| (&other.group, &other.kind) == (&known.group, &known.kind)).count()
        };
        match built_in {
            Some(known) if versions(known) == 1 => Ok(known.clone()),
            _ => discover(cx, site, api_version, kind).await,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.kind, self.api_version())
    }
}

fn unknown(kind: &str) -> Failure {
    let message = text!("kubernetes.kind.unknown", "`{kind}` is not a built-in kind", kind);
    let failure = Failure::invalid(message).pointer("/kind");
    failure.help(match nearest(kind, BUILT_IN.iter().map(|known| known.kind.as_ref())) {
        Some(meant) => text!(
            "kubernetes.kind.unknown.meant",
            "did you mean `{meant}`? For a custom kind give `api_version`, too",
            meant
        ),
        None => text!(
            "kubernetes.kind.unknown.help",
            "for a custom kind give `api_version`, too: `api_version: example.com/v1`"
        ),
    })
}

/// Refuses what is not an API version.
fn judge_version(api_version: &str) -> Result<(), Failure> {
    let version = api_version.split_once('/').map_or(api_version, |(_, version)| version);
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._/".contains(c);
    if version.is_empty() || version.contains('/') || !api_version.chars().all(plain) {
        let message = text!(
            "kubernetes.kind.api-version",
            "`{api_version}` is not an API version: write `v1` or `example.com/v1`",
            api_version
        );
        return Err(Failure::invalid(message).pointer("/api_version"));
    }
    Ok(())
}

/// Looks a kind up at the API server.
async fn discover(cx: &Context, site: &str, api_version: &str, kind: &str) -> Result<Kind, Failure> {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let root = if group.is_empty() { "api" } else { "apis" };
    let Some(found) = cx.get(site, &format!("/{root}/{api_version}")).await? else {
        let groups = cx.get(site, "/apis").await?.unwrap_or_default();
        let served = groups["groups"].as_array().into_iter().flatten();
        let served = served.flat_map(|group| group["versions"].as_array().into_iter().flatten());
        let served: Vec<&str> = served.map(|version| text(&version["groupVersion"])).collect();
        let message = text!("kubernetes.kind.no-api", "{site} does not serve the API {api_version}", site, api_version);
        // A version that was removed has a successor in its group.
        let in_group = |known: &&str| known.split_once('/').is_some_and(|(of, _)| of == group);
        let meant = served.iter().copied().find(in_group).or_else(|| nearest(api_version, served.iter().copied()));
        return Err(Failure::failed(message).help(match meant {
            Some(meant) => text!("kubernetes.kind.no-api.meant", "it serves `{meant}`", meant),
            None => text!(
                "kubernetes.kind.no-api.help",
                "install what defines it first (a CustomResourceDefinition or an aggregated API)"
            ),
        }));
    };
    let resources = found["resources"].as_array().cloned().unwrap_or_default();
    let own = |resource: &&Value| !text(&resource["name"]).contains('/');
    if let Some(resource) = resources.iter().filter(own).find(|resource| resource["kind"] == kind) {
        return Ok(Kind {
            group: Cow::Owned(group.to_owned()),
            version: Cow::Owned(version.to_owned()),
            kind: Cow::Owned(kind.to_owned()),
            plural: Cow::Owned(text(&resource["name"]).to_owned()),
            namespaced: resource["namespaced"] == true,
        });
    }
    let kinds: Vec<&str> = resources.iter().filter(own).map(|resource| text(&resource["kind"])).collect();
    let message =
        text!("kubernetes.kind.not-in-api", "{site} has no kind `{kind}` in {api_version}", site, kind, api_version);
    Err(Failure::failed(message).help(match nearest(kind, kinds.iter().copied()) {
        Some(meant) => text!("kubernetes.kind.not-in-api.meant", "did you mean `{meant}`?", meant),
        None => text!("kubernetes.kind.not-in-api.help", "it has {kinds}", kinds = kinds.join(", ")),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_follow_group_and_namespace() {
        assert_eq!(NODE.object(None, "worker01"), "/api/v1/nodes/worker01");
        assert_eq!(NODE.object(Some("common"), "worker01"), "/api/v1/nodes/worker01");
        assert_eq!(STATEFUL_SET.object(Some("common"), "a"), "/apis/apps/v1/namespaces/common/statefulsets/a");
        assert_eq!(CLAIM.collection(None), "/api/v1/persistentvolumeclaims");
        assert_eq!(POD.object(Some("a b"), "../x?y"), "/api/v1/namespaces/a%20b/pods/..%2Fx%3Fy");
        assert_eq!(STATEFUL_SET.title(Some("common"), "a"), "StatefulSet common/a");
        assert_eq!(NODE.title(Some("common"), "a"), "Node a");
    }

    #[test]
    fn a_misspelt_kind_is_recognised() {
        assert_eq!(
            unknown("Statefulset").help.map(|help| help.to_string()).as_deref(),
            Some("did you mean `StatefulSet`? For a custom kind give `api_version`, too")
        );
        assert!(unknown("CkeNode").help.is_some_and(|help| help.contains("give `api_version`")));
    }
}
