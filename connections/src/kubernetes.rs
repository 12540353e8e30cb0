//! The client for a site's API server: from an explicit kubeconfig and context, and only after the cluster has shown that
//! it is the one the inventory means.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cutover_engine::inventory::Kubernetes;
use cutover_engine::module::api_failure;
use cutover_engine::world::TransportFault;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use crate::attempt::Attempt;

/// How long connecting to an API server may take.
const CONNECT: Duration = Duration::from_secs(10);

/// How long an answer, or a silence while one is read, may take.
const ANSWER: Duration = Duration::from_secs(30);

/// A site's cluster.
pub(crate) struct Cluster {
    site: String,
    settings: Kubernetes,
    kubeconfig: PathBuf,
    client: Attempt<Client>,
    streams: Attempt<Client>,
}

impl Cluster {
    /// A cluster, not yet connected. `kubeconfig` is the resolved path of the one in the settings.
    pub(crate) fn new(site: &str, settings: Kubernetes, kubeconfig: PathBuf) -> Self {
        Self { site: site.to_owned(), settings, kubeconfig, client: Attempt::default(), streams: Attempt::default() }
    }

    /// The client for requests.
    pub(crate) async fn client(self: &Arc<Self>) -> Result<Client, TransportFault> {
        let cluster = Arc::clone(self);
        self.client.get(|_| true, || Box::pin(async move { cluster.make(Some(ANSWER)).await })).await
    }

    /// The client for streams (exec), which may be silent for as long as they like.
    pub(crate) async fn streams(self: &Arc<Self>) -> Result<Client, TransportFault> {
        let cluster = Arc::clone(self);
        self.streams.get(|_| true, || Box::pin(async move { cluster.make(None).await })).await
    }

    async fn make(&self, answer: Option<Duration>) -> Result<Client, TransportFault> {
        let mut config = self.config().await?;
        config.connect_timeout = Some(CONNECT);
        config.read_timeout = answer;
        config.write_timeout = Some(ANSWER);
        // Time that a pooled connection sat idle is no part of an answer's.
        config.reset_reader_on_write = true;
        // The engine decides what may be sent twice.
        config.default_retry = false;
        let client = Client::try_from(config).map_err(|error| self.refused("connect", &error))?;
        self.identify(&client).await?;
        Ok(client)
    }

    async fn config(&self) -> Result<Config, TransportFault> {
        let Self { site, settings, kubeconfig, .. } = self;
        let wrong = |why: String| TransportFault::Unreachable(format!("site `{site}`: {why}"));
        if settings.kubeconfig.is_empty() || settings.context.is_empty() {
            return Err(wrong("set `kubernetes.kubeconfig` and `kubernetes.context` in the inventory".to_owned()));
        }
        let shown = kubeconfig.display();
        let file = Kubeconfig::read_from(kubeconfig)
            .map_err(|error| wrong(format!("cannot use the kubeconfig {shown}: {}", chain(&error))))?;
        let known: Vec<&str> = file.contexts.iter().map(|context| context.name.as_str()).collect();
        if !known.contains(&settings.context.as_str()) {
            return Err(wrong(format!(
                "the kubeconfig {shown} has no context `{}`; it has: {}",
                settings.context,
                if known.is_empty() { "none".to_owned() } else { known.join(", ") }
            )));
        }
        let proxied = file.clusters.iter().filter_map(|named| named.cluster.as_ref()).any(|c| c.proxy_url.is_some());
        let options = KubeConfigOptions { context: Some(settings.context.clone()), ..KubeConfigOptions::default() };
        let mut config = Config::from_custom_kubeconfig(file, &options)
            .await
            .map_err(|error| wrong(format!("cannot use the context `{}` of {shown}: {error}", settings.context)))?;
        if !proxied {
            // The library takes one from the environment (HTTPS_PROXY); a change window takes nothing by accident.
            config.proxy_url = None;
        }
        Ok(config)
    }

    /// Compares the cluster's identity with the inventory's.
    async fn identify(&self, client: &Client) -> Result<(), TransportFault> {
        let Some(expected) = &self.settings.uid else { return Ok(()) };
        let path = "/api/v1/namespaces/kube-system";
        let request = http::Request::get(path).body(Vec::new());
        let request = request.map_err(|error| TransportFault::Unreachable(error.to_string()))?;
        let answer = tokio::time::timeout(CONNECT + ANSWER, client.request::<serde_json::Value>(request)).await;
        let namespace = answer
            .map_err(|_| TransportFault::Unreachable(format!("site `{}`: GET {path}: no answer", self.site)))?
            .map_err(|error| self.refused(&format!("GET {path}"), &error))?;
        let found = namespace["metadata"]["uid"].as_str().unwrap_or_default();
        if found == expected {
            return Ok(());
        }
        let Self { site, settings, kubeconfig, .. } = self;
        Err(TransportFault::HostKey(format!(
            "wrong cluster: context `{}` of {} leads to a cluster whose kube-system has the UID `{found}`, but site `{site}` \
             is pinned to `{expected}`; correct the context, or `kubernetes.uid` if the cluster was rebuilt",
            settings.context,
            kubeconfig.display()
        )))
    }

    fn refused(&self, request: &str, error: &kube::Error) -> TransportFault {
        let failure = api_failure(&self.site, request, error);
        let text = match &failure.help {
            Some(help) => format!("{failure}; {help}"),
            None => failure.to_string(),
        };
        match error {
            kube::Error::Api(status) if matches!(status.code, 401 | 403) => TransportFault::Auth(text),
            _ => TransportFault::Unreachable(text),
        }
    }
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        next = cause.source();
    }
    text
}
