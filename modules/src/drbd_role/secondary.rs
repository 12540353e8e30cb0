//! Demotion: what it needs, and what holds the device.

use cutover_engine::inventory::{Pair, PairMember};
use cutover_engine::module::{Change, Diff, Facts};

use super::State;
use crate::drbd::states::Role;
use crate::drbd::{at, drbdadm, not_up};
use crate::storage::users::describe;

/// Compares what is wanted with what is.
pub(super) fn compare(facts: &Facts, state: &State, pair: &Pair, own: &PairMember) -> Diff {
    let (resource, here) = (pair.resource.as_str(), at(own));
    let Some(status) = &state.own.status else {
        return not_up(resource, &here);
    };
    if status.role != Role::Primary {
        return Diff::InSync;
    }
    let reasons: Vec<String> = state
        .mounted
        .iter()
        .map(|holder| {
            let users = if holder.users.is_empty() {
                String::new()
            } else {
                format!(", in use by {}", describe(&holder.users))
            };
            format!(
                "{} of {resource} is mounted on {here} at {}{users}: unmount it first, with mount and `state: unmounted`",
                own.device, holder.target
            )
        })
        .collect();
    if !reasons.is_empty() {
        return Diff::refused(reasons);
    }
    let change = Change::idempotent(
        format!("demote {resource} on {here} to Secondary"),
        [drbdadm(facts, ["secondary", resource])],
    );
    Diff::Change(vec![change.undo([drbdadm(facts, ["primary", resource])])])
}
