//! `filesystem_check`: whether another node can mount what `mkfs` makes here. What a newer `mkfs` makes, an older kernel or fsck
//! may not know, and only a failover would find out.

use cutover_engine::action::{Action, Done};
use cutover_engine::failure::Failure;
use cutover_engine::inventory::Inventory;
use cutover_engine::module::{Change, Context, Diff, Facts, Module, Targets};
use cutover_engine::query::ReadScript;
use cutover_engine::subject::Subject;
use cutover_engine::text;
use cutover_engine::text::Text;
use cutover_engine::world::{Command, Place};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::filesystem::{Kind, check_options};
use crate::support::storage::stdout;

mod features;
#[cfg(test)]
mod tests;

/// The script that asks for versions; it reads only.
const TOOLS: ReadScript =
    ReadScript::declare("cutover-filesystem-tools", include_str!("../scripts/cutover-filesystem-tools.sh"));
/// The script that makes the image.
const MAKE: &str = include_str!("../scripts/cutover-filesystem-make.sh");
/// The script that checks and mounts it.
const MOUNT: &str = include_str!("../scripts/cutover-filesystem-mount.sh");

/// The module `filesystem_check`.
#[derive(Clone, Copy)]
pub(crate) struct FilesystemCheck;

/// What a playbook says to `filesystem_check`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    /// The type of the file system, as for `filesystem`.
    #[serde(default, rename = "type")]
    pub(crate) kind: Kind,
    /// The arguments for `mkfs`, as for `filesystem`.
    #[serde(default)]
    pub(crate) options: Vec<String>,
    /// The node that has to mount it; by default the other end of the task's pair.
    #[serde(default)]
    pub(crate) mount_on: Option<Node>,
}

/// A node of the inventory.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Node {
    /// Its site; by default the target's.
    #[serde(default)]
    pub(crate) site: Option<String>,
    /// Its name in the inventory.
    pub(crate) node: String,
}

/// The versions of one end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Tools {
    /// Where, as `SITE/NODE`.
    pub(crate) place: String,
    /// The version of the kernel.
    pub(crate) kernel: String,
    /// The version of `mkfs`, in its own words; empty if it is not there.
    pub(crate) mkfs: String,
    /// The version of the program that checks the file system (`e2fsck`, `xfs_repair`); empty if it is not there.
    pub(crate) fsck: String,
}

/// What a probe saw.
#[derive(Debug, Serialize)]
pub(crate) struct State {
    /// The node that is to mount it.
    #[serde(skip)]
    pub(crate) to: Place,
    /// The end that makes it.
    pub(crate) made_by: Tools,
    /// The end that mounts it.
    pub(crate) mounted_by: Tools,
}

/// What `filesystem_check` returns.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Returned {
    /// The end that makes file systems: its versions.
    made_by: Tools,
    /// The end that has to mount them: its versions.
    mounted_by: Tools,
}

impl Module for FilesystemCheck {
    const NAME: &'static str = "filesystem_check";
    const SUMMARY: &'static str = "Makes a file system in a small image, and checks and mounts it on another node: whether the kernel and tools there \
                                   know what mkfs makes here.";
    const EXAMPLE: &'static str = r#"
name: The peer can mount what mkfs makes here
target: active.pairs
filesystem_check: {type: ext4}
"#;

    const TARGETS: Targets = Targets::MACHINE;

    type Params = Params;
    type State = State;

    fn judge(params: &Params) -> Result<(), Failure> {
        let Params { options, mount_on, .. } = params;
        if let Some(Node { site, node }) = mount_on {
            let empty = |pointer| {
                let words = text!("filesystem_check.empty-name", "an empty name is not one of the inventory");
                Err(Failure::invalid(words).pointer(pointer))
            };
            if node.is_empty() {
                return empty("/mount_on/node");
            }
            if site.as_ref().is_some_and(String::is_empty) {
                return empty("/mount_on/site");
            }
        }
        check_options(options)
    }

    fn judge_on(facts: &Facts, inventory: &Inventory, params: &Params) -> Result<(), Failure> {
        other(facts, inventory, params).map(drop)
    }

    async fn probe(&self, cx: &Context, params: &Params) -> Result<State, Failure> {
        let to = other(cx.facts(), cx.inventory(), params)?;
        let (here, kind) = (cx.place(), params.kind.name());
        let (made_by, mounted_by) =
            futures_util::future::try_join(tools(cx, &here, kind), tools(cx, &to, kind)).await?;
        Ok(State { to, made_by, mounted_by })
    }

    /// It leaves nothing behind, and no step alters a node's kernel.
    fn subjects(&self, _facts: &Facts, _params: &Params) -> Option<Vec<Subject>> {
        Some(Vec::new())
    }

    fn diff(&self, facts: &Facts, params: &Params, state: &State) -> Diff {
        let State { to, made_by, .. } = state;
        let kind = params.kind.name();
        let (here, place) = (facts.place(), &made_by.place);
        if made_by.mkfs.is_empty() {
            let program = format!("mkfs.{kind}");
            return Diff::blocked(text!(
                "filesystem_check.no-mkfs",
                "{place} has no {program}: install it",
                place,
                program
            ));
        }
        let words = [kind].into_iter().chain(params.options.iter().map(String::as_str));
        let try_it = Action::Pipe {
            source: here,
            read: Command::script("cutover-filesystem-make", MAKE, words),
            destination: to.clone(),
            write: Command::script("cutover-filesystem-mount", MOUNT, [kind]),
        };
        let summary = text!(
            "filesystem_check.try",
            "make an {kind} file system in an image on {place}, and mount it on {to}",
            kind,
            place,
            to = to.to_string()
        );
        Diff::Run(vec![Change::transient("try-image", summary, [try_it])])
    }

    fn judge_done(&self, _facts: &Facts, params: &Params, state: &State, done: &[Done]) -> Result<(), Failure> {
        let Some(Done::Output(output)) = done.last() else { return Ok(()) };
        judge(params.kind, state, &output.stdout)
    }

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Returned>()
    }

    fn result(&self, _facts: &Facts, _params: &Params, state: &State, _done: &[Done]) -> Value {
        let returned = Returned { made_by: state.made_by.clone(), mounted_by: state.mounted_by.clone() };
        serde_json::to_value(returned).unwrap_or(Value::Null)
    }
}

/// The node that has to mount it.
fn other(facts: &Facts, inventory: &Inventory, params: &Params) -> Result<Place, Failure> {
    let Some(Node { site, node }) = &params.mount_on else {
        let (_, _, peer) = facts.pair()?;
        return Ok(Place::node(&peer.site, &peer.node));
    };
    let site = match site {
        Some(site) => site,
        None => facts.site().map_err(|failure| failure.pointer("/mount_on/node"))?,
    };
    let known = inventory.sites.get(site).is_some_and(|site| site.nodes.contains_key(node));
    known.then(|| Place::node(site, node)).ok_or_else(|| {
        let words = text!("filesystem_check.no-such-node", "the inventory has no node `{site}/{node}`", site, node);
        Failure::invalid(words).pointer("/mount_on/node")
    })
}

/// The versions at a place.
async fn tools(cx: &Context, place: &Place, kind: &str) -> Result<Tools, Failure> {
    let command = TOOLS.of([kind]);
    let text = stdout(&command, cx.read_at(place, &command).await?)?;
    let line = |name: &str| {
        let values = text.lines().filter_map(|line| line.split_once('='));
        values.filter(|(key, _)| *key == name).map(|(_, value)| value.trim().to_owned()).next().unwrap_or_default()
    };
    Ok(Tools { place: place.to_string(), kernel: line("kernel"), mkfs: line("mkfs"), fsck: line("fsck") })
}

/// Judges what the other node printed.
fn judge(kind: Kind, state: &State, printed: &str) -> Result<(), Failure> {
    let State { made_by, mounted_by, .. } = state;
    let mut reasons = Vec::new();
    let mut details: Vec<Text> = Vec::new();
    let mut seen = Vec::new();
    let mut lines = printed.lines().peekable();
    while let Some(line) = lines.next() {
        let (step, end) = line.split_once(' ').unwrap_or((line, ""));
        let mut words = Vec::new();
        while let Some(line) = lines.next_if(|line| line.starts_with("- ")) {
            words.push(line.trim_start_matches("- ").trim());
        }
        seen.push(step);
        if end != "failed" {
            continue;
        }
        let unknown = features::unknown(kind, &words).join(", ");
        let (place, kernel, fsck) = (&mounted_by.place, &mounted_by.kernel, &mounted_by.fsck);
        reasons.push(match (step, unknown.is_empty()) {
            ("check", true) => text!("filesystem_check.fsck", "{fsck} of {place} finds fault with it", fsck, place),
            ("check", false) => {
                text!(
                    "filesystem_check.fsck-unknown",
                    "{fsck} of {place} does not know {unknown}",
                    fsck,
                    place,
                    unknown
                )
            }
            ("write", true) => {
                text!(
                    "filesystem_check.write",
                    "the kernel of {place} ({kernel}) mounts it only for reading",
                    place,
                    kernel
                )
            }
            (_, true) => {
                text!("filesystem_check.mount", "the kernel of {place} ({kernel}) does not mount it", place, kernel)
            }
            (_, false) => {
                text!(
                    "filesystem_check.unknown",
                    "the kernel of {place} ({kernel}) does not know {unknown}",
                    place,
                    kernel,
                    unknown
                )
            }
        });
        details.extend(words.into_iter().map(Text::verbatim));
    }
    if !seen.contains(&"mount") {
        reasons.push(text!("filesystem_check.unclear", "it is not known whether it was mounted"));
    }
    let Some(why) = reasons.into_iter().reduce(|all, one| text!("filesystem_check.and", "{all}; {one}", all, one))
    else {
        return Ok(());
    };
    let (kind, mkfs, place) = (kind.name(), &made_by.mkfs, &made_by.place);
    let words = text!(
        "filesystem_check.refused",
        "an {kind} file system made by {mkfs} on {place} is not usable on {peer}: {why}",
        kind,
        mkfs,
        place,
        peer = &mounted_by.place,
        why
    );
    let help = text!(
        "filesystem_check.refused.help",
        "leave the features out by `options`, here and for `filesystem` (ext4: `[-O, ^NAME]`; xfs: `[-i, nrext64=0]`, `[-m, bigtime=0]`), or bring kernel and tools of both nodes to one version"
    );
    Err(Failure::blocked(words).details(details).help(help))
}
