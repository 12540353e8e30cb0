//! The way in: a `kube::Client` whose requests are answered in this process. Every request takes a few milliseconds of
//! simulated time and can be struck by a fault.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use kube::client::Body;
use serde_json::Value;

use super::problem::Problem;
use super::routes::{self, Call};
use crate::fault::FaultKind;
use crate::sim::Sim;

/// What one request takes.
const REQUEST_TIME: Duration = Duration::from_millis(5);

/// A client of a site's API server.
pub(crate) fn client(sim: &Arc<Sim>, site: &str) -> kube::Client {
    let (sim, site) = (Arc::clone(sim), site.to_owned());
    let service = tower::service_fn(move |request: Request<Body>| {
        let (sim, site) = (Arc::clone(&sim), site.clone());
        async move { serve(&sim, &site, request).await }
    });
    kube::Client::new(service, "default")
}

async fn serve(sim: &Sim, site: &str, request: Request<Body>) -> Result<Response<Full<Bytes>>, io::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let media_type = head.headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let call = Call {
        method: head.method.to_string(),
        path: decode(head.uri.path()),
        query: parameters(head.uri.query().unwrap_or_default()),
        media_type: media_type.unwrap_or("application/json").to_owned(),
        body: if body.is_empty() { Value::Null } else { parse(&body) },
    };
    let path = head.uri.path_and_query().map_or_else(|| call.path.clone(), ToString::to_string);
    let text = match &call.body {
        Value::Null => format!("{site}> {} {path}", call.method),
        body => format!("{site}> {} {path} {body}", call.method),
    };
    let (status, answer) = ask(sim, site, &text, &call).await?;
    let bytes = serde_json::to_vec(&answer).map_err(io::Error::other)?;
    let response = Response::builder().status(status).header(http::header::CONTENT_TYPE, "application/json");
    response.body(Full::new(Bytes::from(bytes))).map_err(io::Error::other)
}

/// Sends one request to a site's API server. `text` is what a plan prints of it.
pub(crate) async fn ask(sim: &Sim, site: &str, text: &str, call: &Call) -> Result<(u16, Value), io::Error> {
    tokio::time::sleep(REQUEST_TIME).await;
    let lost = || io::Error::new(io::ErrorKind::ConnectionReset, format!("{site}: connection reset by peer"));
    let fault = sim.strike(text);
    match fault {
        Some(FaultKind::Hang) => std::future::pending::<()>().await,
        Some(FaultKind::LoseBefore) => return Err(lost()),
        Some(FaultKind::Fail(code)) => {
            let problem = Problem::broken(u16::try_from(code).unwrap_or(500).clamp(400, 599));
            return Ok((problem.code, problem.status()));
        }
        Some(FaultKind::LoseAfter) | None => {}
    }
    sim.settle();
    let answer = {
        let mut state = sim.state();
        let cluster = state.clusters.get_mut(site);
        let cluster = cluster.ok_or_else(|| io::Error::other(format!("{site}: no such cluster")))?;
        routes::handle(cluster, call)
    };
    sim.settle();
    let (status, answer) = answer.unwrap_or_else(|problem| (problem.code, problem.status()));
    if call.method != "GET" {
        sim.state().effects.push(format!("{text} [{status}]"));
    }
    if fault == Some(FaultKind::LoseAfter) {
        return Err(lost());
    }
    Ok((status, answer))
}

/// Reads a body: JSON, or YAML as apply patches may be.
fn parse(body: &[u8]) -> Value {
    serde_json::from_slice(body)
        .ok()
        .or_else(|| std::str::from_utf8(body).ok().and_then(|text| serde_yaml::from_str(text).ok()))
        .unwrap_or(Value::Null)
}

fn parameters(query: &str) -> Vec<(String, String)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(key, value)| (decode(key), decode(&value.replace('+', " "))))
        .collect()
}

/// Undoes percent-encoding.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = |byte: u8| char::from(byte).to_digit(16);
        match (first, tail) {
            (b'%', [a, b, tail @ ..]) if hex(*a).is_some() && hex(*b).is_some() => {
                let value = hex(*a).unwrap_or(0) * 16 + hex(*b).unwrap_or(0);
                bytes.push(u8::try_from(value).unwrap_or(b'?'));
                rest = tail;
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
