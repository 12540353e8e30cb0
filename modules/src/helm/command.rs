//! helm's command lines. Kubeconfig, context and namespace are always explicit: a tool that works on two clusters must not
//! take a current context by accident.

use cutover_engine::action::Action;
use cutover_engine::failure::{Failure, FailureClass};
use cutover_engine::inventory::Inventory;
use cutover_engine::module::Context;
use cutover_engine::query::ReadOnly;
use cutover_engine::reads;
use cutover_engine::text;
use cutover_engine::world::{Command, Output, Place};
use serde::Serialize;
use serde_json::{Map, Value};

use super::Params;

/// How helm reaches a cluster.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Cluster {
    /// The path of its kubeconfig.
    kubeconfig: String,
    /// The context in it.
    context: String,
}

impl Cluster {
    /// Takes a site's cluster from the inventory.
    pub(super) fn of(inventory: &Inventory, site: &str) -> Result<Self, Failure> {
        let kubernetes = inventory.sites.get(site).map(|site| site.kubernetes.clone()).unwrap_or_default();
        for (field, text) in [("kubeconfig", &kubernetes.kubeconfig), ("context", &kubernetes.context)] {
            if text.is_empty() {
                let words =
                    text!("helm.site", "site `{site}` has no `kubernetes.{field}`: helm needs it", site = site, field);
                return Err(Failure::invalid(words).help(text!(
                    "helm.site.help",
                    "set `sites.{site}.kubernetes.{field}` in the inventory",
                    site = site,
                    field
                )));
            }
        }
        // Relative to the inventory, as everywhere; `~` is the loader's.
        let directory = inventory.source.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let kubeconfig = match directory {
            Some(directory) if !kubernetes.kubeconfig.starts_with(['/', '~']) => {
                directory.join(&kubernetes.kubeconfig).to_string_lossy().into_owned()
            }
            _ => kubernetes.kubeconfig,
        };
        Ok(Self { kubeconfig, context: kubernetes.context })
    }
}

/// helm for one release of one cluster.
#[derive(Debug, Clone)]
pub(super) struct Cli {
    cluster: Cluster,
    namespace: String,
    chdir: Option<String>,
    /// The release.
    pub(super) release: String,
}

impl Cli {
    /// For the release that the parameters name.
    pub(super) fn new(cluster: &Cluster, params: &Params) -> Self {
        Self {
            cluster: cluster.clone(),
            namespace: params.namespace.clone(),
            chdir: params.chdir.clone(),
            release: params.release.clone(),
        }
    }

    /// A command that only reads, before its subcommand.
    fn reads(&self) -> ReadOnly {
        let Cluster { kubeconfig, context } = &self.cluster;
        reads::HELM.of([kubeconfig, context, &self.namespace]).chdir(self.chdir.as_deref())
    }

    /// Reads the revisions. Finding nothing is an answer, too.
    pub(super) fn history(&self) -> ReadOnly {
        self.reads().and(&reads::HELM_HISTORY, [&self.release]).accept([1])
    }

    /// Reads the values that a revision was given.
    pub(super) fn values(&self, revision: u64) -> ReadOnly {
        self.reads().and(&reads::HELM_GET_VALUES, [&self.release, &revision.to_string()])
    }

    /// Reads the objects of a revision.
    pub(super) fn manifest(&self, revision: u64) -> ReadOnly {
        self.reads().and(&reads::HELM_GET_MANIFEST, [&self.release, &revision.to_string()])
    }

    /// Reads name and version of a chart.
    pub(super) fn chart(&self, chart: &str, version: Option<&str>) -> ReadOnly {
        self.reads().and(&reads::HELM_SHOW_CHART, [chart]).and_if(&reads::HELM_VERSION, version)
    }

    /// Renders a chart, or a version of it, for a version of Kubernetes.
    pub(super) fn template(&self, chart: (&str, Option<&str>), kubernetes: Option<&str>) -> ReadOnly {
        let template = self.reads().and(&reads::HELM_TEMPLATE, [&self.release, chart.0]);
        template.and_if(&reads::HELM_VERSION, chart.1).and_if(&reads::HELM_KUBE_VERSION, kubernetes)
    }

    /// A command about the cluster.
    pub(super) fn command<S: AsRef<str>>(&self, words: impl IntoIterator<Item = S>) -> Command {
        let words = words.into_iter().map(|word| word.as_ref().to_owned());
        let mut command = self.reads().into_command();
        command.argv.extend(words);
        command
    }

    /// A command with values on its standard input.
    pub(super) fn with_values<S: AsRef<str>>(
        &self,
        words: impl IntoIterator<Item = S>,
        values: &Map<String, Value>,
    ) -> Command {
        let mut command = self.command(words).stdin(values_text(values));
        command.argv.extend(["--values", "-"].map(str::to_owned));
        command
    }

    /// A command as an action.
    pub(super) fn action(command: Command) -> Action {
        Action::Exec { place: Place::Controller, command }
    }

    /// Runs a command that must succeed, and returns its standard output.
    pub(super) async fn read(&self, cx: &Context, command: &ReadOnly) -> Result<String, Failure> {
        let output = cx.read_at(&Place::Controller, command).await?;
        if output.success() { Ok(output.stdout) } else { Err(failed(command, &output)) }
    }
}

/// Values as helm reads them.
pub(super) fn values_text(values: &Map<String, Value>) -> String {
    Value::Object(values.clone()).to_string()
}

/// Whether helm says that there is no such release.
pub(super) fn not_found(output: &Output) -> bool {
    output.stderr.contains("release: not found")
}

/// What a failed helm means.
pub(super) fn failed(command: &Command, output: &Output) -> Failure {
    let mut failure = crate::support::storage::failed(command, output);
    // Written in upper case by helm 3 and in lower case by helm 4.
    if output.stderr.contains("ubernetes cluster unreachable") {
        failure.class = FailureClass::Unreachable;
    }
    failure.help = match &output.exit {
        cutover_engine::world::Exit::Code(127) => {
            Some(text!("helm.not-installed", "install helm on the machine that cutover runs on"))
        }
        _ => None,
    };
    failure
}
