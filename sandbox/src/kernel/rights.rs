//! What the kubeconfig's user may do, in the words of RBAC, so that the rules of a Role can be pasted into a world file.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The rights of the kubeconfig's user at the API servers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rights {
    /// The user's name, as refusals tell it.
    pub user: String,
    /// The rules of ClusterRoles that are bound for the whole cluster.
    pub everywhere: Vec<Rule>,
    /// The rules of Roles that are bound in a namespace, by its name.
    pub namespaces: BTreeMap<String, Vec<Rule>>,
}

/// A rule, as in a Role or ClusterRole. `*` stands for all.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The API groups; `""` is the core group.
    #[serde(rename = "apiGroups")]
    pub groups: Vec<String>,
    /// The resources, with a subresource if it is about one: `statefulsets/scale`.
    pub resources: Vec<String>,
    /// The verbs.
    pub verbs: Vec<String>,
}

impl Rights {
    /// Whether a verb is granted on a resource, in a namespace or, without one, in the whole cluster.
    pub(crate) fn grant(&self, verb: &str, group: &str, resource: &str, namespace: Option<&str>) -> bool {
        let here = namespace.and_then(|namespace| self.namespaces.get(namespace));
        self.everywhere.iter().chain(here.into_iter().flatten()).any(|rule| rule.grants(verb, group, resource))
    }
}

impl Rule {
    fn grants(&self, verb: &str, group: &str, resource: &str) -> bool {
        let has = |list: &[String], word: &str| list.iter().any(|known| known == "*" || known == word);
        has(&self.groups, group) && has(&self.resources, resource) && has(&self.verbs, verb)
    }
}
