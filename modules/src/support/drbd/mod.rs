//! What the DRBD modules share: states, status, data generations, versions and the resource file of one end of a pair.

pub(crate) mod config;
pub(crate) mod contact;
pub(crate) mod end;
pub(crate) mod generations;
#[cfg(test)]
pub(crate) mod script;
pub(crate) mod split_brain;
pub(crate) mod states;
pub(crate) mod status;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod version;

use cutover_engine::action::Action;
use cutover_engine::inventory::PairMember;
use cutover_engine::module::{Diff, Facts};
use cutover_engine::subject::Subject;
use cutover_engine::text;
use cutover_engine::world::{Command, Place};
use serde::Serialize;
use serde_json::Value;

/// Where a member is: `primary/worker01`.
pub(crate) fn at(member: &PairMember) -> String {
    place(member).to_string()
}

/// The node of a member, for commands.
pub(crate) fn place(member: &PairMember) -> Place {
    Place::node(&member.site, &member.node)
}

/// Refuses because a resource is not up at a place.
pub(crate) fn not_up(resource: &str, place: &str) -> Diff {
    Diff::blocked(text!(
        "drbd.not-up",
        "{resource} is not up on {place}: bring it up first, with drbd_resource",
        resource,
        place
    ))
}

/// What `register` keeps, as a value.
pub(crate) fn registered(result: impl Serialize) -> Value {
    serde_json::to_value(result).unwrap_or(Value::Null)
}

/// The resource of the task's pair, and its device on both nodes.
pub(crate) fn subjects(facts: &Facts) -> Vec<Subject> {
    let Ok((pair, own, peer)) = facts.pair() else { return Vec::new() };
    vec![
        Subject::Resource { resource: pair.resource.clone() },
        Subject::device(&facts.place(), &own.device),
        Subject::device(&place(peer), &peer.device),
    ]
}

/// `drbdadm VERB RESOURCE` at the task's place.
pub(crate) fn drbdadm<const N: usize>(facts: &Facts, words: [&str; N]) -> Action {
    drbdadm_at(facts.place(), words)
}

/// Commands of drbdadm that ask the kernel for a single thing: refused, nothing of it was done. `up`, `adjust` and `down` are
/// several, and `create-md` may fail while it writes.
const SINGLE: [&str; 4] = ["primary", "secondary", "connect", "disconnect"];
/// The codes with which drbdadm ends when the configuration is not accepted or the kernel refuses.
const REFUSED: [i32; 3] = [10, 11, 17];

/// `drbdadm VERB RESOURCE` at a place. It is never made to answer a question of its own with yes. It waits some seconds for
/// each `drbdsetup` that it starts, then ends with exit code 20 and lets that go on.
pub(crate) fn drbdadm_at<const N: usize>(place: Place, words: [&str; N]) -> Action {
    let single = words.first().is_some_and(|verb| SINGLE.contains(verb));
    let argv = std::iter::once("drbdadm").chain(words);
    let command = Command::new(argv).gives_up("did not terminate within");
    Action::Exec { place, command: if single { command.refuses(REFUSED) } else { command } }
}
