//! `helm` on the controller: its command line, in the words of helm 3.17. What an installation does to a cluster is in
//! [`super`]. It knows the charts of the services, and values from standard input or files of the controller; not `--set`.

mod change;
mod query;
#[cfg(test)]
mod tests;

use std::time::Duration;

use cutover_engine::world::Place;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::{Record, records};
use crate::cluster::api::rights::permit;
use crate::cluster::chart::{Chart, ChartAt, merge_values};
use crate::cluster::clusters::Clusters;
use crate::cluster::state::{Cluster, key};
use crate::machine::program::{Call, Program, Reply};
use crate::machine::programs::options::Options;

/// `helm`
pub(crate) struct Helm;

/// What reading from or writing to the cluster takes.
const READ: Duration = Duration::from_millis(400);
const WRITE: Duration = Duration::from_millis(1500);

/// The options of all commands. `-f` is a filter for `list`.
const OPTIONS: &[&str] = &[
    "kubeconfig=",
    "kube-context=",
    "n|namespace=",
    "o|output=",
    "f|values=",
    "filter=",
    "version=",
    "revision=",
    "a|all",
    "A|all-namespaces",
    "deployed",
    "failed",
    "pending",
    "superseded",
    "uninstalled",
    "uninstalling",
    "max=",
    "create-namespace",
    "replace",
    "reset-values",
    "reuse-values",
    "keep-history",
    "is-upgrade",
    "no-hooks",
    "skip-tests",
    "kube-version=",
    "api-versions=",
    "timeout=",
    "description=",
    "short",
    "debug",
];

impl Program<Clusters> for Helm {
    fn names(&self) -> &'static [&'static str] {
        &["helm"]
    }

    fn run<'a>(&'a self, call: Call<'a, Clusters>) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            if *call.place != Place::Controller {
                return Reply::fail(127, "sh: 1: helm: not found\n");
            }
            let options = match Options::parse(call.args, OPTIONS) {
                Ok(options) => options,
                Err(words) => return failed(&format!("unknown flag: {}", words.split('\'').nth(1).unwrap_or(&words))),
            };
            let words: Vec<&str> = options.operands.iter().map(String::as_str).collect();
            let task = Task { call: &call, options: &options };
            let answer = match words.as_slice() {
                ["version"] => query::version(&task),
                ["show", "chart", chart] => query::show_chart(&task, chart),
                ["template", release, chart] => query::template(&task, release, chart),
                ["list" | "ls"] => task.read(|cluster| Ok(query::list(&task, cluster))).await,
                ["history", release] => task.read(|cluster| query::history(&task, cluster, release)).await,
                ["status", release] => task.read(|cluster| query::status(&task, cluster, release)).await,
                ["get", what, release] => task.read(|cluster| query::get(&task, cluster, what, release)).await,
                ["install", release, chart] => {
                    task.write(|cluster| change::install(&task, cluster, release, chart)).await
                }
                ["upgrade", release, chart] => {
                    task.write(|cluster| change::upgrade(&task, cluster, release, chart)).await
                }
                ["rollback", release, rest @ ..] => {
                    task.write(|cluster| change::rollback(cluster, task.namespace(), release, rest.first().copied()))
                        .await
                }
                ["uninstall" | "delete", release] => {
                    task.write(|cluster| change::uninstall(&task, cluster, release)).await
                }
                [
                    known @ ("install" | "upgrade" | "uninstall" | "rollback" | "history" | "status" | "template"),
                    ..,
                ] => Err(format!("\"helm {known}\" requires at least 1 argument\n\nUsage:  helm {known} [flags]")),
                other => {
                    let word = other.first().copied().unwrap_or_default();
                    Err(format!("unknown command \"{word}\" for \"helm\"\nRun 'helm --help' for usage."))
                }
            };
            answer.map_or_else(|words| failed(&words), Reply::ok)
        })
    }
}

fn failed(words: &str) -> Reply {
    Reply::fail(1, format!("Error: {words}\n"))
}

/// One run of helm.
struct Task<'a> {
    call: &'a Call<'a, Clusters>,
    options: &'a Options,
}

impl Task<'_> {
    fn namespace(&self) -> &str {
        self.options.value("n").unwrap_or("default")
    }

    fn wants_json(&self) -> bool {
        self.options.value("o") == Some("json")
    }

    /// The site whose cluster the context leads to.
    fn site(&self) -> Result<String, String> {
        let unreachable = |why: String| format!("Kubernetes cluster unreachable: {why}");
        let Some(context) = self.options.value("kube-context").filter(|context| !context.is_empty()) else {
            let why = "Get \"http://localhost:8080/version\": dial tcp 127.0.0.1:8080: connect: connection refused";
            return Err(unreachable(why.to_owned()));
        };
        let file = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
        let kubeconfig = self.options.value("kubeconfig").unwrap_or_default();
        let mut sites = self.call.world.hosts.kernel.inventory.sites.values().peekable();
        if !kubeconfig.is_empty() && !sites.clone().any(|site| file(&site.kubernetes.kubeconfig) == file(kubeconfig)) {
            return Err(unreachable(format!("stat {kubeconfig}: no such file or directory")));
        }
        let found = sites.find(|site| {
            site.kubernetes.context == context
                && (kubeconfig.is_empty() || file(&site.kubernetes.kubeconfig) == file(kubeconfig))
        });
        found.map(|site| site.name.clone()).ok_or_else(|| unreachable(format!("context \"{context}\" does not exist")))
    }

    async fn read(&self, work: impl FnOnce(&Cluster) -> Result<String, String>) -> Result<String, String> {
        tokio::time::sleep(READ).await;
        self.write_now(|cluster| work(cluster))
    }

    async fn write(&self, work: impl FnOnce(&mut Cluster) -> Result<String, String>) -> Result<String, String> {
        tokio::time::sleep(WRITE).await;
        self.write_now(work)
    }

    fn write_now(&self, work: impl FnOnce(&mut Cluster) -> Result<String, String>) -> Result<String, String> {
        let site = self.site()?;
        self.call.world.settle();
        let mut clusters = self.call.world.by_site();
        let cluster = clusters.get_mut(&site).filter(|cluster| cluster.answers);
        let cluster = cluster.ok_or_else(|| "Kubernetes cluster unreachable: dial tcp: i/o timeout".to_owned())?;
        // Releases are Secrets, found by their labels.
        let secrets = key("secrets", self.namespace(), "");
        for verb in ["list", "get"] {
            permit(cluster, &[verb], &secrets)
                .map_err(|problem| format!("query: failed to query with labels: {}", problem.message))?;
        }
        work(cluster)
    }

    /// The values of the command line, the last winning.
    fn values(&self) -> Result<Value, String> {
        let mut values = json!({});
        for source in self.options.values("f") {
            let bytes = match source.as_str() {
                "-" => self.call.stdin.clone(),
                path => {
                    let read =
                        self.call.world.hosts.with_machine(self.call.place, |machine| machine.read_file(path).ok());
                    read.flatten().ok_or_else(|| format!("open {path}: no such file or directory"))?
                }
            };
            let text = String::from_utf8_lossy(&bytes).into_owned();
            match serde_yaml::from_str::<Value>(&text) {
                Ok(Value::Null) => {}
                Ok(file @ Value::Object(_)) => merge_values(&mut values, &file),
                Ok(_) | Err(_) => {
                    return Err(format!(
                        "failed to parse {source}: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal \
                         into Go value of type map[string]interface {{}}"
                    ));
                }
            }
        }
        Ok(values)
    }
}

/// Finds a chart, or says what helm says. One that is not the built-in one is reported as not simulated.
fn chart(task: &Task<'_>, reference: &str) -> Result<Chart, String> {
    let world = task.call.world;
    let named = |name: &str| Chart::find(&world.charts, name);
    let cwd = task.call.command.cwd.as_deref();
    let Some(at) = world.chart_look.get().map(|look| look(cwd, reference)) else {
        return named(reference).ok_or_else(|| no_chart(reference));
    };
    let chart = match &at {
        ChartAt::Nowhere if reference.starts_with(['.', '/']) => return Err(no_chart(reference)),
        ChartAt::Nowhere | ChartAt::BuiltIn => named(reference),
        ChartAt::Other(name) => name.as_deref().and_then(named),
    };
    match (chart, at) {
        (Some(chart), ChartAt::BuiltIn) => Ok(chart),
        (Some(chart), _) => {
            let what = format!("rehearsed with the built-in chart {} in place of {reference}", chart.name());
            world.hosts.kernel.unsimulated("chart", what);
            Ok(chart)
        }
        (None, ChartAt::Nowhere) if !reference.contains('/') => Err(no_chart(reference)),
        (None, _) => Err(format!("the sandbox lacks chart: the chart {reference}, whose templates nobody renders")),
    }
}

/// What helm says where no chart is.
fn no_chart(reference: &str) -> String {
    match reference.split_once('/') {
        Some(("." | ".." | "", _)) => format!("path \"{reference}\" not found"),
        Some((repository, _)) => format!("repo {repository} not found"),
        None => format!("non-absolute URLs should be in form of repo_name/path_to_chart, got: {reference}"),
    }
}

/// The revisions of a release, oldest first.
fn revisions(cluster: &Cluster, namespace: &str, release: &str) -> Result<Vec<Record>, String> {
    let found: Vec<Record> = records(cluster, namespace).into_iter().filter(|record| record.name == release).collect();
    if found.is_empty() { Err("release: not found".to_owned()) } else { Ok(found) }
}

/// What helm prints of a release after a change, and for `status`.
fn summary(record: &Record) -> String {
    let stamp: Option<jiff::Timestamp> = record.info["last_deployed"].as_str().and_then(|text| text.parse().ok());
    format!(
        "NAME: {}\nLAST DEPLOYED: {}\nNAMESPACE: {}\nSTATUS: {}\nREVISION: {}\nTEST SUITE: None\n",
        record.name,
        stamp.map(|stamp| stamp.strftime("%a %b %e %H:%M:%S %Y").to_string()).unwrap_or_default(),
        record.namespace,
        record.status(),
        record.version
    )
}
