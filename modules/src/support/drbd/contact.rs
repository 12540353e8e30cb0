//! When an end of a pair last was in contact with its peer, which is the age of its data. Taken from the kernel's log as
//! systemd's journal keeps it; not from DRBD, whose tools tell no past, and not from metadata, which holds no times.
//!
//! Both generations log every change of a connection: `drbd etcd0: peer( Primary -> Unknown ) conn( Connected ->
//! NetworkFailure )` is 8.4, `drbd etcd0 PEER: conn( Connected -> NetworkFailure )` is 9. `dmesg` has them until the node is
//! booted anew; the journal outlives that where it is kept on disk. Where neither tells, the time is unknown, and reported as such.

use cutover_engine::failure::Failure;
use cutover_engine::module::Context;
use cutover_engine::query::ReadScript;
use cutover_engine::text;
use cutover_engine::text::Text;
use cutover_engine::world::Place;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::states::{ConnectionState, ReplicationState};
use super::status::Status;

/// What the script does.
const SCRIPT: &str = include_str!("../../scripts/drbd-log.sh");
/// The script that reads the kernel's log, and nothing else.
const LOG: ReadScript = ReadScript::declare("cutover-drbd-log", SCRIPT);

/// When an end last was in contact with its peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Contact {
    /// It is in contact: at this time, when it was asked.
    Now(Timestamp),
    /// It noticed then that the peer was gone. By the clock of the controller: what the node's own clock is ahead or
    /// behind is taken out.
    Lost(Timestamp),
    /// It is not known, for this reason.
    Unknown(Text),
}

impl Contact {
    /// Reads an end's last contact; `status` is what its kernel says now.
    pub(crate) async fn read(
        cx: &Context,
        place: &Place,
        resource: &str,
        status: Option<&Status>,
    ) -> Result<Self, Failure> {
        if status.is_some_and(Status::connected) {
            return Ok(Self::Now(cx.now()));
        }
        let command = LOG.of([resource]);
        let output = cx.read_at(place, &command).await?;
        let asked = cx.now();
        if !output.success() {
            return Err(crate::support::storage::failed(&command, &output));
        }
        let log =
            Log::parse(&output.stdout, resource).map_err(|why| super::end::not_understood(&command, place, &why))?;
        Ok(match log.last {
            Last::Lost(at) => Self::Lost(asked - log.now.duration_since(at)),
            Last::Met(at) => Self::Unknown(text!(
                "drbd.contact-without-end",
                "the kernel's log has the ends meet at {at} and does not have them part: the node went down in between",
                at
            )),
            Last::Nothing => Self::Unknown(match log.begins {
                Some(begins) => text!(
                    "drbd.contact-not-logged",
                    "the kernel's log, which begins at {begins}, does not have the ends part",
                    begins
                ),
                None => match output.stderr.lines().next() {
                    Some(words) => {
                        text!("drbd.log-not-readable", "the kernel's log cannot be read: {words}", words = words)
                    }
                    None => text!("drbd.log-missing", "the journal does not hold the kernel's log"),
                },
            }),
        })
    }

    /// The time, if it is known.
    pub(crate) fn at(&self) -> Option<Timestamp> {
        match self {
            Self::Now(at) | Self::Lost(at) => Some(*at),
            Self::Unknown(_) => None,
        }
    }
}

/// What the script reported.
#[derive(Debug, PartialEq)]
struct Log {
    /// The node's clock.
    now: Timestamp,
    /// The oldest entry.
    begins: Option<Timestamp>,
    last: Last,
}

/// How the log ends, as far as contact is concerned; times by the node's clock.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Last {
    /// Neither contact nor its end.
    Nothing,
    /// Contact, and no end of it.
    Met(Timestamp),
    /// The end of a contact.
    Lost(Timestamp),
}

impl Log {
    fn parse(text: &str, resource: &str) -> Result<Self, Text> {
        let mut lines = text.lines();
        let mut head = |name: &str| {
            let line = lines.next().unwrap_or_default();
            line.strip_prefix(name)
                .map(str::trim)
                .ok_or_else(|| text!("drbd.log-head", "`{line}` is not `{name}TIME`", line = line, name = name))
        };
        let now = stamp(head("now ")?)?;
        let begins = match head("begins")? {
            "" => None,
            time => Some(stamp(time)?),
        };
        let (mut last, mut before) = (Last::Nothing, Last::Nothing);
        for line in lines {
            let Some((from, to)) = transition(line, resource) else { continue };
            let at = stamp(line.split_whitespace().next().unwrap_or_default())?;
            match (phase(from)?, phase(to)?) {
                (Phase::Apart, Phase::Apart) => {}
                // What they have in common shows only in the handshake. It may end it: then they have not met.
                (Phase::Apart, Phase::Handshake | Phase::Together) => (last, before) = (Last::Met(at), last),
                (Phase::Handshake, Phase::Apart) => last = before,
                (Phase::Together, Phase::Apart) => last = Last::Lost(at),
                (Phase::Handshake | Phase::Together, _) => {}
            }
        }
        Ok(Self { now, begins, last })
    }
}

/// The change of the connection that a line tells of; `None` if it is about something else. A volume's own lines
/// (`block drbd0:`, `drbd etcd0/0 drbd0:`) add nothing to those of the resource.
fn transition<'a>(line: &'a str, resource: &str) -> Option<(&'a str, &'a str)> {
    let message = line.split_once(" drbd ")?.1.strip_prefix(resource)?;
    let (about, message) = message.split_once(": ")?;
    // 9 names the peer.
    if !about.is_empty() && !about.starts_with(' ') {
        return None;
    }
    message.split_once("conn( ")?.1.split_once(" )")?.0.split_once(" -> ")
}

/// Where a connection stands.
#[derive(Debug, Clone, Copy)]
enum Phase {
    Apart,
    Handshake,
    Together,
}

/// What a word for a connection means. In 8.4 the connection's words are also those of the replication.
fn phase(word: &str) -> Result<Phase, Text> {
    match (word, word.parse::<ConnectionState>()) {
        ("WFReportParams", _) => Ok(Phase::Handshake),
        (_, Ok(ConnectionState::Connected)) => Ok(Phase::Together),
        (_, Ok(_)) => Ok(Phase::Apart),
        (_, Err(words)) => word.parse::<ReplicationState>().map(|_| Phase::Together).map_err(|_| words),
    }
}

/// Reads seconds since 1970, with or without a fraction.
fn stamp(text: &str) -> Result<Timestamp, Text> {
    let seconds = text.parse::<f64>().ok().and_then(|seconds| SignedDuration::try_from_secs_f64(seconds).ok());
    let stamp = seconds.and_then(|since| Timestamp::from_duration(since).ok());
    stamp.ok_or_else(|| text!("drbd.log-time", "`{time}` is not a time in seconds since 1970", time = text))
}

#[cfg(test)]
mod tests;
