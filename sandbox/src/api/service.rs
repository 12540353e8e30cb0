//! The way in: a request and its answer, as data. Every request takes a few milliseconds of simulated time and can be struck.

use std::sync::Arc;
use std::time::Duration;

use cutover_engine::world::{Answer, Request, TransportFault};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::problem::Problem;
use super::routes::{self, Call};
use crate::calls::{Ended, Known, Sent};
use crate::sim::Sim;
use crate::strike::Verdict;
use crate::unsimulated;

/// What one request takes.
const REQUEST_TIME: Duration = Duration::from_millis(5);

/// Answers a request of a run.
pub(crate) async fn answer(
    sim: &Arc<Sim>,
    caller: Option<&Arc<Known>>,
    request: &Request,
) -> Result<Answer, TransportFault> {
    let site = &request.site;
    if !sim.state().clusters.contains_key(site) {
        return Err(TransportFault::Unreachable(format!("{site}: no API server")));
    }
    tokio::time::sleep(REQUEST_TIME).await;
    let lost = || TransportFault::Lost(format!("{site}: {}: connection reset by peer", request.line()));
    let ticket = sim.receive(caller, Sent::Request(request)).await;
    match sim.before(&ticket, Sent::Request(request)).await {
        Verdict::Go => {}
        Verdict::Refused(code, retry_after) => {
            let problem = Problem::broken(u16::try_from(code).unwrap_or(500).clamp(400, 599));
            sim.ended(&ticket, Ended::Refused(i32::from(problem.code)));
            let mut answer = Answer::new(problem.code, problem.status());
            if let Some(seconds) = retry_after {
                answer.headers.insert("retry-after".to_owned(), vec![seconds.to_string()]);
            }
            return Ok(answer);
        }
        Verdict::Lost => {
            sim.ended(&ticket, Ended::LostBefore);
            return Err(lost());
        }
    }
    let answer = carry_out(sim, request).map_err(|what| sim.unsimulated(&ticket, what))?;
    if sim.after(&ticket, i32::from(answer.status)).await { Err(lost()) } else { Ok(answer) }
}

/// Does what a request asks for, whoever has sent it.
///
/// # Errors
/// What is not simulated of it.
pub(crate) fn carry_out(sim: &Sim, request: &Request) -> Result<Answer, String> {
    sim.settle();
    let answer = match sim.state().clusters.get_mut(&request.site) {
        Some(cluster) => routes::handle(cluster, &Call::of(request)),
        None => Err(Problem::broken(503)),
    };
    sim.settle();
    let (status, body) = match answer {
        Ok(answer) => answer,
        Err(problem) => match unsimulated::of_problem(&request.path, &problem) {
            Some(what) => return Err(what),
            None => (problem.code, problem.status()),
        },
    };
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
