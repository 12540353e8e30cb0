//! helm's command lines. Kubeconfig, context and namespace are always explicit: a tool that works on two clusters must not
//! take a current context by accident.

use cutover_engine::action::Action;
use cutover_engine::failure::{Failure, FailureClass};
use cutover_engine::module::Context;
use cutover_engine::world::{Command, Output, Place};
use serde_json::{Map, Value};

use super::Params;

/// helm for one release of one cluster.
#[derive(Debug, Clone)]
pub(super) struct Cli {
    kubeconfig: String,
    context: String,
    namespace: String,
    chdir: Option<String>,
    /// The release.
    pub(super) release: String,
}

impl Cli {
    /// For the cluster of the task's site.
    pub(super) fn new(cx: &Context, params: &Params) -> Result<Self, Failure> {
        Self::at(cx, params, cx.site()?)
    }

    /// Takes a site's cluster from the inventory.
    pub(super) fn at(cx: &Context, params: &Params, site: &str) -> Result<Self, Failure> {
        let inventory = cx.inventory();
        let kubernetes = inventory.sites.get(site).map(|site| site.kubernetes.clone()).unwrap_or_default();
        for (field, text) in [("kubeconfig", &kubernetes.kubeconfig), ("context", &kubernetes.context)] {
            if text.is_empty() {
                return Err(Failure::invalid(format!("site `{site}` has no `kubernetes.{field}`: helm needs it"))
                    .help(format!("set `sites.{site}.kubernetes.{field}` in the inventory")));
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
        Ok(Self {
            kubeconfig,
            context: kubernetes.context,
            namespace: params.namespace.clone(),
            chdir: params.chdir.clone(),
            release: params.release.clone(),
        })
    }

    /// A command about the cluster.
    pub(super) fn command<S: AsRef<str>>(&self, words: impl IntoIterator<Item = S>) -> Command {
        let words = words.into_iter().map(|word| word.as_ref().to_owned());
        let [config, context, namespace] = [&self.kubeconfig, &self.context, &self.namespace];
        let head = ["helm", "--kubeconfig", config, "--kube-context", context, "--namespace", namespace];
        let mut command = Command::new(head.into_iter().map(str::to_owned).chain(words));
        command.cwd.clone_from(&self.chdir);
        command
    }

    /// A command with values on its standard input.
    pub(super) fn with_values<S: AsRef<str>>(
        &self,
        words: impl IntoIterator<Item = S>,
        values: &Map<String, Value>,
    ) -> Command {
        let text = Value::Object(values.clone()).to_string();
        let mut command = self.command(words).stdin(text);
        command.argv.extend(["--values", "-"].map(str::to_owned));
        command
    }

    /// A command as an action.
    pub(super) fn action(command: Command) -> Action {
        Action::Exec { place: Place::Controller, command }
    }

    /// Runs a command that must succeed, and gives its standard output.
    pub(super) async fn read(&self, cx: &Context, command: &Command) -> Result<String, Failure> {
        let output = cx.read_at(&Place::Controller, command).await?;
        if output.success() { Ok(output.stdout) } else { Err(failed(command, &output)) }
    }
}

/// Whether helm says that there is no such release.
pub(super) fn not_found(output: &Output) -> bool {
    output.stderr.contains("release: not found")
}

/// What a failed helm means.
pub(super) fn failed(command: &Command, output: &Output) -> Failure {
    let mut failure = crate::storage::failed(command, output);
    // Written in upper case by helm 3 and in lower case by helm 4.
    if output.stderr.contains("ubernetes cluster unreachable") {
        failure.class = FailureClass::Unreachable;
    }
    failure.help = match &output.exit {
        cutover_engine::world::Exit::Code(127) => Some("install helm on the machine that cutover runs on".into()),
        _ => None,
    };
    failure
}
