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

use crate::support::quantity::{Bytes, human};
use crate::support::storage::block::Block;
use crate::support::storage::mounts;
use crate::support::storage::{check_absolute, failed, stdout};
use crate::support::tree::{self, Kind, LOST_AND_FOUND, TreeRef};

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
    /// Trees on the same node that must fit into the room together, with a tenth to spare.
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
}

fn lost_and_found() -> Vec<String> {
    vec![LOST_AND_FOUND.to_owned()]
}

fn yes() -> bool {
    true
}

/// What a probe saw.
#[derive(Debug, Clone, Serialize)]
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
    /// The bytes that each tree of `fits` takes.
    pub(crate) trees: Vec<u64>,
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
    /// The bytes that each tree of `fits` takes, in their order.
    trees: Vec<u64>,
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
        let Params { device, or_drbd, min_bytes, path, min_free, fits, to_copy, exclude, .. } = params;
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
        if path.is_none() && (min_free.is_some() || !fits.is_empty()) {
            let pointer = if min_free.is_some() { "/min_free" } else { "/fits" };
            let words = text!("disk_check.no-path", "room is looked for at a `path`: name one");
            return Err(Failure::invalid(words).pointer(pointer));
        }
        // An argument that begins with a dash would be taken for an option.
        if or_drbd.as_ref().is_some_and(|resource| resource.is_empty() || resource.starts_with('-')) {
            let words = text!("disk_check.empty-resource", "`or_drbd` names no resource");
            return Err(Failure::invalid(words).pointer("/or_drbd"));
        }
        device.iter().try_for_each(|device| check_absolute(device, "/device"))?;
        path.iter().try_for_each(|path| check_absolute(path, "/path"))?;
        for (index, tree) in fits.iter().enumerate() {
            check_absolute(tree, &format!("/fits/{index}"))?;
        }
        for (index, tree) in to_copy.iter().enumerate() {
            tree::check_path(tree, &format!("/to_copy/{index}"))?;
        }
        tree::check_names(exclude, "/exclude")
    }

    async fn probe(&self, cx: &Context, params: &Params) -> Result<State, Failure> {
        let Params { device, path, fits, to_copy, .. } = params;
        let mut state = State {
            block: None,
            mounted: Vec::new(),
            upon: Vec::new(),
            configured: None,
            attached: false,
            free_bytes: None,
            trees: Vec::new(),
            uncopied: Vec::new(),
        };
        for path in to_copy {
            let tree = TreeRef { site: None, node: None, path: path.clone(), device: None };
            let tree = tree.locate(cx.facts(), cx.inventory(), "").map_err(|failure| failure.pointer("/to_copy"))?;
            let name = tree.to_string();
            let look = tree::look(cx, &tree, &params.exclude).await?;
            state.uncopied.extend(match look.kind {
                Kind::Absent => vec![text!("disk_check.no-tree", "{tree} does not exist", tree = name)],
                Kind::Link | Kind::Other => {
                    vec![text!("disk_check.not-a-directory", "{tree} is not a directory", tree = name)]
                }
                Kind::Directory => tree::left_out_reasons(&tree, &look.left_out),
            });
        }
        if let Some(device) = device {
            look_at(cx, params, device, &mut state).await?;
        }
        if let Some(path) = path {
            state.free_bytes = Some(free(cx, path).await?);
        }
        for tree in fits {
            let du = reads::DU.of([tree]);
            let text = stdout(&du, cx.read(&du).await?)?;
            let bytes = text.split_whitespace().next().and_then(|word| word.parse().ok());
            let unclear = || {
                let (command, words) = (du.to_string(), text.trim());
                Failure::failed(text!("disk_check.du", "`{command}` printed `{words}`", command, words))
            };
            state.trees.push(bytes.ok_or_else(unclear)?);
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
        if let (Some(path), Some(free)) = (&params.path, state.free_bytes) {
            if let Some(Bytes(wanted)) = params.min_free
                && free < wanted
            {
                let (free, wanted) = (human(free), human(wanted));
                reasons.push(text!(
                    "disk_check.free",
                    "at {path} there are {free} free, not {wanted}",
                    path,
                    free,
                    wanted
                ));
            }
            let trees: u64 = state.trees.iter().sum();
            let wanted = trees + trees / 10;
            if free < wanted {
                reasons.push(text!(
                    "disk_check.fits",
                    "at {path} there are {free} free, but {names} take {trees} ({wanted} with a tenth to spare)",
                    path,
                    free = human(free),
                    names = params.fits.join(", "),
                    trees = human(trees),
                    wanted = human(wanted)
                ));
            }
        }
        if reasons.is_empty() { Diff::InSync } else { Diff::refused(reasons) }
    }

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Returned>()
    }

    fn result(&self, _facts: &Facts, _params: &Params, state: &State, _done: &[Done]) -> Value {
        let State { block, mounted, upon, configured, attached, free_bytes, trees, .. } = state.clone();
        let returned = Returned { block, mounted, upon, configured, attached, free_bytes, trees };
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
    let mut lines = dump.lines().map(str::trim);
    lines.find(|line| {
        let hosts = line.strip_prefix("on ").and_then(|rest| rest.strip_suffix('{'));
        hosts.is_some_and(|hosts| hosts.split_whitespace().any(|host| host.trim_matches('"') == hostname))
    })?;
    let disk = lines.take_while(|line| !line.starts_with("on ")).find_map(|line| line.strip_prefix("disk "))?;
    Some(disk.trim().trim_end_matches(';').trim_matches('"').to_owned())
}

/// The free bytes of the file system that a path is on, or will be: the first directory above that exists decides.
async fn free(cx: &Context, path: &str) -> Result<u64, Failure> {
    let mut above = path.trim_end_matches('/');
    loop {
        let at = if above.is_empty() { "/" } else { above };
        let df = reads::DF.of([at]);
        let output = cx.read(&df).await?;
        match output.stdout.lines().nth(1).and_then(|line| line.trim().parse().ok()) {
            Some(bytes) if output.success() => return Ok(bytes),
            _ if at == "/" => return Err(failed(&df, &output)),
            _ => above = above.rsplit_once('/').map_or("", |(parent, _)| parent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::storage::block::Signature;
    use crate::testing;

    const DUMP: &str = "resource etcd0 {\n    on worker01 {\n        node-id 1;\n        device /dev/drbd0 minor 0;\n        disk             /dev/vdb;\n    }\n    on remote_172.16.2.1 {\n        disk             /dev/vdc;\n    }\n}\n";

    #[test]
    fn the_disk_of_the_own_host_is_read() {
        assert_eq!(configured_disk(DUMP, "worker01").as_deref(), Some("/dev/vdb"));
        assert_eq!(configured_disk(DUMP, "remote_172.16.2.1").as_deref(), Some("/dev/vdc"));
        assert_eq!(configured_disk(DUMP, "worker02"), None);
    }

    fn state() -> State {
        let block = Block {
            device: "/dev/sdc".into(),
            kernel_name: "/dev/sdc".into(),
            bytes: Some(20 << 30),
            closed: None,
            role: None,
            signature: None,
            traces: Vec::new(),
            unknown: false,
        };
        State {
            block: Some(block),
            mounted: Vec::new(),
            upon: Vec::new(),
            configured: None,
            attached: false,
            free_bytes: None,
            trees: Vec::new(),
            uncopied: Vec::new(),
        }
    }

    fn signed(kind: &str, table: &str) -> State {
        let signature = Signature { kind: kind.into(), table: table.into(), ..Signature::default() };
        let block = state().block.map(|block| Block { signature: Some(signature), ..block });
        State { block, ..state() }
    }

    #[test]
    fn a_disk_is_spare_or_all_reasons_are_given() {
        let upon = |name: &str, kind: &str| Upon { name: name.into(), kind: kind.into() };
        let ours =
            State { configured: Some("/dev/sdc".into()), upon: vec![upon("drbd0", "disk")], ..signed("drbd", "") };
        let beneath = State { configured: Some("/dev/sdc".into()), attached: true, ..signed("ext4", "") };
        let table = State {
            upon: vec![upon("sdc1", "part"), upon("vg-x", "lvm")],
            mounted: vec!["/srv".into()],
            ..signed("", "gpt")
        };
        let missing = Block {
            bytes: None,
            closed: Some("blockdev: cannot open /dev/sdc: No such file or directory".into()),
            ..state().block.unwrap()
        };
        let room =
            |free, trees: &[u64]| State { block: None, free_bytes: Some(free), trees: trees.to_vec(), ..state() };
        let fits = "{path: /data/backup, min_free: 1GB, fits: [/a, /b]}";
        let cases = [
            ("{device: /dev/sdc}", state()),
            ("{device: /dev/sdc, min_bytes: 30GiB}", state()),
            ("{device: /dev/sdc}", signed("ext4", "")),
            ("{device: /dev/sdc, spare: false}", signed("ext4", "")),
            ("{device: /dev/sdc}", table),
            ("{device: /dev/sdc}", signed("drbd", "")),
            ("{device: /dev/sdc, or_drbd: etcd0}", ours.clone()),
            ("{device: /dev/sdc}", ours.clone()),
            (
                "{device: /dev/sdc, or_drbd: etcd0}",
                State { configured: Some("/dev/sdd".into()), attached: true, ..ours },
            ),
            ("{device: /dev/sdc, or_drbd: etcd0}", beneath.clone()),
            ("{device: /dev/sdc, or_drbd: etcd0}", State { attached: false, ..beneath }),
            ("{device: /dev/sdc, or_drbd: etcd0}", signed("drbd", "")),
            ("{device: /dev/sdc, or_drbd: etcd0}", signed("LVM2_member", "")),
            ("{device: /dev/sdc}", State { block: Some(missing), ..state() }),
            (fits, room(3_000_000_000, &[1_000_000_000, 1_000_000_000])),
            (fits, room(2_100_000_000, &[1_000_000_000, 1_000_000_000])),
            (fits, room(900_000_000, &[0, 0])),
        ];
        let shown = cases.map(|(yaml, state)| {
            let params: Params = serde_yaml::from_str(yaml).unwrap();
            format!("-- {yaml}\n{}", testing::show(&DiskCheck.diff(testing::pair_context().facts(), &params, &state)))
        });
        insta::assert_snapshot!(shown.concat());
    }
}
