//! The way in: a request and its answer, as data. Every request takes a few milliseconds of simulated time and can be struck
//! by a fault.

use std::time::Duration;

use cutover_engine::world::{Answer, Request, TransportFault};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::problem::Problem;
use super::routes::{self, Call};
use crate::fault::FaultKind;
use crate::sim::Sim;

/// What one request takes.
const REQUEST_TIME: Duration = Duration::from_millis(5);

/// Answers a request.
pub(crate) async fn answer(sim: &Sim, request: &Request) -> Result<Answer, TransportFault> {
    let site = &request.site;
    if !sim.state().clusters.contains_key(site) {
        return Err(TransportFault::Unreachable(format!("{site}: no API server")));
    }
    tokio::time::sleep(REQUEST_TIME).await;
    let lost = || TransportFault::Lost(format!("{site}: {}: connection reset by peer", request.line()));
    let text = request.to_string();
    let fault = sim.strike(&text);
    match fault {
        Some(FaultKind::Hang) => std::future::pending::<()>().await,
        Some(FaultKind::LoseBefore) => return Err(lost()),
        Some(FaultKind::Fail(code)) => {
            let problem = Problem::broken(u16::try_from(code).unwrap_or(500).clamp(400, 599));
            return Ok(Answer::new(problem.code, problem.status()));
        }
        Some(FaultKind::LoseAfter) | None => {}
    }
    let call = Call::of(request);
    sim.settle();
    let answer = {
        let mut state = sim.state();
        let cluster = state.clusters.get_mut(site).ok_or_else(lost)?;
        routes::handle(cluster, &call)
    };
    sim.settle();
    let (status, body) = answer.unwrap_or_else(|problem| (problem.code, problem.status()));
    if call.method != "GET" {
        sim.state().effects.push(format!("{text} [{status}]"));
    }
    if fault == Some(FaultKind::LoseAfter) {
        return Err(lost());
    }
    Ok(Answer::new(status, body))
}

impl Call {
    /// Takes a request apart.
    pub(super) fn of(request: &Request) -> Self {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        Self {
            method: request.method.clone(),
            path: percent_decode_str(path).decode_utf8_lossy().into_owned(),
            query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            media_type: request.content_type.clone().unwrap_or_else(|| "application/json".to_owned()),
            body: request.body.clone().unwrap_or(Value::Null),
        }
    }
}
