//! What a step does at an API server, as far as its parameters tell before anything was looked at: the rights that it needs.

use serde::Serialize;
use serde_json::Value;

/// One verb on one resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Access {
    /// The site, by its name or role, if it is not the target's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// The API version, which a kind that is not built in needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// The kind; [`Access::CHART`] for whatever a chart has in it.
    pub kind: String,
    /// What of its objects, if not they themselves: `scale`, `exec`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subresource: Option<&'static str>,
    /// The namespace; none for kinds without, and where all are meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The verb: `get`, `list`, `create`, `patch`, `update`, `delete`.
    pub verb: &'static str,
}

impl Access {
    /// In place of a kind: all that a chart has.
    pub const CHART: &'static str = "*";

    /// Verbs on objects of a built-in kind.
    pub fn to(kind: &str, namespace: Option<&str>, verbs: &[&'static str]) -> Vec<Self> {
        let one = |verb: &&'static str| Self {
            site: None,
            api_version: None,
            kind: kind.to_owned(),
            subresource: None,
            namespace: namespace.map(str::to_owned),
            verb,
        };
        verbs.iter().map(one).collect()
    }

    /// The same for a part of the objects.
    #[must_use]
    pub fn of_part(mut self, subresource: &'static str) -> Self {
        self.subresource = Some(subresource);
        self
    }

    /// The same at another site.
    #[must_use]
    pub fn at(mut self, site: &str) -> Self {
        self.site = Some(site.to_owned());
        self
    }

    /// Verbs on objects of the kind that parameters name with `api_version`, `kind` and `namespace`; none if one of these is not
    /// known yet.
    pub fn named(params: &Value, verbs: &[&'static str]) -> Vec<Self> {
        let Some(kind) = params["kind"].as_str() else { return Vec::new() };
        let (Ok(api_version), Ok(namespace)) = (text(params, "api_version"), text(params, "namespace")) else {
            return Vec::new();
        };
        let of = |access: Self| Self { api_version: api_version.map(str::to_owned), ..access };
        Self::to(kind, namespace, verbs).into_iter().map(of).collect()
    }
}

/// A parameter that is a text; none if it is absent, an error if it is not known yet.
fn text<'a>(params: &'a Value, name: &str) -> Result<Option<&'a str>, ()> {
    match params.get(name) {
        None => Ok(None),
        Some(value) => value.as_str().map(Some).ok_or(()),
    }
}
