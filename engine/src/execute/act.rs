//! Carries out one action, exactly as the change describes it.

use std::sync::Arc;
use std::time::Duration;

use crate::action::{Action, Done};
use crate::failure::{Failure, FailureClass, Passing};
use crate::module::{api_body, api_failure, api_status, bad_path, judge_answer};
use crate::request::Request;
use crate::text;
use crate::text::Text;
use crate::world::{Bound, Command, Exit, Output, Place, Transport, TransportFault, World, collect_within, pipe};

/// How many of the last lines of a failed command's output a failure quotes.
const TAIL: usize = 20;

/// Receives an API server's warnings: the site's name and the text.
pub(super) type Warn<'a> = &'a (dyn Fn(&str, String) + Sync);

/// Carries out an action and returns its result.
///
/// # Errors
/// The command ended with a code it does not accept, the request was refused, the place cannot be reached; or the
/// connection was lost, or the program itself gave up waiting ([`FailureClass::OutcomeUnknown`]).
pub(super) async fn act(world: &dyn World, action: &Action, warn: Warn<'_>) -> Result<Done, Failure> {
    match action {
        Action::Exec { place, command } => {
            let transport = reach(world, place).await?;
            let output = collect_within(Bound::SHOWN, transport.as_ref(), command).await.map_err(|fault| {
                let unsent = matches!(fault, TransportFault::Busy { .. });
                Failure { unsent, ..Failure::from(fault) }
            })?;
            accepted(place, command, output).map(Done::Output)
        }
        Action::Pipe { source, read, destination, write } => {
            let from = reach(world, source).await?;
            let to = reach(world, destination).await?;
            let (sent, received) = pipe((from.as_ref(), read), (to.as_ref(), write)).await?;
            // If both failed, the reader's reason comes first: the writer only saw a closed pipe.
            match (accepted(source, read, sent), accepted(destination, write, received)) {
                (Ok(_), Ok(received)) => Ok(Done::Output(received)),
                (Err(sent), Err(received)) => Err(received.details([sent.message])),
                (Err(failure), Ok(_)) | (Ok(_), Err(failure)) => Err(failure),
            }
        }
        Action::Request(request) => send(world, request, warn).await.map(Done::Response),
    }
}

/// The transport to a place. If there is none, nothing was sent.
async fn reach(world: &dyn World, place: &Place) -> Result<Arc<dyn Transport>, Failure> {
    world.transport(place).await.map_err(|fault| {
        let unsent = !matches!(fault, TransportFault::Cancelled);
        Failure { unsent, ..Failure::from(fault) }
    })
}

fn accepted(place: &Place, command: &Command, output: Output) -> Result<Output, Failure> {
    if output.accepted_by(command) {
        return Ok(output);
    }
    let lines: Vec<&str> = output.stderr.lines().chain(output.stdout.lines()).collect();
    let tail = &lines[lines.len().saturating_sub(TAIL)..];
    let failure = Failure::failed(text!(
        "engine.command-failed",
        "{place}: `{command}` ended with {exit}",
        place,
        command,
        exit = &output.exit
    ))
    .details(tail.iter().map(|line| Text::verbatim(*line)));
    if command.gives_up.as_ref().is_some_and(|words| output.stderr.contains(words)) {
        return Err(Failure { class: FailureClass::OutcomeUnknown, ..failure });
    }
    let refused = matches!(output.exit, Exit::Code(code) if command.refuses.contains(&code));
    let failure = Failure { refused, ..failure };
    Err(match output.exit {
        Exit::Code(127) => {
            failure.help(text!("engine.command-missing.help", "the program is missing there: install it"))
        }
        Exit::Code(124 | 137) => {
            failure.help(text!("engine.command-limit.help", "it ran into a time limit on the host"))
        }
        _ => failure,
    })
}

async fn send(world: &dyn World, request: &Request, warn: Warn<'_>) -> Result<serde_json::Value, Failure> {
    if !request.has_valid_path() {
        return Err(bad_path(&request.path));
    }
    let reads = request.method == "GET";
    let answer = world.request(request).await.map_err(|fault| {
        let unsent = matches!(fault, TransportFault::Unreachable(_) | TransportFault::Busy { .. });
        let lost = matches!(fault, TransportFault::Lost(_));
        let failure = Failure { unsent, ..Failure::from(fault) };
        match lost {
            true => in_doubt(Failure { passing: Some(Passing::in_time(Duration::ZERO)), ..failure }, reads),
            false => failure,
        }
    })?;
    answer.warnings().for_each(|words| warn(&request.site, words));
    let line = request.line();
    if answer.is_success() {
        // The server has carried it out, even if a proxy on the way has garbled the answer.
        let body = api_body(&request.site, &line, answer)
            .map_err(|failure| Failure { class: FailureClass::OutcomeUnknown, ..failure })?;
        return judge_answer(request, &body).map(|()| body);
    }
    if request.accept.contains(&answer.status) {
        let (reason, message) = api_status(&answer);
        return Ok(serde_json::json!({"code": answer.status, "reason": reason, "message": message}));
    }
    // A request that took too long (408) may have been carried out.
    let refused = (400..500).contains(&answer.status) && answer.status != 408;
    let failure = Failure { refused, ..api_failure(&request.site, &line, &answer) };
    Err(match (failure.passing, answer.status) {
        // Turned away before anything of it was begun.
        (Some(_), 409 | 429) => Failure { unsent: true, ..failure },
        (Some(_), _) => in_doubt(failure, reads),
        (None, _) => failure,
    })
}

/// The failure of a request that was sent and whose outcome no answer tells. One that only reads leaves nothing in doubt.
fn in_doubt(failure: Failure, reads: bool) -> Failure {
    match reads {
        true => Failure { class: FailureClass::Unreachable, unsent: true, ..failure },
        false => Failure { class: FailureClass::OutcomeUnknown, ..failure },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_refuses_has_done_nothing_unless_it_gave_up_waiting() {
        let command = Command::new(["drbdadm", "primary", "etcd0"]).gives_up("did not terminate").refuses([11, 20]);
        let ended = |code: i32, stderr: &str| {
            let output = Output { exit: Exit::Code(code), stdout: String::new(), stderr: stderr.to_owned() };
            accepted(&Place::Controller, &command, output)
                .map(|_| ())
                .map_err(|failure| (failure.class, failure.refused))
        };
        assert_eq!(ended(0, ""), Ok(()));
        assert_eq!(ended(11, "State change failed: (-25) No quorum"), Err((FailureClass::Failed, true)));
        assert_eq!(ended(1, "no"), Err((FailureClass::Failed, false)));
        assert_eq!(ended(20, "it did not terminate within 5 seconds"), Err((FailureClass::OutcomeUnknown, false)));
    }
}
