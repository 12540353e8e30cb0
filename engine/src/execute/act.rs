//! Carries out one action: exactly what the change says, nothing more.

use crate::action::{Action, Done};
use crate::failure::{Failure, FailureClass};
use crate::module::api_failure;
use crate::request::Request;
use crate::world::{Command, Exit, Output, Place, World, collect, pipe};

/// How many lines of a failed command's output are kept.
const TAIL: usize = 20;

/// Carries out an action and gives what it gave back.
///
/// # Errors
/// The command ended with a code it does not accept, the request was refused, the place cannot be reached; or the
/// connection was lost, or the program itself gave up waiting ([`FailureClass::OutcomeUnknown`]).
pub async fn act(world: &dyn World, action: &Action) -> Result<Done, Failure> {
    match action {
        Action::Exec { place, command } => {
            let transport = world.transport(place).await?;
            let output = collect(transport.as_ref(), command).await?;
            accepted(place, command, output).map(Done::Output)
        }
        Action::Pipe { source, read, destination, write } => {
            let from = world.transport(source).await?;
            let to = world.transport(destination).await?;
            let (sent, received) = pipe((from.as_ref(), read), (to.as_ref(), write)).await?;
            // When both failed the reader's words come first: the writer then only saw a closed pipe.
            match (accepted(source, read, sent), accepted(destination, write, received)) {
                (Ok(_), Ok(received)) => Ok(Done::Output(received)),
                (Err(sent), Err(received)) => Err(received.details([sent.to_string()])),
                (Err(failure), Ok(_)) | (Ok(_), Err(failure)) => Err(failure),
            }
        }
        Action::Request(request) => send(world, request).await.map(Done::Response),
    }
}

fn accepted(place: &Place, command: &Command, output: Output) -> Result<Output, Failure> {
    if output.accepted_by(command) {
        return Ok(output);
    }
    let lines: Vec<&str> = output.stderr.lines().chain(output.stdout.lines()).collect();
    let tail = &lines[lines.len().saturating_sub(TAIL)..];
    let failure = Failure::failed(format!("{place}: `{command}` ended with {}", output.exit))
        .details(tail.iter().map(|line| (*line).to_owned()));
    if command.gives_up.as_ref().is_some_and(|words| output.stderr.contains(words)) {
        return Err(Failure { class: FailureClass::OutcomeUnknown, ..failure });
    }
    Err(match output.exit {
        Exit::Code(127) => failure.help("the program is missing there: install it"),
        Exit::Code(124 | 137) => failure.help("it ran into a time limit on the host"),
        _ => failure,
    })
}

async fn send(world: &dyn World, request: &Request) -> Result<serde_json::Value, Failure> {
    let client = world.kubernetes(&request.site).await?;
    let body = match &request.body {
        Some(body) => serde_json::to_vec(body).map_err(|error| Failure::invalid(error.to_string()))?,
        None => Vec::new(),
    };
    let media_type = request.content_type.as_deref().unwrap_or("application/json");
    let built = http::Request::builder()
        .method(request.method.as_str())
        .uri(&request.path)
        .header(http::header::CONTENT_TYPE, media_type)
        .body(body)
        .map_err(|error| Failure::invalid(format!("bad request `{} {}`: {error}", request.method, request.path)))?;
    match client.request::<serde_json::Value>(built).await {
        Ok(value) => Ok(value),
        Err(kube::Error::Api(status)) if request.accept.contains(&status.code) => {
            Ok(serde_json::json!({"code": status.code, "reason": status.reason, "message": status.message}))
        }
        Err(error) => {
            let failure = api_failure(&request.site, &format!("{} {}", request.method, request.path), &error);
            // It was sent, and no answer came: it may have been carried out.
            Err(match &error {
                kube::Error::Api(_) => failure,
                _ => Failure { class: FailureClass::OutcomeUnknown, ..failure },
            })
        }
    }
}
