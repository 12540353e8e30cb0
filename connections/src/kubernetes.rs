//! A site's API server: reached by an explicit kubeconfig and context, and only after the cluster has proved to be the one in
//! the inventory.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cutover_engine::failure::Failure;
use cutover_engine::inventory::Kubernetes;
use cutover_engine::module::{api_body, api_failure};
use cutover_engine::world::{Answer, Request, TransportFault};
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use kube::client::Body;
use kube::config::KubeConfigOptions;
use kube::{Client, Config};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use crate::attempt::Attempt;
use crate::endings::Endings;
use crate::hearing::{AGAIN, Hearing};
use crate::kubeconfig::{self, Unusable};
use crate::plugin::{self, NoCredentials};
use crate::silence;

/// The headers of an answer that are passed on.
const HEADERS: [&str; 2] = ["warning", "retry-after"];

/// How long connecting to an API server may take.
const CONNECT: Duration = Duration::from_secs(10);

/// How long an answer may take, or a pause while one is read.
const ANSWER: Duration = Duration::from_secs(30);

/// A site's cluster.
pub(crate) struct Cluster {
    site: String,
    settings: Kubernetes,
    kubeconfig: PathBuf,
    endings: Endings,
    client: Attempt<Made>,
    streams: Attempt<Made>,
    hearing: Hearing,
}

/// The file with a token, and what was in it.
type Token = Option<(String, SecretString)>;

/// A client, and the token that it was made with.
#[derive(Clone)]
struct Made {
    client: Client,
    token: Token,
    /// When credentials of an exec plugin have to be renewed.
    until: Option<Timestamp>,
    /// How long it waits until the server answers at all.
    connect: Duration,
}

impl Made {
    /// Whether its token is still that of the file, which is renewed while a run goes on. A file that cannot be read changes nothing.
    fn is_current(&self) -> bool {
        if self.until.is_some_and(|until| until <= Timestamp::now()) {
            return false;
        }
        let Some((file, token)) = &self.token else { return true };
        std::fs::read_to_string(file).map_or(true, |now| now.trim() == token.expose_secret())
    }
}

impl Cluster {
    /// A cluster, not yet connected. `kubeconfig` is the resolved path of the one in the settings; `endings` ends an exec plugin that
    /// nobody waits for.
    pub(crate) fn new(site: &str, settings: Kubernetes, kubeconfig: PathBuf, endings: Endings) -> Self {
        let (client, streams) = Default::default();
        Self { site: site.to_owned(), settings, kubeconfig, endings, client, streams, hearing: Hearing::default() }
    }

    /// How long connecting may take now.
    fn connect(&self) -> Duration {
        if self.hearing.was_silent() { AGAIN } else { CONNECT }
    }

    /// Whether a client is made as it would be now.
    fn is_current(&self, made: &Made) -> bool {
        made.connect == self.connect() && made.is_current()
    }

    /// The client for requests.
    async fn client(self: &Arc<Self>) -> Result<Client, TransportFault> {
        let cluster = Arc::clone(self);
        let make = || -> BoxFuture<'static, _> { Box::pin(async move { cluster.make(Some(ANSWER)).await }) };
        Ok(self.client.get(|made| self.is_current(made), make).await?.client)
    }

    /// Sends a request and returns the answer, whatever its status.
    pub(crate) async fn request(self: &Arc<Self>, request: &Request) -> Result<Answer, TransportFault> {
        let sent = async {
            let client = self.client().await?;
            exchange(&client, request).await.map_err(|error| silence::fault(&self.site, &request.line(), &error))
        };
        let answer = sent.await;
        self.hearing.answered(!matches!(answer, Err(TransportFault::Unreachable(_))));
        answer
    }

    /// The client for streams (exec), which may be silent for as long as they like.
    pub(crate) async fn streams(self: &Arc<Self>) -> Result<Client, TransportFault> {
        let cluster = Arc::clone(self);
        let make = || -> BoxFuture<'static, _> { Box::pin(async move { cluster.make(None).await }) };
        Ok(self.streams.get(|made| self.is_current(made), make).await?.client)
    }

    async fn make(&self, answer: Option<Duration>) -> Result<Made, TransportFault> {
        let (mut config, token, until) = self.config().await?;
        let connect = self.connect();
        config.connect_timeout = Some(connect);
        config.read_timeout = answer;
        config.write_timeout = Some(ANSWER);
        // Otherwise the time that a pooled connection sat idle would count towards the next answer's timeout.
        config.reset_reader_on_write = true;
        // The engine decides what may be sent twice.
        config.default_retry = false;
        let client = Client::try_from(config).map_err(|error| self.refused("connect", &error))?;
        self.identify(&client).await?;
        Ok(Made { client, token, until, connect })
    }

    async fn config(&self) -> Result<(Config, Token, Option<Timestamp>), TransportFault> {
        let Self { site, settings, kubeconfig, endings, .. } = self;
        let wrong = |why: String| TransportFault::Unreachable(format!("site `{site}`: {why}"));
        if settings.kubeconfig.is_empty() || settings.context.is_empty() {
            return Err(wrong("set `kubernetes.kubeconfig` and `kubernetes.context` in the inventory".to_owned()));
        }
        let shown = kubeconfig.display();
        let mut selected = kubeconfig::select(kubeconfig, &settings.context).map_err(|why| match why {
            Unusable::Missing(why) | Unusable::Context(why) | Unusable::Content(why) => wrong(why),
        })?;
        if let Some(flaw) = kubeconfig::found(&selected.file).into_iter().find(|flaw| flaw.certain) {
            return Err(wrong(format!("the kubeconfig {shown}: {}; {}", flaw.what, flaw.help)));
        }
        let mut until = None;
        let named = selected.file.clusters.first().and_then(|one| one.cluster.clone());
        if let Some(user) = selected.file.auth_infos.first_mut().and_then(|one| one.auth_info.as_mut()) {
            let logged_in = plugin::log_in(user, named.as_ref(), kubeconfig, endings).await;
            until = logged_in.map_err(|NoCredentials(why)| TransportFault::Auth(format!("site `{site}`: {why}")))?;
        }
        let options = KubeConfigOptions { context: Some(settings.context.clone()), ..KubeConfigOptions::default() };
        let mut config = Config::from_custom_kubeconfig(selected.file, &options)
            .await
            .map_err(|error| wrong(format!("cannot use the context `{}` of {shown}: {error}", settings.context)))?;
        config.proxy_url = selected.proxy;
        Ok((config, selected.token, until))
    }

    /// Compares the cluster's identity with the inventory's.
    async fn identify(&self, client: &Client) -> Result<(), TransportFault> {
        let Some(expected) = &self.settings.uid else { return Ok(()) };
        let path = "/api/v1/namespaces/kube-system";
        let request = Request::get(&self.site, path);
        let answer = tokio::time::timeout(CONNECT + ANSWER, exchange(client, &request)).await;
        let answer = answer
            .map_err(|_| TransportFault::Unreachable(format!("site `{}`: GET {path}: no answer", self.site)))?
            .map_err(|error| self.refused(&request.line(), &error))?;
        let (status, after) = (answer.status, answer.retry_after().unwrap_or_default());
        let namespace = match answer.is_success() {
            true => api_body(&self.site, &request.line(), answer),
            false => Err(api_failure(&self.site, &request.line(), &answer)),
        };
        let namespace = namespace.map_err(|failure| not_identified(status, after, &failure))?;
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

    /// A lost answer before the cluster is identified counts as unreachable: the caller's request was not sent yet.
    fn refused(&self, request: &str, error: &kube::Error) -> TransportFault {
        match silence::fault(&self.site, request, error) {
            TransportFault::Lost(why) if silence::was_cut(error) => TransportFault::Busy { why, after: Duration::ZERO },
            TransportFault::Lost(why) => TransportFault::Unreachable(why),
            fault => fault,
        }
    }
}

/// The fault of a cluster that answered without identifying itself.
fn not_identified(status: u16, after: Duration, failure: &Failure) -> TransportFault {
    let text = match &failure.help {
        Some(help) => format!("{failure}; {help}"),
        None => failure.to_string(),
    };
    match status {
        401 => TransportFault::Auth(text),
        403 => TransportFault::Forbidden(text),
        429 | 500 | 502..=504 => TransportFault::Busy { why: text, after },
        _ => TransportFault::Unreachable(text),
    }
}

/// Sends a request and reads its answer.
async fn exchange(client: &Client, request: &Request) -> Result<Answer, kube::Error> {
    let body = request.body.as_ref().map(serde_json::to_vec).transpose().map_err(kube::Error::SerdeError)?;
    let media_type = request.content_type.as_deref().unwrap_or("application/json");
    let sent = http::Request::builder()
        .method(request.method.as_str())
        .uri(&request.path)
        .header(http::header::CONTENT_TYPE, media_type)
        .body(Body::from(body.unwrap_or_default()))
        .map_err(kube::Error::HttpError)?;
    let (head, body) = client.send(sent).await?.into_parts();
    let bytes = body.collect_bytes().await?;
    let mut headers = BTreeMap::new();
    for name in HEADERS {
        let values =
            head.headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let mut values: Vec<String> = values.collect();
        if name == "retry-after" {
            let date = head.headers.get(http::header::DATE).and_then(|value| value.to_str().ok());
            values.iter_mut().for_each(|value| *value = in_seconds(value, date));
        }
        if !values.is_empty() {
            headers.insert(name.to_owned(), values);
        }
    }
    let body = match bytes.is_empty() {
        true => Value::Null,
        false => serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned())),
    };
    Ok(Answer { status: head.status.as_u16(), headers, body })
}

/// A `Retry-After` in seconds. One that is a date counts from the answer's own `Date`: clocks may differ.
fn in_seconds(value: &str, date: Option<&str>) -> String {
    let parsed = |text: &str| jiff::fmt::rfc2822::parse(text).map(|time| time.timestamp());
    let Ok(until) = parsed(value) else { return value.to_owned() };
    let now = date.and_then(|date| parsed(date).ok()).unwrap_or_else(jiff::Timestamp::now);
    (until.as_second() - now.as_second()).max(0).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_to_come_back_at_is_turned_into_seconds_by_the_servers_own_clock() {
        let now = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        for (value, seconds) in [
            ("Sun, 06 Nov 1994 08:49:49 GMT", "12"),
            ("Sun, 06 Nov 1994 08:49:00 GMT", "0"),
            ("7", "7"),
            ("soon", "soon"),
        ] {
            assert_eq!(in_seconds(value, now), seconds, "{value}");
        }
        assert_eq!(in_seconds("Sun, 06 Nov 1994 08:49:49 GMT", None), "0", "long ago");
    }
}
