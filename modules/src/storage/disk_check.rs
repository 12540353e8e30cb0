//! Checks disks before anything is done to them: that a spare one is spare, that there is room, and that a tree can be copied.
//! Changes nothing.

use cutover_engine::action::Done;
use cutover_engine::failure::Failure;
use cutover_engine::module::{Context, Diff, Facts, Module, Targets};
use cutover_engine::reads;
use cutover_engine::subject::Subject;
use cutover_engine::text;
use cutover_engine::text::Text;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::support::drbd::config::ends::End;
use crate::support::drbd::config::tree::read;
use crate::support::quantity::{Bytes, human};
use crate::support::storage::block::Block;
use crate::support::storage::mounts;
use crate::support::storage::{check_absolute, check_file, stdout};
use crate::support::tree::{self, Kind, LOST_AND_FOUND, Look, TreeRef};

mod room;
#[cfg(test)]
mod tests;

/// The module `disk_check`.
#[derive(Clone, Copy)]
pub(crate) struct DiskCheck;

/// What a playbook says to `disk_check`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    /// The disk to look at: `{{ pair.disk }}`.
    #[serde(default)]
    pub(crate) device: Option<String>,
    /// Whether the disk must be spare: no file system, no partition table, not mounted, nothing built upon it.
    #[serde(default = "yes")]
    pub(crate) spare: bool,
    /// A disk that already carries this DRBD resource counts as spare, too: `{{ pair.resource }}`.
    #[serde(default)]
    pub(crate) or_drbd: Option<String>,
    /// The size that the disk must have at least.
    #[serde(default)]
    pub(crate) min_bytes: Option<Bytes>,
    /// A directory, existing or not, whose file system must have room.
    #[serde(default)]
    pub(crate) path: Option<String>,
    /// The room that there must be at least.
    #[serde(default)]
    pub(crate) min_free: Option<Bytes>,
    /// How many inodes must be free at least, one for each file and directory: with many small files they may end before the
    /// bytes do. Not looked at where they are made as they are needed, as on btrfs.
    #[serde(default)]
    pub(crate) min_inodes: Option<u64>,
    /// Trees on the same node that must fit into the room together, with a tenth to spare: their bytes, and their inodes.
    #[serde(default)]
    pub(crate) fits: Vec<String>,
    /// Directories on the same node that are to be copied later: looked at as `copy_preserve` will, so that what it does not
    /// carry (a mount point further down, a subvolume of btrfs, a socket, a device) is found before anything is stopped. They
    /// may be in use.
    #[serde(default)]
    pub(crate) to_copy: Vec<String>,
    /// Names directly in them that the copy leaves out.
    #[serde(default = "lost_and_found")]
    pub(crate) exclude: Vec<String>,
    /// Flags of files (`chattr`) that the copy may lose, as for `copy_preserve`.
    #[serde(default)]
    pub(crate) accept_flags: String,
}

fn lost_and_found() -> Vec<String> {
    vec![LOST_AND_FOUND.to_owned()]
}

fn yes() -> bool {
    true
}

/// What a probe saw.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct State {
    /// The disk.
    pub(crate) block: Option<Block>,
    /// Where it is mounted.
    pub(crate) mounted: Vec<String>,
    /// What is built upon it: partitions, LVM, RAID, DRBD; as lsblk names them.
    pub(crate) upon: Vec<Upon>,
    /// The backing disk of the resource of `or_drbd` on this node, as its configuration says.
    pub(crate) configured: Option<String>,
    /// Whether that resource has its disk attached.
    pub(crate) attached: bool,
    /// The free bytes at `path`.
    pub(crate) free_bytes: Option<u64>,
    /// The free inodes at `path`; `None` where they are made as they are needed.
    pub(crate) free_inodes: Option<u64>,
    /// The bytes that each tree of `fits` takes.
    pub(crate) trees: Vec<u64>,
    /// The inodes that each of them takes.
    pub(crate) inodes: Vec<u64>,
    /// Why the directories of `to_copy` could not be copied.
    pub(crate) uncopied: Vec<Text>,
}

/// What `disk_check` returns.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Returned {
    /// The disk; null if none was asked for.
    block: Option<Block>,
    /// Where it is mounted.
    mounted: Vec<String>,
    /// What is built upon it: partitions, LVM, RAID, DRBD; as lsblk names them.
    upon: Vec<Upon>,
    /// The backing disk of the resource of `or_drbd` on this node, as its configuration says.
    configured: Option<String>,
    /// Whether that resource has its disk attached.
    attached: bool,
    /// The free bytes at `path`.
    free_bytes: Option<u64>,
    /// The free inodes at `path`; null where they are made as they are needed.
    free_inodes: Option<u64>,
    /// The bytes that each tree of `fits` takes, in their order.
    trees: Vec<u64>,
    /// The inodes that each of them takes: one for each file, directory and link, hard-linked ones once.
    inodes: Vec<u64>,
}

/// A device built upon another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Upon {
    /// Its name: `sdc1`, `vg-data`, `drbd0`.
    pub(crate) name: String,
    /// Its type: `part`, `lvm`, `raid1`, `disk`.
    pub(crate) kind: String,
}

impl Module for DiskCheck {
    const NAME: &'static str = "disk_check";
    const SUMMARY: &'static str =
        "Checks that a spare disk really is spare, that a file system has room, and that directories can be copied.";
    const EXAMPLE: &'static str = r#"
name: The spare disk is really spare
target: [active.pairs, passive.pairs]
disk_check:
  device: "{{ pair.disk }}"
  or_drbd: "{{ pair.resource }}"
  min_bytes: 10GiB
"#;

    const TARGETS: Targets = Targets::MACHINE;

    type Params = Params;
    type State = State;

    fn judge(params: &Params) -> Result<(), Failure> {
        let Params { device, or_drbd, min_bytes, path, min_free, min_inodes, fits, to_copy, exclude, .. } = params;
        if device.is_none() && path.is_none() && to_copy.is_empty() {
            return Err(Failure::invalid(text!(
                "disk_check.nothing",
                "give a `device` to look at, a `path` that must have room, directories `to_copy`, or several of these"
            )));
        }
        if device.is_none() && (min_bytes.is_some() || or_drbd.is_some()) {
            let pointer = if min_bytes.is_some() { "/min_bytes" } else { "/or_drbd" };
            let words = text!("disk_check.no-device", "a disk is looked at by its `device`: name one");
            return Err(Failure::invalid(words).pointer(pointer));
        }
        if path.is_none() && (min_free.is_some() || min_inodes.is_some() || !fits.is_empty()) {
            let pointer = match (min_free, min_inodes) {
                (Some(_), _) => "/min_free",
                (None, Some(_)) => "/min_inodes",
                (None, None) => "/fits",
            };
            let words = text!("disk_check.no-path", "room is looked for at a `path`: name one");
            return Err(Failure::invalid(words).pointer(pointer));
        }
        // An argument that begins with a dash would be taken for an option.
        let named = |resource: &String| !resource.is_empty() && !resource.starts_with('-') && resource != "all";
        if !or_drbd.as_ref().is_none_or(named) {
            let words = text!("disk_check.empty-resource", "`or_drbd` names no resource");
            return Err(Failure::invalid(words).pointer("/or_drbd"));
        }
        device.iter().try_for_each(|device| check_file(device, "/device"))?;
        path.iter().try_for_each(|path| check_absolute(path, "/path"))?;
        for (index, tree) in fits.iter().enumerate() {
            tree::check_path(tree, &format!("/fits/{index}"))?;
        }
        for (index, tree) in to_copy.iter().enumerate() {
            tree::check_path(tree, &format!("/to_copy/{index}"))?;
        }
        tree::check_flags(&params.accept_flags, "/accept_flags")?;
        tree::check_names(exclude, "/exclude")
    }

    async fn probe(&self, cx: &Context, params: &Params) -> Result<State, Failure> {
        let Params { device, path, fits, to_copy, .. } = params;
        let mut state = State::default();
        for path in to_copy {
            let tree = TreeRef { site: None, node: None, path: path.clone(), device: None };
            let tree = tree.locate(cx.facts(), cx.inventory(), "").map_err(|failure| failure.pointer("/to_copy"))?;
            let name = tree.to_string();
            let look = tree::look(cx, &tree, &params.exclude).await?;
            if look.errors > 0 {
                let Look { device, errors, .. } = &look;
                state.uncopied.push(text!(
                    "disk_check.flagged",
                    "{tree}: its file system ({device}) is flagged with errors: the kernel has found {errors} of them since it was last \
                     checked, so what is read may not be what was written; unmount it and run e2fsck, or restore it, first",
                    tree = &name,
                    device,
                    errors
                ));
            }
            state.uncopied.extend(match look.kind {
                Kind::Absent => vec![text!("disk_check.no-tree", "{tree} does not exist", tree = name)],
                Kind::Link => vec![text!(
                    "disk_check.link",
                    "{tree} is a symbolic link, which a copy does not follow: name the directory that it leads to (`readlink -f`)",
                    tree = name
                )],
                Kind::Other => vec![text!("disk_check.not-a-directory", "{tree} is not a directory", tree = name)],
                Kind::Directory => tree::left_out_reasons(&tree, &look.left_out, &params.accept_flags),
            });
        }
        if let Some(device) = device {
            look_at(cx, params, device, &mut state).await?;
        }
        if let Some(path) = path {
            let (bytes, inodes) = room::free(cx, path).await?;
            (state.free_bytes, state.free_inodes) = (Some(bytes), inodes);
        }
        for tree in fits {
            state.trees.push(room::count(cx, &reads::DU.of([tree])).await?);
            state.inodes.push(room::count(cx, &reads::DU_INODES.of([tree])).await?);
        }
        Ok(state)
    }

    fn subjects(&self, facts: &Facts, params: &Params) -> Option<Vec<Subject>> {
        let Params { device, path, fits, to_copy, .. } = params;
        let place = facts.place();
        let paths = path.iter().chain(fits).chain(to_copy).map(|path| Subject::path(&place, path));
        Some(device.iter().map(|device| Subject::device(&place, device)).chain(paths).collect())
    }

    fn diff(&self, _facts: &Facts, params: &Params, state: &State) -> Diff {
        let mut reasons = state.uncopied.clone();
        if let Some(block) = &state.block {
            reasons.extend(disk_reasons(params, state, block));
        }
        reasons.extend(room::reasons(params, state));
        if reasons.is_empty() { Diff::InSync } else { Diff::refused(reasons) }
    }

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Returned>()
    }

    fn result(&self, _facts: &Facts, _params: &Params, state: &State, _done: &[Done]) -> Value {
        let State { block, mounted, upon, configured, attached, free_bytes, free_inodes, trees, inodes, .. } =
            state.clone();
        let returned = Returned { block, mounted, upon, configured, attached, free_bytes, free_inodes, trees, inodes };
        serde_json::to_value(returned).unwrap_or(Value::Null)
    }
}

/// Why a disk cannot be taken; empty if it can.
fn disk_reasons(params: &Params, state: &State, block: &Block) -> Vec<Text> {
    let device = &block.device;
    // That the disk is Primary or Secondary does not matter here: it is the backing disk that is looked at.
    let mut reasons = Block { role: None, ..block.clone() }.obstacles();
    if let (Some(Bytes(wanted)), Some(bytes)) = (params.min_bytes, block.bytes)
        && bytes < wanted
    {
        let (bytes, wanted) = (human(bytes), human(wanted));
        reasons.push(text!("disk_check.small", "{device} has {bytes}, not {wanted}", device, bytes, wanted));
    }
    if !params.spare || block.closed.is_some() {
        return reasons;
    }
    if !state.mounted.is_empty() {
        let paths = state.mounted.join(", ");
        reasons.push(text!("disk_check.mounted", "{device} is mounted at {paths}", device, paths));
    }
    let drbd = |name: &str| name.starts_with("drbd");
    let is_drbd = block.signature.as_ref().is_some_and(|signature| signature.kind == "drbd");
    let ours = match (&params.or_drbd, &state.configured) {
        // An old blkid does not know DRBD 9's metadata and sees what lies beneath it, so being attached counts as well.
        (Some(_), Some(disk)) => *disk == block.kernel_name && (is_drbd || state.attached),
        _ => false,
    };
    match &params.or_drbd {
        Some(_) if ours => {}
        Some(resource) if is_drbd => {
            let there = match &state.configured {
                Some(disk) => text!("disk_check.configured", "{resource} is configured on {disk} here", resource, disk),
                None => text!("disk_check.not-configured", "{resource} is not configured here", resource),
            };
            reasons.push(text!(
                "disk_check.other-drbd",
                "{device} carries DRBD metadata, but not as the disk of {resource}: {there}",
                device,
                resource,
                there
            ));
        }
        _ => {
            if let Some(contents) = block.contents() {
                reasons.push(text!(
                    "disk_check.not-spare",
                    "{device} is not spare: it carries {contents}",
                    device,
                    contents
                ));
            }
        }
    }
    let strangers = state.upon.iter().filter(|upon| !(ours && drbd(&upon.name)));
    let names: Vec<String> = strangers.map(|upon| format!("{} ({})", upon.name, upon.kind)).collect();
    if !names.is_empty() {
        let names = names.join(", ");
        reasons.push(text!("disk_check.built-upon", "{device} has devices built upon it: {names}", device, names));
    }
    reasons
}

async fn look_at(cx: &Context, params: &Params, device: &str, state: &mut State) -> Result<(), Failure> {
    let block = Block::probe(cx, device).await?;
    if block.closed.is_none() {
        let lsblk = reads::LSBLK.of([device]);
        let listed = stdout(&lsblk, cx.read(&lsblk).await?)?;
        // The first line is the disk itself.
        state.upon = listed.lines().skip(1).filter_map(upon).collect();
        let mounted = mounts::read(cx).await?.into_iter().filter(|mount| mount.source == block.kernel_name);
        state.mounted = mounted.map(|mount| mount.target).collect();
    }
    if let Some(resource) = &params.or_drbd {
        let dump = cx.read(&reads::DRBDADM_DUMP.of([resource])).await?;
        let hostname = cx.read(&reads::HOSTNAME.of([])).await?;
        if let Some(disk) = configured_disk(&dump.stdout, hostname.stdout.trim()).filter(|_| dump.success()) {
            let real = cx.read(&reads::READLINK.of([&disk])).await?;
            state.configured = Some(if real.success() { real.stdout.trim().to_owned() } else { disk });
            let dstate = cx.read(&reads::DRBDADM_DSTATE.of([resource])).await?;
            state.attached = dstate.success() && !dstate.stdout.starts_with("Diskless");
        }
    }
    state.block = Some(block);
    Ok(())
}

fn upon(line: &str) -> Option<Upon> {
    let pairs = mounts::pairs(line);
    let value = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    Some(Upon { name: value("NAME")?, kind: value("TYPE")? })
}

/// The backing disk that `drbdadm dump` shows for a host.
fn configured_disk(dump: &str, hostname: &str) -> Option<String> {
    let resources = read(dump);
    let end = resources.iter().flat_map(End::all).find(|end| end.names.iter().any(|name| name == hostname))?;
    end.volumes.into_iter().find_map(|volume| volume.disk)
}
