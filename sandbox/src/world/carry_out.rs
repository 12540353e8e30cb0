//! What commands and requests do, whoever has sent them: those of a run come through the door, those of somebody else do not.

use cutover_engine::world::{Answer, Command, Gap, Place, Request};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::unsimulated;
use crate::cluster::api::{self, Problem, handle};
use crate::cluster::helm::Helm;
use crate::cluster::{Clusters, exec_refused};
use crate::machine::program::{Call, Program, Reply};
use crate::machine::programs;

/// Runs a command at a place, whoever has sent it.
///
/// # Errors
/// What is not simulated of it.
pub(super) async fn command(
    clusters: &Clusters,
    place: &Place,
    command: &Command,
    stdin: Vec<u8>,
) -> Result<Reply, Gap> {
    let (name, args) = match (command.script_name(), command.argv.as_slice()) {
        (Some(name), argv) => (name, &argv[4..]),
        (None, [name, args @ ..]) => (name.rsplit('/').next().unwrap_or(name), args),
        (None, []) => ("", &[][..]),
    };
    clusters.settle();
    let reply = match (exec_refused(clusters, place, name), find(clusters, name)) {
        // A container that lacks a program of the machines lacks it in truth.
        (Some(reply), program) => match unsimulated::program(name).filter(|_| reply.code == 126 && program.is_none()) {
            Some(gap) => return Err(gap),
            None => reply,
        },
        (None, Some(Found::OfMachine(program))) => {
            program.run(Call { world: &clusters.hosts, place, command, args, stdin }).await
        }
        (None, Some(Found::OfCluster(program))) => {
            program.run(Call { world: clusters, place, command, args, stdin }).await
        }
        (None, None) => match unsimulated::program(name) {
            Some(gap) => return Err(gap),
            None => Reply::fail(127, format!("sh: 1: {name}: not found\n")),
        },
    };
    clusters.settle();
    match unsimulated::of_reply(name, &reply) {
        Some(gap) => Err(gap),
        None => Ok(reply),
    }
}

/// A program by how much of the world it works with.
enum Found {
    OfMachine(&'static dyn Program),
    OfCluster(&'static dyn Program<Clusters>),
}

/// The program that goes by a name.
fn find(clusters: &Clusters, name: &str) -> Option<Found> {
    let mut of_clusters = clusters.clients.iter().copied().chain([&Helm as &dyn Program<Clusters>]);
    let of_cluster = || of_clusters.find(|program| program.names().contains(&name)).map(Found::OfCluster);
    programs::find(name).map(Found::OfMachine).or_else(of_cluster)
}

/// Does what a request asks for, whoever has sent it.
///
/// # Errors
/// What is not simulated of it.
pub(super) fn request(clusters: &Clusters, request: &Request) -> Result<Answer, Gap> {
    clusters.settle();
    let mut warnings = Vec::new();
    let answer = match clusters.by_site().get_mut(&request.site) {
        Some(cluster) => {
            let call = call(request);
            warnings = api::warnings(cluster, &call);
            handle(cluster, &call)
        }
        None => Err(Problem::broken(503)),
    };
    clusters.settle();
    let (status, body) = match answer {
        Ok(answer) => answer,
        Err(problem) => match unsimulated::of_problem(&request.path, &problem) {
            Some(gap) => return Err(gap),
            None => (problem.code, problem.status()),
        },
    };
    let mut answer = Answer::new(status, body);
    if answer.is_success() && !warnings.is_empty() {
        answer.headers.insert("warning".to_owned(), warnings);
    }
    Ok(answer)
}

/// Why the API server refuses a request of the run's user.
pub(super) fn forbidden(clusters: &Clusters, request: &Request) -> Option<Answer> {
    let by_site = clusters.by_site();
    let problem = api::rights::refused(by_site.get(&request.site)?, &call(request))?;
    Some(Answer::new(problem.code, problem.status()))
}

/// Takes a request apart.
pub(super) fn call(request: &Request) -> api::Call {
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    api::Call {
        method: request.method.clone(),
        path: percent_decode_str(path).decode_utf8_lossy().into_owned(),
        query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        media_type: request.content_type.clone().unwrap_or_else(|| "application/json".to_owned()),
        body: request.body.clone().unwrap_or(Value::Null),
    }
}
