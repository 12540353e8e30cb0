//! One end of a pair as its own tools show it, and the other end, which may not answer.

use cutover_engine::failure::{Failure, FailureClass};
use cutover_engine::module::Context;
use cutover_engine::reads;
use cutover_engine::text;
use cutover_engine::text::Text;
use cutover_engine::world::{Command, Exit, Output, Place};
use serde::Serialize;

use super::generations::Generations;
use super::status::{Status, Unread};

/// What an end says of itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct End {
    /// The resource in its kernel; `None` if it is not there.
    pub(crate) status: Option<Status>,
    /// Its data generations; `None` if the resource is not configured or has no metadata.
    pub(crate) generations: Option<Generations>,
}

/// The other end.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Peer {
    /// It answers.
    Seen(End),
    /// Its node does not answer, in the words of the transport.
    Unreachable(Text),
}

impl End {
    /// Reads an end at its place.
    pub(crate) async fn read(cx: &Context, place: &Place, resource: &str) -> Result<Self, Failure> {
        let status = status(cx, place, resource).await?;
        let generations = generations(cx, place, resource).await?;
        Ok(Self { status, generations })
    }
}

impl Peer {
    /// Reads the other end of the task's pair.
    pub(crate) async fn read(cx: &Context) -> Result<Self, Failure> {
        let (pair, _, peer) = cx.pair()?;
        Ok(match reach(End::read(cx, &super::place(peer), &pair.resource).await)? {
            Ok(end) => Self::Seen(end),
            Err(words) => Self::Unreachable(words),
        })
    }

    /// What it says of itself, if it answers.
    pub(crate) fn end(&self) -> Option<&End> {
        match self {
            Self::Seen(end) => Some(end),
            Self::Unreachable(_) => None,
        }
    }
}

/// Takes "does not answer" for an answer, in words. What an answering node gets wrong stays a failure.
pub(crate) fn reach<T>(answer: Result<T, Failure>) -> Result<Result<T, Text>, Failure> {
    match answer {
        Ok(value) => Ok(Ok(value)),
        Err(failure) => match failure.class {
            FailureClass::Unreachable | FailureClass::TimedOut | FailureClass::OutcomeUnknown => {
                Ok(Err(failure.message))
            }
            _ => Err(failure),
        },
    }
}

/// Reads a resource's state from a node's kernel; `None` if it is not there.
pub(crate) async fn status(cx: &Context, place: &Place, resource: &str) -> Result<Option<Status>, Failure> {
    let command = reads::DRBDSETUP_STATISTICS.of([resource]).accept([10]);
    let output = cx.read_at(place, &command).await?;
    if unloaded(&output) {
        return Ok(None);
    }
    match output.exit {
        Exit::Code(0) => Status::parse(&output.stdout, resource).map_err(|why| match why {
            Unread::Unclear(why) => not_understood(&command, place, &why),
            Unread::TooMuch { devices, connections } => Failure::blocked(text!(
                "drbd.too-many",
                "{resource} on {place} has {devices} volumes and {connections} peers, and only resources with one volume and one peer are dealt with here: what is done to one would be done to all; use drbdadm for it, by hand or with command",
                resource = resource,
                place = place,
                devices,
                connections
            )),
        }),
        // Unknown resource.
        Exit::Code(10) => Ok(None),
        _ => Err(crate::support::storage::failed(&command, &output)),
    }
}

/// A failure because what a command answered makes no sense.
pub(super) fn not_understood(command: &Command, place: &Place, why: &Text) -> Failure {
    Failure::failed(text!(
        "drbd.not-understood",
        "`{command}` on {place} is not understood: {why}",
        command = command,
        place = place,
        why = why
    ))
}

/// Whether a `drbdsetup` could not ask because the kernel module is not loaded: then it has no resource either.
pub(crate) fn unloaded(output: &Output) -> bool {
    output.exit == Exit::Code(20)
        && ["Failed to modprobe drbd", "generic netlink family"].iter().any(|words| output.stderr.contains(words))
}

/// Reads a resource's data generations: from the kernel, or from the disk if it is not attached.
pub(crate) async fn generations(cx: &Context, place: &Place, resource: &str) -> Result<Option<Generations>, Failure> {
    let command = reads::DRBDADM_GET_GI.of([resource]);
    let output = cx.read_at(place, &command).await?;
    match output.exit {
        Exit::Code(0) => Ok(Generations::parse(&output.stdout)),
        Exit::Code(127) => Err(crate::support::storage::failed(&command, &output)),
        _ => Ok(None),
    }
}
