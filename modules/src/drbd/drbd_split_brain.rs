//! `drbd_split_brain`: ends a split brain by giving up the changes of one end, the victim, after an image of its disk was
//! made. A person names the victim; nothing here chooses one. Not the wait for the resync, which is `drbd_sync`'s.

use cutover_engine::action::Done;
use cutover_engine::failure::Failure;
use cutover_engine::inventory::{Inventory, Pair, PairMember};
use cutover_engine::module::{Context, Diff, Facts, Module, Targets};
use cutover_engine::reads;
use cutover_engine::subject::Subject;
use cutover_engine::text;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::support::drbd::at;
use crate::support::drbd::end::{End, Peer};
use crate::support::drbd::generations::{Generations, Relation};
use crate::support::drbd::states::{ConnectionState, ReplicationState};
use crate::support::storage::mounts;
use crate::support::storage::users::{self, User};
use crate::support::tree::{self, Located, Look};

mod backup;
mod compare;
#[cfg(test)]
mod tests;

/// The module.
#[derive(Clone, Copy)]
pub(crate) struct DrbdSplitBrain;

/// A role of a site, as inventories name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Side {
    /// The inventory's active site.
    Active,
    /// The inventory's passive site.
    Passive,
}

/// Parameters of `drbd_split_brain`. The target are the pairs of the victim's site.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    /// Whose changes are to be lost: everything that was written there since the two ends last met. It must be the site of the
    /// step's target, so that the victim is named twice.
    pub(crate) victim: Side,
    /// The directory on the victim's node for an image of its replicated disk, which is made and compared with the disk before
    /// anything is given up. The file's name tells resource, node and data generation; the disk's size must be free there. An
    /// image that is there already is kept if it holds the same, and never overwritten. The disk is read twice: give the step a
    /// `timeout` for that.
    pub(crate) backup: String,
    /// The file that makes the victim's node Primary at boot. While it is there, the step is refused: the node would promote
    /// itself again. `/etc/drbd.d/cke_RESOURCE.primary` if left out.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) marker: Option<String>,
}

/// What `drbd_split_brain` saw.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct State {
    /// The end whose changes are to be lost.
    victim: End,
    /// The other end.
    survivor: Peer,
    /// What the change would need on the victim's node; looked at only if there is a split brain.
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<Node>,
}

/// The victim's node.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Node {
    /// Where the device is mounted, and by whom it is used.
    mounted: Vec<(String, Vec<User>)>,
    /// Whether the marker is there.
    marker: bool,
    /// Where the image goes.
    directory: Look,
    /// Whether the image is there already.
    image: bool,
}

/// What `drbd_split_brain` registers.
#[derive(Serialize, JsonSchema)]
struct Registered {
    /// The resource's name.
    resource: String,
    /// The node whose changes are lost, as in `standby/worker01`.
    victim: String,
    /// The other node.
    survivor: String,
    /// Whether something was given up now.
    changed: bool,
    /// The victim's connection; null if the resource is not up there.
    connection: Option<ConnectionState>,
    /// What the victim's replication does; null if the resource is not up there.
    replication: Option<ReplicationState>,
    /// The data generations of the victim.
    generations: Option<Generations>,
    /// The data generations of the survivor.
    survivor_generations: Option<Generations>,
    /// The image of the victim's disk; null if nothing had to be given up.
    backup: Option<backup::Image>,
}

impl Params {
    fn marker(&self, pair: &Pair) -> String {
        self.marker.clone().unwrap_or_else(|| format!("/etc/drbd.d/cke_{}.primary", pair.resource))
    }

    fn check_paths(&self) -> Result<(), Failure> {
        for (pointer, path) in [("/backup", Some(&self.backup)), ("/marker", self.marker.as_ref())] {
            let Some(path) = path else { continue };
            let odd = |part: &str| matches!(part, "" | "." | "..") || part.contains('\n');
            if !path.starts_with('/') || path.trim_end_matches('/').split('/').skip(1).any(odd) || path == "/" {
                let message = text!(
                    "drbd_split_brain.path",
                    "`{path}` is not an absolute path below `/` without `.` and `..`",
                    path
                );
                return Err(Failure::invalid(message).pointer(pointer));
            }
        }
        Ok(())
    }

    fn check_victim(&self, facts: &Facts, inventory: &Inventory) -> Result<(), Failure> {
        let (_, own, _) = facts.pair()?;
        let roles = &inventory.roles;
        let (named, site) = match self.victim {
            Side::Active => ("active", &roles.active),
            Side::Passive => ("passive", &roles.passive),
        };
        if own.site == *site {
            return Ok(());
        }
        let message = text!(
            "drbd_split_brain.victim",
            "`victim: {named}` is {site}, but the step's target is {target}",
            named,
            site,
            target = facts.target()
        );
        let help = text!(
            "drbd_split_brain.victim.help",
            "the target is the victim's pairs: `target: {named}.pairs`, if {site} is to lose its changes",
            named,
            site
        );
        Err(Failure::invalid(message).pointer("/victim").help(help))
    }
}

impl Module for DrbdSplitBrain {
    const NAME: &'static str = "drbd_split_brain";
    const SUMMARY: &'static str =
        "Ends a split brain: the named victim takes the other end's data, after an image of its own.";
    const EXAMPLE: &'static str = r#"
name: The old site gives its changes up
target: passive.pairs
drbd_split_brain:
  victim: passive
  backup: "/data/vmdata/backup/{{ run.id }}"
"#;

    const TARGETS: Targets = Targets::PAIR;

    type Params = Params;
    type State = State;

    fn judge(params: &Params) -> Result<(), Failure> {
        params.check_paths()
    }

    fn judge_on(facts: &Facts, inventory: &Inventory, params: &Params) -> Result<(), Failure> {
        params.check_victim(facts, inventory)
    }

    fn subjects(&self, facts: &Facts, params: &Params) -> Option<Vec<Subject>> {
        let mut subjects = crate::support::drbd::subjects(facts);
        if let Ok((pair, own, _)) = facts.pair() {
            subjects.push(Subject::device(&facts.place(), &own.disk));
            let paths = [params.backup.trim_end_matches('/').to_owned(), params.marker(pair)];
            subjects.extend(paths.map(|path| Subject::path(&facts.place(), path)));
        }
        Some(subjects)
    }

    async fn probe(&self, cx: &Context, params: &Params) -> Result<State, Failure> {
        let (pair, own, _) = cx.pair()?;
        params.check_victim(cx.facts(), cx.inventory())?;
        let victim = End::read(cx, &cx.place(), &pair.resource).await?;
        let survivor = Peer::read(cx).await?;
        let split = compare::relation(&victim, &survivor) == Some(Relation::SplitBrain);
        let node = if split { Some(node(cx, params, (pair, own), &victim).await?) } else { None };
        Ok(State { victim, survivor, node })
    }

    fn diff(&self, facts: &Facts, params: &Params, state: &State) -> Diff {
        match facts.pair() {
            Ok((pair, own, peer)) => compare::compare(facts, params, state, pair, (own, peer)),
            Err(failure) => Diff::blocked(failure.message),
        }
    }

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Registered>()
    }

    fn result(&self, facts: &Facts, _params: &Params, state: &State, done: &[Done]) -> Value {
        let found = facts.pair().ok();
        let status = state.victim.status.as_ref();
        crate::support::drbd::registered(Registered {
            resource: found.map(|(pair, ..)| pair.resource.clone()).unwrap_or_default(),
            victim: found.map(|(_, own, _)| at(own)).unwrap_or_default(),
            survivor: found.map(|(_, _, peer)| at(peer)).unwrap_or_default(),
            changed: !done.is_empty(),
            connection: status.map(|status| status.connection),
            replication: status.map(|status| status.replication),
            generations: state.victim.generations,
            survivor_generations: state.survivor.end().and_then(|end| end.generations),
            backup: done.iter().find_map(backup::read),
        })
    }
}

async fn node(cx: &Context, params: &Params, (pair, own): (&Pair, &PairMember), victim: &End) -> Result<Node, Failure> {
    let real = cx.read(&reads::READLINK.of([&own.device])).await?;
    let device = if real.success() { real.stdout.trim() } else { &own.device };
    let mut mounted = Vec::new();
    for mount in mounts::read(cx).await?.into_iter().filter(|mount| mount.source == device) {
        let users = users::read(cx, &cx.place(), &mount.target).await?;
        mounted.push((mount.target, users));
    }
    let there = async |path: &str| {
        let test = reads::TEST_EXISTS.of([path]).accept([1]);
        Ok::<_, Failure>(cx.read(&test).await?.success())
    };
    let marker = there(&params.marker(pair)).await?;
    let image = there(&backup::path(params, pair, own, victim)).await?;
    let path = params.backup.trim_end_matches('/').to_owned();
    let directory = tree::look(cx, &Located { place: cx.place(), path, device: None }, &[]).await?;
    Ok(Node { mounted, marker, directory, image })
}
