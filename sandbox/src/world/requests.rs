//! The way in: a request and its answer, as data. Every request takes a few milliseconds of simulated time and can be struck.

use std::sync::Arc;
use std::time::Duration;

use cutover_engine::world::{Answer, Gap, Request, TransportFault};

use super::carry_out;
use super::strikes::{Strikes, Verdict};
use super::unsimulated;
use crate::cluster::Clusters;
use crate::cluster::api::Problem;
use crate::kernel::calls::{Ended, Known, Sent};

/// What one request takes.
const REQUEST_TIME: Duration = Duration::from_millis(5);

/// Answers a request of a run.
pub(crate) async fn answer(
    clusters: &Clusters,
    caller: Option<&Arc<Known>>,
    request: &Request,
) -> Result<Answer, TransportFault> {
    let site = &request.site;
    let (kernel, strikes) = (&clusters.hosts.kernel, Strikes(clusters));
    if !clusters.answers(site) {
        return Err(TransportFault::Unreachable(format!("{site}: no route to the API server")));
    }
    tokio::time::sleep(REQUEST_TIME).await;
    let lost = || TransportFault::Lost(format!("{site}: {}: connection reset by peer", request.line()));
    let ticket = kernel.receive(caller, Sent::Request(request)).await;
    match strikes.before(&ticket, Sent::Request(request)).await {
        Verdict::Go => {}
        Verdict::Refused(code, retry_after) => {
            let problem = Problem::broken(u16::try_from(code).unwrap_or(500).clamp(400, 599));
            kernel.ended(&ticket, Ended::Refused(i32::from(problem.code)));
            let mut answer = Answer::new(problem.code, problem.status());
            if let Some(seconds) = retry_after {
                answer.headers.insert("retry-after".to_owned(), vec![seconds.to_string()]);
            }
            return Ok(answer);
        }
        Verdict::Lost => {
            kernel.ended(&ticket, Ended::LostBefore);
            return Err(lost());
        }
    }
    if let Some(answer) = carry_out::forbidden(clusters, request) {
        kernel.ended(&ticket, Ended::Refused(i32::from(answer.status)));
        return Ok(answer);
    }
    let answer = carry_out::request(clusters, request).map_err(|gap| kernel.unanswered(&ticket, gap))?;
    if let Some(Gap { name, what }) = unsimulated::without_effect(request, &answer) {
        kernel.unsimulated(&name, what);
    }
    if strikes.after(&ticket, i32::from(answer.status)).await { Err(lost()) } else { Ok(answer) }
}
