//! What speaks against using some replicas together. Only what was read; nothing is asked here.

use cutover_engine::duration::HumanDuration;
use jiff::{SignedDuration, Timestamp};

use super::{Params, Replica};
use crate::drbd::contact::Contact;
use crate::drbd::states::DiskState;

/// All that speaks against it.
pub(super) fn reasons(params: &Params, replicas: &[Replica]) -> Vec<String> {
    let mut reasons: Vec<String> = replicas.iter().filter_map(disk).collect();
    reasons.extend(replicas.iter().filter_map(unknown));
    reasons.extend(
        spread(replicas).filter(|spread| *spread > limit(params)).map(|spread| apart(params, replicas, spread)),
    );
    reasons
}

/// How far the newest and the oldest known contact are apart; `None` with less than two.
pub(super) fn spread(replicas: &[Replica]) -> Option<SignedDuration> {
    let times: Vec<Timestamp> = replicas.iter().filter_map(|replica| replica.last_contact.at()).collect();
    let (oldest, newest) = (times.iter().min()?, times.iter().max()?);
    (times.len() > 1).then(|| newest.duration_since(*oldest))
}

fn limit(params: &Params) -> SignedDuration {
    SignedDuration::try_from(params.max_spread.0).unwrap_or(SignedDuration::MAX)
}

/// That a disk is not whole.
fn disk(replica: &Replica) -> Option<String> {
    let Replica { resource, place, peer, .. } = replica;
    match replica.disk? {
        DiskState::UpToDate => None,
        disk => Some(format!(
            "the disk of {resource} on {place} is {disk}, not UpToDate: connect it to {peer} and wait with drbd_sync, or leave this replica out"
        )),
    }
}

/// That nobody knows how old it is.
fn unknown(replica: &Replica) -> Option<String> {
    let Replica { resource, place, peer, last_contact, .. } = replica;
    let Contact::Unknown(why) = last_contact else { return None };
    Some(format!(
        "when {resource} on {place} last had contact with {peer} is not known: {why}; find it out by other means (the log of {peer}, monitoring), or leave this replica out"
    ))
}

/// That they are of different age.
fn apart(params: &Params, replicas: &[Replica], spread: SignedDuration) -> String {
    let newest = replicas.iter().filter_map(|replica| replica.last_contact.at()).max();
    let line = |replica: &Replica| {
        let Replica { resource, place, last_contact, .. } = replica;
        match last_contact {
            Contact::Now(at) => format!("{resource} on {place} has contact now ({})", time(*at)),
            Contact::Lost(at) => {
                let behind = newest.map(|newest| newest.duration_since(*at)).filter(|behind| behind.as_secs() > 0);
                let behind = behind.map(|behind| format!(", {} before the newest", human(behind)));
                format!("{resource} on {place} at {}{}", time(*at), behind.unwrap_or_default())
            }
            Contact::Unknown(_) => format!("{resource} on {place} nobody knows when"),
        }
    };
    format!(
        "the replicas are {} apart, acceptable are {}; last contact with the peers: {}. Members started from different pasts contradict each other: start those on the fresh replicas only and add the others anew, or say why not in `accept_stale`",
        human(spread),
        params.max_spread,
        replicas.iter().map(line).collect::<Vec<_>>().join(", ")
    )
}

/// A time to the second.
fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A duration to the second.
fn human(duration: SignedDuration) -> HumanDuration {
    HumanDuration(std::time::Duration::from_secs(duration.unsigned_abs().as_secs()))
}
