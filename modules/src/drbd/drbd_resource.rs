//! `drbd_resource`: one end of a DRBD resource: its file, its metadata, up with a peer to meet, or down. Not its role, and
//! not whether the ends are in sync.

use std::collections::BTreeMap;
use std::fmt;

use cutover_engine::action::Done;
use cutover_engine::failure::Failure;
use cutover_engine::inventory::{Pair, PairMember};
use cutover_engine::module::{Context, Diff, Facts, Module, Targets};
use cutover_engine::subject::Subject;
use cutover_engine::text::Text;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::support::drbd::config;
use crate::support::drbd::end::{End, Peer};
use crate::support::drbd::generations::Generations;
use crate::support::drbd::states::{ConnectionState, DiskState, Role};
use crate::support::drbd::status::Status;
use crate::support::drbd::version::{Generation, Version};
use crate::support::storage::block::Block;

mod compare;
mod look;
mod lost;
mod moves;
mod others;
mod settings;
#[cfg(test)]
mod tests;

/// The module.
#[derive(Clone, Copy)]
pub(crate) struct DrbdResource;

/// Whether the resource shall be in the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Wanted {
    /// Its file is as the inventory says, its disk is attached, and it is connected or tries to be. A file that holds more than
    /// the inventory and the parameters name (volumes, hosts, sections, settings) is refused, and so is a minor, port or disk
    /// that another resource has, up or down.
    #[default]
    Up,
    /// It is not in the kernel. Its file and its data stay. Refused while it is Primary or mounted.
    Down,
}

/// A value of a setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Setting {
    /// `yes` or `no`.
    Switch(bool),
    /// A number, in the unit of drbd.conf(5).
    Number(u64),
    /// A word.
    Word(String),
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switch(true) => f.write_str("yes"),
            Self::Switch(false) => f.write_str("no"),
            Self::Number(number) => number.fmt(f),
            Self::Word(word) => word.fmt(f),
        }
    }
}

/// Parameters of `drbd_resource`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    /// Whether the resource shall be in the kernel.
    #[serde(default)]
    pub(crate) state: Wanted,
    /// Whether metadata may be created on the backing disk if it has none. Only on a disk that carries nothing at all: a
    /// disk with any signature is refused, and metadata that is there already is kept.
    #[serde(default)]
    pub(crate) create_metadata: bool,
    /// The resource file, ending in `.res`; `/etc/drbd.d/cke_<resource>.res` by default. The prefix `cke_` makes the CKE
    /// platform load the resource at boot.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) file: Option<String>,
    /// The checksum for `drbdadm verify`, which compares both ends while they are in use: `crc32c`, `sha256`, or another
    /// one of the kernel's (/proc/crypto). Without it, verify is refused by DRBD.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) verify_alg: Option<String>,
    /// Whether systemd brings the resource up at boot, by the unit `drbd@<resource>.target` of drbd-utils 9.18 or newer.
    /// Debian leaves that off, so a node that was rebooted would no longer replicate. Leave it out where the platform does
    /// it, as CKE does.
    #[serde(default)]
    pub(crate) at_boot: bool,
    /// More settings of the section `net` (drbd.conf(5)), for example `{ping-timeout: 30, max-buffers: 8000}`; numbers in
    /// the manual page's units. Protocol C and one Primary are fixed. Of the `after-sb-` policies only those are taken that
    /// never discard changes. A shared secret is not taken: put it into `/etc/drbd.d/global_common.conf`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub(crate) net: BTreeMap<String, Setting>,
}

/// What `drbd_resource` saw.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct State {
    /// The node's DRBD.
    version: Version,
    /// What `hostname` prints.
    hostname: String,
    /// The file as it is. Not recorded: a person may have written a secret into it.
    #[serde(skip)]
    text: Option<String>,
    /// The file in which the tools find the resource.
    defined_at: Option<String>,
    /// What the tools say is wrong with the configuration.
    fault: Option<String>,
    /// What the tools say against the text that the file is to get; looked at only if it is to be written.
    refused: Option<String>,
    /// The backing disk.
    disk: Block,
    /// Other names of the backing disk that the kernel or the file has for it.
    also_named: Vec<String>,
    /// The name by which the kernel has the backing disk attached, if that is not the inventory's.
    attached_as: Option<String>,
    /// The size of the other end's backing disk in bytes; `None` if not known.
    peer_bytes: Option<u64>,
    /// Other resources of this node that have this one's minor, port or disk.
    collisions: Vec<Text>,
    /// Other resources of the peer's node that have its minor, port or disk.
    peer_collisions: Vec<Text>,
    /// This end.
    own: End,
    /// The other end; looked at only if this one is StandAlone.
    peer: Option<Peer>,
    /// The commands by which `drbdadm adjust` would bring the kernel to what the file says.
    pending: Vec<String>,
    /// Where the device is mounted; looked at only before it goes down.
    mounted: Vec<String>,
    /// What systemd says of the unit that brings it up at boot, as in `disabled`; looked at only if that is wanted.
    boot: Option<String>,
}

/// What `drbd_resource` registers.
#[derive(Serialize, JsonSchema)]
struct Registered {
    /// The resource's name.
    resource: String,
    /// The resource file.
    file: String,
    /// Whether the resource is in the kernel. What follows, up to `connection`, is null if it is not.
    up: bool,
    /// The role of this end.
    role: Option<Role>,
    /// The disk of this end.
    disk: Option<DiskState>,
    /// The connection to the other end.
    connection: Option<ConnectionState>,
    /// The data generations of this end; null if it has no metadata.
    generations: Option<Generations>,
    /// The version of the kernel module, as in `9.2.14`; null if there is none.
    kernel_version: Option<String>,
}

impl Params {
    /// Where the resource file is.
    fn file(&self, resource: &str) -> String {
        self.file.clone().unwrap_or_else(|| format!("/etc/drbd.d/cke_{resource}.res"))
    }

    /// The text it shall have.
    fn text(&self, pair: &Pair, members: (&PairMember, &PairMember), generation: Generation) -> String {
        let verify = self.verify_alg.iter().map(|name| ("verify-alg".to_owned(), name.clone()));
        let more = self.net.iter().map(|(name, value)| (name.clone(), value.to_string()));
        config::render(pair, members, generation, &verify.chain(more).collect())
    }
}

impl State {
    /// The member as the file shall name it. drbdadm compares names of disks as words: another name for a disk that is attached
    /// would have it detached, so the disk keeps the name that it has there until it is down.
    fn named(&self, own: &PairMember) -> PairMember {
        let disk = self.attached_as.clone().unwrap_or_else(|| own.disk.clone());
        PairMember { disk, ..own.clone() }
    }

    /// Whether a name is one of the backing disk's.
    fn is_own_disk(&self, own: &PairMember, name: &str) -> bool {
        name == own.disk || name == self.disk.kernel_name || self.also_named.iter().any(|other| other == name)
    }

    /// Whether the backing disk is attached.
    fn attached(&self) -> bool {
        self.own.status.as_ref().is_some_and(Status::attached)
    }
}

impl Module for DrbdResource {
    const NAME: &'static str = "drbd_resource";
    const SUMMARY: &'static str = "Brings one end of a DRBD resource up: its file, its metadata on a blank disk, its connection; or takes it down.";
    const EXAMPLE: &'static str = r#"
name: Write the resource, create its metadata, bring it up
target: [passive.pairs, active.pairs]
drbd_resource: {create_metadata: true, verify_alg: crc32c}
"#;

    const TARGETS: Targets = Targets::PAIR;

    type Params = Params;
    type State = State;

    fn judge(params: &Params) -> Result<(), Failure> {
        settings::check(params)
    }

    fn subjects(&self, facts: &Facts, params: &Params) -> Option<Vec<Subject>> {
        let mut subjects = crate::support::drbd::subjects(facts);
        if let Ok((pair, own, _)) = facts.pair() {
            subjects.push(Subject::device(&facts.place(), &own.disk));
            subjects.push(Subject::path(&facts.place(), params.file(&pair.resource)));
        }
        Some(subjects)
    }

    async fn probe(&self, cx: &Context, params: &Params) -> Result<State, Failure> {
        look::probe(cx, params).await
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

    fn result(&self, facts: &Facts, params: &Params, state: &State, _done: &[Done]) -> Value {
        let resource = facts.pair().map(|(pair, ..)| pair.resource.clone()).unwrap_or_default();
        let status = state.own.status.as_ref();
        crate::support::drbd::registered(Registered {
            file: params.file(&resource),
            resource,
            up: status.is_some(),
            role: status.map(|status| status.role),
            disk: status.map(|status| status.disk),
            connection: status.map(|status| status.connection),
            generations: state.own.generations,
            kernel_version: state.version.kernel.clone(),
        })
    }
}
