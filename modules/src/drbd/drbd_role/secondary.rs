//! Demotion: what it needs, and what holds the device.

use cutover_engine::inventory::{Pair, PairMember};
use cutover_engine::module::{Change, Diff, Facts};

use cutover_engine::text;
use cutover_engine::text::Text;

use super::State;
use crate::support::drbd::states::Role;
use crate::support::drbd::{at, drbdadm, not_up};
use crate::support::storage::users::describe;

/// Compares what is wanted with what is.
pub(super) fn compare(facts: &Facts, state: &State, pair: &Pair, own: &PairMember) -> Diff {
    let (resource, here) = (pair.resource.as_str(), at(own));
    let Some(status) = &state.own.status else {
        return not_up(resource, &here);
    };
    if status.role != Role::Primary {
        return Diff::InSync;
    }
    let reasons: Vec<Text> = state
        .mounted
        .iter()
        .map(|holder| {
            let (device, target) = (&own.device, &holder.target);
            if holder.users.is_empty() {
                text!(
                    "drbd_role.mounted",
                    "{device} of {resource} is mounted on {here} at {target}: unmount it first, with mount and `state: unmounted`",
                    device,
                    resource,
                    here,
                    target
                )
            } else {
                text!(
                    "drbd_role.in-use",
                    "{device} of {resource} is mounted on {here} at {target}, in use by {users}: unmount it first, with mount and `state: unmounted`",
                    device,
                    resource,
                    here,
                    target,
                    users = describe(&holder.users)
                )
            }
        })
        .collect();
    if !reasons.is_empty() {
        return Diff::refused(reasons);
    }
    let change = Change::idempotent(
        "demote",
        text!("drbd_role.demote", "demote {resource} on {here} to Secondary", resource, here),
        [drbdadm(facts, ["secondary", resource])],
    );
    Diff::Change(vec![change.undo([drbdadm(facts, ["primary", resource])])])
}
