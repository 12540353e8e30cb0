//! `drbd_role`: makes one end of a DRBD resource Primary or Secondary. Never two Primaries, and no promotion of data that
//! is not the newest unless a person says so; not the resource itself, and not the wait for a resync.

use cutover_engine::action::Done;
use cutover_engine::failure::Failure;
use cutover_engine::module::{Context, Diff, Facts, Module, Targets};
use cutover_engine::reads;
use cutover_engine::subject::Subject;
use cutover_engine::text;
use cutover_engine::world::Place;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::support::drbd::end::{End, Peer, reach};
use crate::support::drbd::generations::Generations;
use crate::support::drbd::states::{ConnectionState, DiskState, Role};
use crate::support::storage::users::{self, User};
use crate::support::storage::{mounts, stdout};

mod primary;
mod secondary;
#[cfg(test)]
mod tests;

/// The module.
#[derive(Clone, Copy)]
pub(crate) struct DrbdRole;

/// A role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Wanted {
    /// The device can be mounted here, and nowhere else.
    Primary,
    /// The device follows the other end.
    Secondary,
}

/// Parameters of `drbd_role`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    /// The role that the target's end shall have. Primary is refused while the other end is Primary, while its node cannot
    /// be asked, while the disk here is not UpToDate, and after a split brain. Secondary is refused while the device is
    /// mounted.
    pub(crate) role: Wanted,
    /// The very first promotion, which needs force because neither disk holds data: the disk here becomes the source of the
    /// initial sync. Only if both disks are Inconsistent with just created metadata and carry nothing, and the ends are
    /// connected. Once there is data it means nothing more, so a playbook may keep it.
    #[serde(default)]
    pub(crate) initial: bool,
    /// The attestation that the other end's node is down and stays down (fenced), needed to promote while it cannot be
    /// reached: by whom, and how it is known. `"J. Doe: power is off, seen on the controller"`. Recorded.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) fenced: Option<String>,
    /// Why data may be lost: allows to promote a disk that is not UpToDate, by force, or one whose peer holds newer data.
    /// Not while the peer is Primary, not after a split brain, and not while a resync could finish. Recorded.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) accept_data_loss: Option<String>,
    /// Why it does not matter that this end has no quorum, and who says so: allows, with `fenced`, to promote it by force. Of two
    /// nodes the one that is left has none if the configuration asks for it; what drbd_resource writes says `quorum off`. Recorded.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) accept_no_quorum: Option<String>,
}

/// What `drbd_role` saw.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct State {
    /// This end.
    own: End,
    /// The other end; not looked at for a demotion.
    peer: Option<Peer>,
    /// What each backing disk carries beside DRBD's metadata; looked at only before the very first promotion.
    traces: Vec<Traces>,
    /// Where the device is mounted; looked at only before a demotion.
    mounted: Vec<Holder>,
}

/// Signatures on a backing disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Traces {
    place: Place,
    /// The lines that wipefs lists.
    lines: Vec<String>,
}

/// A mount of the device and who uses it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Holder {
    target: String,
    users: Vec<User>,
}

/// What `drbd_role` registers.
#[derive(Serialize, JsonSchema)]
struct Registered {
    /// The resource's name.
    resource: String,
    /// The role of this end; null if the resource is not up here.
    role: Option<Role>,
    /// Whether the role was changed.
    changed: bool,
    /// The disk of this end.
    disk: Option<DiskState>,
    /// The connection to the other end.
    connection: Option<ConnectionState>,
    /// The other end's role, as it says itself; null if it was not asked, or does not answer.
    peer_role: Option<Role>,
    /// Whether the other end was asked and answered. It is not asked before a demotion.
    peer_reachable: bool,
    /// The data generations of this end.
    generations: Option<Generations>,
    /// The data generations of the other end; null if it was not asked, or does not answer.
    peer_generations: Option<Generations>,
    /// The parameter `fenced`.
    fenced: Option<String>,
    /// The parameter `accept_data_loss`.
    accept_data_loss: Option<String>,
    /// The parameter `accept_no_quorum`.
    accept_no_quorum: Option<String>,
    /// Whether this end has quorum, which it does where none is asked for; null of 8.4, and if the resource is not up here.
    quorum: Option<bool>,
}

impl Params {
    fn check(&self) -> Result<(), Failure> {
        let words = [
            ("fenced", &self.fenced),
            ("accept_data_loss", &self.accept_data_loss),
            ("accept_no_quorum", &self.accept_no_quorum),
        ];
        for (name, value) in words {
            if value.as_ref().is_some_and(|text| text.trim().is_empty()) {
                let message = text!("drbd_role.empty", "`{name}` is empty: say who says so, and how it is known", name);
                return Err(Failure::invalid(message).pointer(format!("/{name}")));
            }
            if value.is_some() && (self.role == Wanted::Secondary || self.initial) {
                let message = if self.initial {
                    text!(
                        "drbd_role.not-with-initial",
                        "`{name}` does not go with `initial`, which needs both ends and no data",
                        name
                    )
                } else {
                    text!("drbd_role.not-with-secondary", "`{name}` does not go with `role: secondary`", name)
                };
                return Err(Failure::invalid(message).pointer(format!("/{name}")));
            }
        }
        if self.accept_no_quorum.is_some() && self.fenced.is_none() {
            let message = text!(
                "drbd_role.no-quorum-without-fenced",
                "`accept_no_quorum` goes with `fenced`: while the other end lives, it is connected, and then there is a quorum"
            );
            return Err(Failure::invalid(message).pointer("/accept_no_quorum"));
        }
        if self.initial && self.role == Wanted::Secondary {
            let message = text!("drbd_role.initial-with-secondary", "`initial` goes with `role: primary`");
            return Err(Failure::invalid(message).pointer("/initial"));
        }
        Ok(())
    }
}

impl Module for DrbdRole {
    const NAME: &'static str = "drbd_role";
    const SUMMARY: &'static str =
        "Promotes or demotes one end of a DRBD resource, after looking at both: never two Primaries, never stale data.";
    const EXAMPLE: &'static str = r#"
name: Promote the standby
target: passive.pairs
drbd_role:
  role: primary
  fenced: "{{ attestation }}"
"#;

    const TARGETS: Targets = Targets::PAIR;

    type Params = Params;
    type State = State;

    fn judge(params: &Params) -> Result<(), Failure> {
        params.check()
    }

    fn subjects(&self, facts: &Facts, _params: &Params) -> Option<Vec<Subject>> {
        Some(crate::support::drbd::subjects(facts))
    }

    async fn probe(&self, cx: &Context, params: &Params) -> Result<State, Failure> {
        let (pair, own, peer) = cx.pair()?;
        let end = End::read(cx, &cx.place(), &pair.resource).await?;
        let mut state = State { own: end, peer: None, traces: Vec::new(), mounted: Vec::new() };
        let Some(status) = &state.own.status else { return Ok(state) };
        let (role, disk) = (status.role, status.disk);
        if params.role == Wanted::Primary {
            let read = Peer::read(cx).await?;
            if read.end().is_none() {
                // That took its time, in which the link may have gone down.
                state.own = End::read(cx, &cx.place(), &pair.resource).await?;
            }
            state.peer = Some(read);
            if params.initial && role != Role::Primary && disk == DiskState::Inconsistent {
                for (place, disk) in [(cx.place(), &own.disk), (crate::support::drbd::place(peer), &peer.disk)] {
                    state.traces.extend(reach(traces(cx, place, disk).await)?.ok());
                }
            }
        } else if role == Role::Primary {
            let real = cx.read(&reads::READLINK.of([&own.device])).await?;
            let name = if real.success() { real.stdout.trim() } else { &own.device };
            for mount in mounts::read(cx).await?.into_iter().filter(|mount| mount.source == name) {
                let users = users::read(cx, &cx.place(), &mount.target).await?;
                state.mounted.push(Holder { target: mount.target, users });
            }
        }
        Ok(state)
    }

    fn diff(&self, facts: &Facts, params: &Params, state: &State) -> Diff {
        match (facts.pair(), params.role) {
            (Err(failure), _) => Diff::blocked(failure.message),
            (Ok((pair, own, peer)), Wanted::Primary) => primary::compare(facts, params, state, pair, (own, peer)),
            (Ok((pair, own, _)), Wanted::Secondary) => secondary::compare(facts, state, pair, own),
        }
    }

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Registered>()
    }

    fn result(&self, facts: &Facts, params: &Params, state: &State, done: &[Done]) -> Value {
        let status = state.own.status.as_ref();
        let peer = state.peer.as_ref().and_then(Peer::end);
        crate::support::drbd::registered(Registered {
            resource: facts.pair().map(|(pair, ..)| pair.resource.clone()).unwrap_or_default(),
            role: status.map(|status| status.role),
            changed: !done.is_empty(),
            disk: status.map(|status| status.disk),
            connection: status.map(|status| status.connection),
            peer_role: peer.and_then(|end| end.status.as_ref()).map(|status| status.role),
            peer_reachable: peer.is_some(),
            generations: state.own.generations,
            peer_generations: peer.and_then(|end| end.generations),
            fenced: params.fenced.clone(),
            accept_data_loss: params.accept_data_loss.clone(),
            accept_no_quorum: params.accept_no_quorum.clone(),
            quorum: status.and_then(|status| status.quorum),
        })
    }
}

/// What a backing disk carries beside DRBD's own metadata.
async fn traces(cx: &Context, place: Place, disk: &str) -> Result<Traces, Failure> {
    let wipefs = reads::WIPEFS_LIST.of([disk]);
    let text = stdout(&wipefs, cx.read_at(&place, &wipefs).await?)?;
    let foreign = |line: &&str| line.contains("0x") && !line.split_whitespace().any(|word| word == "drbd");
    let squeeze = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    Ok(Traces { place, lines: text.lines().filter(foreign).map(squeeze).collect() })
}
