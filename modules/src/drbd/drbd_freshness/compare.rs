//! What speaks against using some replicas together. Only what was read; nothing is asked here.

use cutover_engine::duration::HumanDuration;
use cutover_engine::text;
use cutover_engine::text::Text;
use jiff::{SignedDuration, Timestamp};

use super::{Params, Replica};
use crate::support::drbd::contact::Contact;
use crate::support::drbd::states::DiskState;

/// Something that speaks against it, and what to do about it.
pub(super) struct Reason {
    /// What was found.
    pub(super) finding: Text,
    advice: Text,
}

impl Reason {
    /// As a refusal says it.
    pub(super) fn refusal(self) -> Text {
        text!(
            "drbd_freshness.refused",
            "{finding}; {advice}, or say in `accept_stale` why it is good enough",
            finding = self.finding,
            advice = self.advice
        )
    }
}

/// All that speaks against it.
pub(super) fn reasons(params: &Params, replicas: &[Replica]) -> Vec<Reason> {
    let mut reasons: Vec<Reason> = replicas.iter().filter_map(disk).collect();
    reasons.extend(replicas.iter().filter_map(unknown));
    reasons.extend(spread(replicas).filter(|spread| *spread > params.max_spread).map(|by| apart(params, replicas, by)));
    reasons
}

/// How far the newest and the oldest known contact are apart, in whole seconds, which is all that the nodes' clocks are
/// asked for; `None` with less than two.
pub(super) fn spread(replicas: &[Replica]) -> Option<HumanDuration> {
    let times: Vec<Timestamp> = replicas.iter().filter_map(|replica| replica.last_contact.at()).collect();
    let (oldest, newest) = (times.iter().min()?, times.iter().max()?);
    (times.len() > 1).then(|| seconds(newest.duration_since(*oldest)))
}

/// That a disk is not whole.
fn disk(replica: &Replica) -> Option<Reason> {
    let Replica { resource, place, peer, last_contact, .. } = replica;
    let disk = replica.disk.filter(|disk| *disk != DiskState::UpToDate)?;
    let at = last_contact.at().map(|at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    Some(Reason {
        finding: match at.filter(|_| disk == DiskState::Outdated) {
            Some(at) => text!(
                "drbd_freshness.outdated",
                "the disk of {resource} on {place} is Outdated, not UpToDate: it left while {peer} was Primary, and lacks all that was written there since {at}",
                resource,
                place,
                peer,
                at
            ),
            None => text!(
                "drbd_freshness.disk",
                "the disk of {resource} on {place} is {disk}, not UpToDate",
                resource,
                place,
                disk
            ),
        },
        advice: text!(
            "drbd_freshness.disk.advice",
            "connect it to {peer} and wait with drbd_sync, leave this replica out",
            peer
        ),
    })
}

/// That nobody knows how old it is.
fn unknown(replica: &Replica) -> Option<Reason> {
    let Replica { resource, place, peer, last_contact, .. } = replica;
    let Contact::Unknown(why) = last_contact else { return None };
    Some(Reason {
        finding: text!(
            "drbd_freshness.unknown",
            "when {resource} on {place} last had contact with {peer} is not known: {why}",
            resource,
            place,
            peer,
            why
        ),
        advice: text!(
            "drbd_freshness.unknown.advice",
            "find it out by other means (the log of {peer}, monitoring), leave this replica out",
            peer
        ),
    })
}

/// That they are of different age.
fn apart(params: &Params, replicas: &[Replica], spread: HumanDuration) -> Reason {
    let newest = replicas.iter().filter_map(|replica| replica.last_contact.at()).max();
    let line = |replica: &Replica| {
        let Replica { resource, place, last_contact, .. } = replica;
        let time = |at: &Timestamp| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let behind = |at: &Timestamp| {
            newest.map(|newest| seconds(newest.duration_since(*at))).filter(|behind| !behind.0.is_zero())
        };
        match last_contact {
            Contact::Now(at) => text!(
                "drbd_freshness.contact-now",
                "{resource} on {place} at {time} (now)",
                resource,
                place,
                time = time(at)
            ),
            Contact::Lost(at) => match behind(at) {
                Some(behind) => text!(
                    "drbd_freshness.contact-behind",
                    "{resource} on {place} at {time} ({behind} before the newest)",
                    resource,
                    place,
                    time = time(at),
                    behind = behind.to_string()
                ),
                None => text!(
                    "drbd_freshness.contact-newest",
                    "{resource} on {place} at {time}",
                    resource,
                    place,
                    time = time(at)
                ),
            },
            Contact::Unknown(_) => text!(
                "drbd_freshness.contact-unknown",
                "{resource} on {place} at a time that is not known",
                resource,
                place
            ),
        }
    };
    Reason {
        finding: text!(
            "drbd_freshness.apart",
            "the replicas are {spread} apart, acceptable are {acceptable}: they last had contact with their peers, {replicas}",
            spread = spread.to_string(),
            acceptable = params.max_spread.to_string(),
            replicas = replicas.iter().map(line).collect::<Vec<_>>()
        ),
        advice: text!(
            "drbd_freshness.apart.advice",
            "members that start from different pasts contradict each other: start those on the fresh replicas only and add the others anew"
        ),
    }
}

/// A duration in seconds, rounded up.
fn seconds(duration: SignedDuration) -> HumanDuration {
    let duration = duration.unsigned_abs();
    let more = u64::from(duration.subsec_nanos() > 0);
    HumanDuration(std::time::Duration::from_secs(duration.as_secs() + more))
}
