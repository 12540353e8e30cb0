//! `drbd_sync`: waits until the ends of a DRBD resource are connected, or until both hold the same data. Changes nothing.

use cutover_engine::action::Done;
use cutover_engine::failure::Failure;
use cutover_engine::inventory::{Pair, PairMember};
use cutover_engine::module::{Context, Diff, Facts, Module, Targets};
use cutover_engine::subject::Subject;
use cutover_engine::text;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::support::drbd::end::{End, Peer};
use crate::support::drbd::generations::Generations;
use crate::support::drbd::split_brain::suspicion;
use crate::support::drbd::states::{ConnectionState, DiskState, ReplicationState, Role};
use crate::support::drbd::status::Status;
use crate::support::drbd::{at, not_up};
use together::{done, idles, together};

#[cfg(test)]
mod tests;
mod together;

/// The module.
#[derive(Clone, Copy)]
pub(crate) struct DrbdSync;

/// How far it shall be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Until {
    /// Connected, and both disks UpToDate with no block out of sync: the same blocks on both ends. A running verification is
    /// waited for; suspended I/O, lost quorum, and blocks that differ without a resync are refused.
    #[default]
    UpToDate,
    /// The ends have met; the data may still differ.
    Connected,
}

/// Parameters of `drbd_sync`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// How far it shall be. The step's `timeout` says how long to wait: a full resync takes the disk's size over the link's
    /// rate.
    pub(crate) until: Until,
    /// Only looks: what would be waited for is refused at once. For checks before a window: a link that is down, a resync that runs.
    pub(crate) check_only: bool,
}

/// What `drbd_sync` saw.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct State {
    /// This end.
    own: End,
    /// The other end; looked at only while they are not connected, or idle with disks that are not both UpToDate.
    peer: Option<Peer>,
}

/// What `drbd_sync` registers. All but `resource` and `generations` is null if the resource is not up here.
#[derive(Serialize, JsonSchema)]
struct Registered {
    /// The resource's name.
    resource: String,
    /// The connection to the other end.
    connection: Option<ConnectionState>,
    /// What the replication does.
    replication: Option<ReplicationState>,
    /// The role of this end.
    role: Option<Role>,
    /// The role of the other end, as seen from here.
    peer_role: Option<Role>,
    /// The disk of this end.
    disk: Option<DiskState>,
    /// The disk of the other end, as seen from here.
    peer_disk: Option<DiskState>,
    /// How much differs or may differ, in KiB; null if DRBD does not say.
    out_of_sync_kib: Option<u64>,
    /// How much of the data is the same on both ends, in percent; null if that is not known.
    done: Option<f64>,
    /// The data generations of this end.
    generations: Option<Generations>,
}

impl Module for DrbdSync {
    const NAME: &'static str = "drbd_sync";
    const SUMMARY: &'static str =
        "Waits until both ends of a DRBD resource are connected, or hold the same data; shows percent and time left.";
    const EXAMPLE: &'static str = r#"
name: Both sides hold the same blocks
target: active.pairs
drbd_sync: {until: up_to_date}
timeout: 2h
"#;

    const TARGETS: Targets = Targets::PAIR;

    type Params = Params;
    type State = State;

    fn subjects(&self, facts: &Facts, _params: &Params) -> Option<Vec<Subject>> {
        Some(crate::support::drbd::subjects(facts))
    }

    async fn probe(&self, cx: &Context, _params: &Params) -> Result<State, Failure> {
        let (pair, ..) = cx.pair()?;
        let own = End::read(cx, &cx.place(), &pair.resource).await?;
        let wanted = own.status.as_ref().is_some_and(|status| !status.connected() || idles(status));
        let peer = if wanted { Some(Peer::read(cx).await?) } else { None };
        Ok(State { own, peer })
    }

    fn diff(&self, facts: &Facts, params: &Params, state: &State) -> Diff {
        let (pair, own, peer) = match facts.pair() {
            Ok(found) => found,
            Err(failure) => return Diff::blocked(failure.message),
        };
        let Some(status) = &state.own.status else {
            return not_up(&pair.resource, &at(own));
        };
        let diff = match (status.connected(), params.until) {
            (false, _) => apart(pair, (own, peer), state, status),
            (true, Until::Connected) => Diff::InSync,
            (true, Until::UpToDate) => {
                let says = state.peer.as_ref().and_then(Peer::end).and_then(|end| end.status.as_ref());
                together(&pair.resource, &at(own), &at(peer), status, says)
            }
        };
        match diff {
            Diff::Waiting(waiting) if params.check_only => Diff::blocked(waiting.why),
            diff => diff,
        }
    }

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Registered>()
    }

    fn result(&self, facts: &Facts, _params: &Params, state: &State, _done: &[Done]) -> Value {
        let resource = facts.pair().map(|(pair, ..)| pair.resource.clone()).unwrap_or_default();
        let status = state.own.status.as_ref();
        crate::support::drbd::registered(Registered {
            resource,
            connection: status.map(|status| status.connection),
            replication: status.map(|status| status.replication),
            role: status.map(|status| status.role),
            peer_role: status.map(|status| status.peer_role),
            disk: status.map(|status| status.disk),
            peer_disk: status.map(|status| status.peer_disk),
            out_of_sync_kib: status.and_then(|status| status.out_of_sync_kib),
            done: status.and_then(done),
            generations: state.own.generations,
        })
    }
}

/// The ends do not talk: they are about to, or will not by themselves.
fn apart(pair: &Pair, members: (&PairMember, &PairMember), state: &State, status: &Status) -> Diff {
    let (resource, here, there) = (pair.resource.as_str(), at(members.0), at(members.1));
    let peer = state.peer.as_ref();
    let peer_status = peer.and_then(Peer::end).and_then(|end| end.status.as_ref());
    let alone = |status: &Status| status.connection == ConnectionState::StandAlone;
    if alone(status) || peer_status.is_some_and(alone) {
        if let Some(words) = peer.and_then(|peer| suspicion(pair, members, &state.own, peer)) {
            return Diff::blocked(words);
        }
        let which = if alone(status) { &here } else { &there };
        return Diff::blocked(text!(
            "drbd_sync.stand-alone",
            "{resource} on {which} is StandAlone: it was never connected, or was disconnected, and does not try by itself; connect it with drbd_resource",
            resource,
            which
        ));
    }
    let why = peer.map(|peer| match peer {
        Peer::Unreachable(words) => {
            text!("drbd_sync.peer-unreachable", "{there} cannot be asked ({words})", there, words)
        }
        Peer::Seen(End { status: None, .. }) => {
            text!("drbd_sync.peer-not-up", "it is not up on {there} yet", there)
        }
        Peer::Seen(End { status: Some(status), .. }) => {
            text!("drbd_sync.peer-apart", "{there} is {connection}", there, connection = status.connection)
        }
    });
    let (peer, connection) = (members.1, status.connection);
    let apart = text!(
        "drbd_sync.apart",
        "{resource} on {here} is {connection}, to {address} port {port}",
        resource,
        here,
        connection,
        address = &peer.address,
        port = peer.port
    );
    Diff::waiting(match why {
        Some(why) => text!("drbd_sync.apart-because", "{apart}; {why}", apart, why),
        None => apart,
    })
}
