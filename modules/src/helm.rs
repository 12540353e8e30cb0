//! `helm`: a release that is to be installed, or not. What is looked at is in `look`, manifests are compared in `manifest`,
//! and the verdicts are in `present`, `absent` and `settled`. Readiness of what a release brings is the job of `k8s_wait`.

mod absent;
mod claims;
mod command;
mod look;
mod manifest;
mod pods;
mod present;
mod registered;
mod save;
mod settled;
mod subjects;
#[cfg(test)]
mod tests;

use cutover_engine::action::Done;
use cutover_engine::failure::Failure;
use cutover_engine::inventory::Inventory;
use cutover_engine::module::{Access, Context, Diff, Facts, Module, Targets};
use cutover_engine::subject::Subject;
use cutover_engine::text;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::support::kubernetes::access;
use command::{Cli, Cluster};
use look::State;

/// The module `helm`.
#[derive(Clone, Copy)]
pub(crate) struct Helm;

/// Whether the release is to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Wanted {
    /// Installed from `chart`, with these values, and no drift between what the chart renders to and what is deployed.
    #[default]
    Present,
    /// Uninstalled, and its pods gone. Claims that a StatefulSet made from its templates stay (helm does not own them); a set
    /// that would take them along (`persistentVolumeClaimRetentionPolicy` with `whenDeleted: Delete`) is made to keep them first.
    Absent,
    /// The last operation on it has come to its end, whatever the release is now. Only looked at, nothing is changed.
    Settled,
}

/// What a playbook says to `helm`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    /// Whether the release is to be there.
    #[serde(default)]
    pub(crate) state: Wanted,
    /// The release's name.
    pub(crate) release: String,
    /// The release's namespace.
    pub(crate) namespace: String,
    /// The chart: a directory, an archive, `repo/chart` or an OCI reference. Needed for `state: present`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) chart: Option<String>,
    /// The version the chart must have. For a directory or archive helm itself ignores it; here it is checked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) version: Option<String>,
    /// The user-supplied values, all of them: what a release has beyond these is reset. Left out or null: the release
    /// keeps its own, also when it was uninstalled with its history kept. They are fed to helm on standard input, so no secret stands in an argument list.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) values: Option<Map<String, Value>>,
    /// The site whose release of the same name and namespace supplies the values, so that both releases are alike. Instead of
    /// `values`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) values_of: Option<String>,
    /// The directory on the controller that helm runs in, against which a relative `chart` is found:
    /// `{{ playbook_dir }}`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) chdir: Option<String>,
    /// Make the namespace if it does not exist.
    #[serde(default)]
    pub(crate) create_namespace: bool,
    /// Recover a release that an interrupted helm left as `pending-*`: one that was being upgraded goes back to its last
    /// good revision, one that was being installed is uninstalled. Only when no other helm is at work on it.
    #[serde(default)]
    pub(crate) recover_pending: bool,
    /// Keep the release's history when it is uninstalled, so that this can be undone with `helm rollback`, without the
    /// chart.
    #[serde(default)]
    pub(crate) keep_history: bool,
    /// A directory on the controller where values, manifest and notes are kept before an upgrade or uninstall. Its files
    /// have mode 0600; a manifest may hold Secrets.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) save: Option<String>,
    /// The label selector of the release's pods, whose end is waited for after an uninstall (`helm uninstall --wait` does
    /// not do that). `app.kubernetes.io/instance=<release>` unless given, the label that charts carry by convention.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) selector: Option<String>,
}

impl Params {
    fn check(&self) -> Result<(), Failure> {
        let name = |text: &str| {
            !text.is_empty()
                && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.')
                && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        };
        for (field, text) in [("release", &self.release), ("namespace", &self.namespace)] {
            if !name(text) {
                let words = text!(
                    "helm.name",
                    "`{name}` is not a name: lower-case letters, digits, `-` and `.` only",
                    name = text
                );
                return Err(Failure::invalid(words).pointer(format!("/{field}")));
            }
        }
        if self.values.is_some() && self.values_of.is_some() {
            let words = text!("helm.values", "give `values` or `values_of`, not both");
            return Err(Failure::invalid(words).pointer("/values_of"));
        }
        let words = [("chdir", &self.chdir), ("save", &self.save), ("selector", &self.selector)];
        for (field, text) in words {
            if text.as_ref().is_some_and(|text| text.trim().is_empty()) {
                let words = text!("helm.empty", "`{field}` is empty: leave it out, or say which", field);
                return Err(Failure::invalid(words).pointer(format!("/{field}")));
            }
        }
        if let Some(version) = self.version.as_ref().filter(|version| version.is_empty() || version.starts_with('-')) {
            let words = text!("helm.version", "`{version}` is not a version", version);
            return Err(Failure::invalid(words).pointer("/version"));
        }
        match (&self.chart, self.state) {
            (None, Wanted::Present) => {
                let words = text!("helm.no-chart", "`chart` is missing: `state: present` installs one");
                Err(Failure::invalid(words).help(text!("helm.no-chart.help", "name the chart")))
            }
            // An argument that begins with a dash would be taken for an option.
            (Some(chart), _) if chart.is_empty() || chart.starts_with('-') => {
                Err(Failure::invalid(text!("helm.chart", "`{chart}` is not a chart", chart)).pointer("/chart"))
            }
            _ => Ok(()),
        }
    }

    /// The selector of the release's pods.
    fn selector(&self) -> String {
        self.selector.clone().unwrap_or_else(|| format!("app.kubernetes.io/instance={}", self.release))
    }
}

impl Module for Helm {
    const NAME: &'static str = "helm";
    const SUMMARY: &'static str = "Installs, upgrades or uninstalls a Helm release";
    const EXAMPLE: &'static str = r#"
name: Install the release
target: active
helm:
  release: common-etcd
  namespace: common
  chart: charts/etcd
  chdir: "{{ playbook_dir }}"
  values: {replicas: 3}
timeout: 5m
"#;

    const TARGETS: Targets = Targets::SITE;

    type Params = Params;
    type State = State;

    fn judge(params: &Params) -> Result<(), Failure> {
        params.check()
    }

    fn judge_on(facts: &Facts, inventory: &Inventory, params: &Params) -> Result<(), Failure> {
        Cluster::of(inventory, facts.site()?)?;
        let Some(other) = params.values_of.as_ref().filter(|_| params.state == Wanted::Present) else { return Ok(()) };
        if !inventory.sites.contains_key(other) {
            let words = text!("helm.no-site", "the inventory has no site `{site}`", site = other);
            return Err(Failure::invalid(words).pointer("/values_of"));
        }
        Cluster::of(inventory, other).map(drop)
    }

    fn subjects(&self, facts: &Facts, params: &Params) -> Option<Vec<Subject>> {
        facts.site().ok().map(|site| subjects::of(site, params))
    }

    async fn probe(&self, cx: &Context, params: &Params) -> Result<State, Failure> {
        look::look(cx, params).await
    }

    fn access(params: &Value) -> Vec<Access> {
        let Some(namespace) = access::namespace(params) else { return Vec::new() };
        let to = |kind: &str, verbs: &[&'static str]| Access::to(kind, Some(namespace), verbs);
        // Helm keeps releases in Secrets. A change is undone by another one, so that each may need what all need.
        let settled = params["state"] == "settled";
        let (secrets, objects) = match settled {
            true => (&["get", "list"][..], &["get"][..]),
            false => (&["get", "list", "create", "update", "delete"][..], &["get", "create", "patch", "delete"][..]),
        };
        let mut access = [to("Secret", secrets), to(Access::CHART, objects)].concat();
        if !settled {
            access.extend(to("Pod", &["list"]));
            access.extend(to("StatefulSet", &["get"]));
            access.extend(access::keeps_claims(namespace));
            let creates = params["create_namespace"] == true;
            access.extend(Access::to("Namespace", None, if creates { &["get", "create"] } else { &["get"] }));
        }
        if let Some(other) = params["values_of"].as_str() {
            access.extend(to("Secret", &["get", "list"]).into_iter().map(|access| access.at(other)));
        }
        access
    }

    fn diff(&self, _facts: &Facts, params: &Params, state: &State) -> Diff {
        let cli = Cli::new(&state.cluster, params);
        match params.state {
            Wanted::Present => present::diff(&cli, params, state),
            Wanted::Absent => absent::diff(&cli, params, state),
            Wanted::Settled => settled::diff(&cli, state),
        }
    }

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<registered::Registered>()
    }

    fn result(&self, _facts: &Facts, params: &Params, state: &State, done: &[Done]) -> Value {
        serde_json::to_value(registered::of(params, state, done)).unwrap_or(Value::Null)
    }
}
