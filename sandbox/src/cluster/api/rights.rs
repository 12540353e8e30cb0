//! Authorization: what a request needs, whether the user has it, and the refusal, word for word as that of a real API server.

use serde_json::{Value, json};

use super::call::Call;
use super::kind;
use super::problem::Problem;
use super::store;
use crate::cluster::state::{Cluster, Key};
use crate::kernel::Rights;

/// What a request needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Needed<'a> {
    pub(crate) verb: &'a str,
    pub(crate) group: &'a str,
    /// The resource, with its subresource.
    pub(crate) resource: (&'a str, Option<&'a str>),
    pub(crate) namespace: Option<&'a str>,
    pub(crate) name: Option<&'a str>,
}

impl Needed<'_> {
    /// `pods/exec`.
    fn full(&self) -> String {
        match self.resource {
            (resource, Some(part)) => format!("{resource}/{part}"),
            (resource, None) => resource.to_owned(),
        }
    }

    fn is_granted(&self, cluster: &Cluster) -> bool {
        let granted = |rights: &Rights| rights.grant(self.verb, self.group, &self.full(), self.namespace);
        cluster.rights.as_deref().is_none_or(granted)
    }

    /// Why it is refused; none if the user has the right.
    pub(crate) fn refused(&self, cluster: &Cluster) -> Option<Problem> {
        if self.is_granted(cluster) {
            return None;
        }
        let user = cluster.rights.as_deref().map(|rights| rights.user.as_str()).unwrap_or_default();
        let (resource, group) = (self.resource.0, self.group);
        let mut what = if group.is_empty() { resource.to_owned() } else { format!("{resource}.{group}") };
        let mut details = json!({"kind": resource});
        if !group.is_empty() {
            details["group"] = json!(group);
        }
        if let Some(name) = self.name {
            what += &format!(" \"{name}\"");
            details["name"] = json!(name);
        }
        let place = match self.namespace {
            Some(namespace) => format!("in the namespace \"{namespace}\""),
            None => "at the cluster scope".to_owned(),
        };
        let message = format!(
            "{what} is forbidden: User \"{user}\" cannot {} resource \"{}\" in API group \"{group}\" {place}",
            self.verb,
            self.full()
        );
        Some(Problem { code: 403, reason: "Forbidden", message, details })
    }
}

/// Refuses what the user may not do with an object, whoever does it on his behalf.
pub(crate) fn permit(cluster: &Cluster, verbs: &[&str], key: &Key) -> Result<(), Problem> {
    let kind = store::kind_of_key(key)?;
    for verb in verbs {
        let name = Some(key.2.as_str()).filter(|name| !name.is_empty());
        let namespace = Some(key.1.as_str()).filter(|namespace| !namespace.is_empty());
        let needed = Needed { verb, group: kind.group, resource: (kind.plural, None), namespace, name };
        needed.refused(cluster).map_or(Ok(()), Err)?;
    }
    Ok(())
}

/// Why a request of the run is refused; none if its user has the rights that it needs.
pub(crate) fn refused(cluster: &Cluster, call: &Call) -> Option<Problem> {
    cluster.rights.as_ref()?;
    let segments: Vec<&str> = call.path.split('/').filter(|segment| !segment.is_empty()).collect();
    let needed = needed(&segments, call)?;
    if let Some(problem) = needed.refused(cluster) {
        return Some(problem);
    }
    // What is applied on the server and not there yet is created.
    let (plural, part) = needed.resource;
    let creates = needed.verb == "patch" && call.media_type.starts_with("application/apply-patch");
    let missing = || {
        let named = |key: &Key| key.1 == needed.namespace.unwrap_or_default() && Some(key.2.as_str()) == needed.name;
        let kind = kind::of_path(needed.group, plural);
        part.is_none() && kind.is_some_and(|kind| !cluster.list(kind.plural).any(|(key, _)| named(key)))
    };
    if creates && missing() { Needed { verb: "create", ..needed }.refused(cluster) } else { None }
}

/// What a request needs; none if everybody who has logged in may send it.
fn needed<'a>(segments: &[&'a str], call: &Call) -> Option<Needed<'a>> {
    let (group, rest): (&str, &[&str]) = match segments {
        ["api", _, rest @ ..] => ("", rest),
        ["apis", "authorization.k8s.io", _, "selfsubjectaccessreviews"] => return None,
        ["apis", group, _, rest @ ..] => (*group, rest),
        _ => return None,
    };
    let (namespace, rest) = match rest {
        ["namespaces", namespace, plural, ..] if !matches!(*plural, "status" | "finalize") => {
            (Some(*namespace), rest.get(2..).unwrap_or_default())
        }
        // A namespace is in itself.
        ["namespaces", name, ..] => (Some(*name), rest),
        _ => (None, rest),
    };
    let (resource, name, part) = match rest {
        [resource] => (*resource, None, None),
        [resource, name] => (*resource, Some(*name), None),
        [resource, name, part, ..] => (*resource, Some(*name), Some(*part)),
        [] => return None,
    };
    let verb = match (call.method.as_str(), name) {
        ("GET", Some(_)) => "get",
        ("GET", None) => "list",
        ("POST", _) => "create",
        ("PUT", _) => "update",
        ("PATCH", _) => "patch",
        ("DELETE", Some(_)) => "delete",
        _ => "deletecollection",
    };
    Some(Needed { verb, group, resource: (resource, part), namespace, name })
}

/// Answers a `SelfSubjectAccessReview`.
pub(crate) fn review(cluster: &Cluster, body: &Value) -> Value {
    let attributes = &body["spec"]["resourceAttributes"];
    let word = |name: &str| attributes[name].as_str().filter(|word| !word.is_empty());
    let needed = Needed {
        verb: word("verb").unwrap_or_default(),
        group: word("group").unwrap_or_default(),
        resource: (word("resource").unwrap_or_default(), word("subresource")),
        namespace: word("namespace"),
        name: word("name"),
    };
    json!({
        "kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "metadata": {},
        "spec": body["spec"], "status": {"allowed": needed.is_granted(cluster)},
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::kernel::WorldSpec;

    /// A cluster whose user has one rule: `pods/exec: get` in `common`.
    fn limited() -> Cluster {
        let rule = json!({"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["get"]});
        let rights = json!({"user": "limited", "namespaces": {"common": [rule]}});
        let rights: Rights = serde_json::from_value(rights).unwrap();
        let spec = Arc::new(WorldSpec { rights: Some(rights), ..WorldSpec::default() });
        Cluster::new("primary", spec, 1, jiff::Timestamp::UNIX_EPOCH, Vec::new())
    }

    fn sent(method: &str, path: &str) -> Option<Value> {
        let call = Call {
            method: method.to_owned(),
            path: path.to_owned(),
            query: Vec::new(),
            media_type: "application/json".to_owned(),
            body: Value::Null,
        };
        refused(&limited(), &call).map(|problem| problem.status())
    }

    #[test]
    fn refusals_are_those_of_a_real_api_server() {
        // As a real 1.36.2 has answered a user with RBAC.
        let recorded = [
            (
                ("GET", "/api/v1/namespaces/rec-special/configmaps"),
                "configmaps is forbidden: User \"limited\" cannot list resource \"configmaps\" in API group \"\" in the namespace \
                 \"rec-special\"",
                json!({"kind": "configmaps"}),
            ),
            (
                ("PATCH", "/api/v1/nodes/worker01"),
                "nodes \"worker01\" is forbidden: User \"limited\" cannot patch resource \"nodes\" in API group \"\" at the cluster scope",
                json!({"name": "worker01", "kind": "nodes"}),
            ),
            (
                ("GET", "/api/v1/namespaces/other/pods/common-etcd-etcd-0/exec"),
                "pods \"common-etcd-etcd-0\" is forbidden: User \"limited\" cannot get resource \"pods/exec\" in API group \"\" in the \
                 namespace \"other\"",
                json!({"name": "common-etcd-etcd-0", "kind": "pods"}),
            ),
        ];
        for ((method, path), message, details) in recorded {
            let status = json!({
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
                "reason": "Forbidden", "details": details, "code": 403,
            });
            assert_eq!(sent(method, path), Some(status), "{method} {path}");
        }
    }

    #[test]
    fn discovery_versions_and_reviews_are_for_everybody() {
        for path in ["/version", "/api", "/apis/apps/v1", "/apis", "/readyz"] {
            assert_eq!(sent("GET", path), None, "{path}");
        }
        assert_eq!(sent("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"), None);
        assert_eq!(sent("GET", "/api/v1/namespaces/common/pods/a/exec"), None, "granted");
        let review = |verb: &str| {
            let attributes = json!({"verb": verb, "resource": "pods", "subresource": "exec", "namespace": "common"});
            review(&limited(), &json!({"spec": {"resourceAttributes": attributes}}))["status"]["allowed"].clone()
        };
        assert_eq!((review("get"), review("create")), (json!(true), json!(false)));
    }
}
