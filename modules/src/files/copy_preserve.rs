//! `copy_preserve`: makes one directory an exact copy of another, on the same node or from node to node.
//!
//! What counts is always the contents, never the name, so nothing can nest; the destination directory itself gets the
//! source directory's owner, mode, time, attributes. While a copy is under way its destination carries a marker, so that
//! an interrupted copy is distinguished from foreign data: the first is taken up again, the second is never touched.

use cutover_engine::action::{Action, Done};
use cutover_engine::failure::Failure;
use cutover_engine::inventory::Inventory;
use cutover_engine::module::{Change, Context, Diff, Facts, Module};
use cutover_engine::subject::Subject;
use cutover_engine::text;
use cutover_engine::text::Text;
use cutover_engine::world::Command;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::support::permission;
use crate::support::quantity::{Bytes, human};
use crate::support::tree::{self, Comparison, Kind, LOST_AND_FOUND, Located, Look, TreeRef};

mod trial;

use trial::Sample;

/// The module.
#[derive(Clone, Copy)]
pub(crate) struct CopyPreserve;

/// Parameters of `copy_preserve`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    /// What is copied: the contents of this directory, and its own attributes. Refused if it holds what a copy does not
    /// carry: a mount point, a subvolume of btrfs, a socket, a device.
    pub(crate) source: TreeRef,
    /// Where it goes. Made if it is not there; if it is, it must be empty, equal already, or an unfinished copy of the
    /// same source.
    pub(crate) destination: TreeRef,
    /// Names directly in the source that are left out, and directly in the destination that are let alone.
    #[serde(default = "lost_and_found")]
    pub(crate) exclude: Vec<String>,
    /// What must still be free at the destination after the copy.
    #[serde(default = "margin")]
    pub(crate) min_free: Bytes,
    /// Flags of files (`chattr`) that a copy may lose, as `lsattr` prints them: `i` immutable, `a` append only, `j` journalled,
    /// `S` and `D` written at once, `E` encrypted, `F` without regard to case, `P` in a project with a quota, `V` verified. Without
    /// it what has one is refused by name.
    #[serde(default)]
    pub(crate) accept_flags: String,
    /// Only try it: a few entries of the source, some of each type, owner, mode and set of extended attributes, are copied into a
    /// new directory on the file system of the destination, compared as `verify_hash` compares, and removed. What comes out
    /// otherwise is refused by name. The source may be in use. For the check phase: what a copy cannot make equal is then found
    /// before anything is stopped.
    #[serde(default)]
    pub(crate) trial: bool,
}

fn lost_and_found() -> Vec<String> {
    vec![LOST_AND_FOUND.to_owned()]
}

fn margin() -> Bytes {
    Bytes(64 << 20)
}

/// What `copy_preserve` saw.
#[derive(Debug, Serialize)]
pub(crate) struct State {
    #[serde(skip)]
    from: Located,
    #[serde(skip)]
    to: Located,
    source: Look,
    destination: Look,
    /// The comparison, if the destination holds something other than an unfinished copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    comparison: Option<Comparison>,
    /// Owner and group, mode and time of the source directory, if the comparison found only those different.
    #[serde(skip)]
    root: Option<(String, String, String)>,
    /// What is tried, for a trial.
    #[serde(skip_serializing_if = "Option::is_none")]
    sample: Option<Sample>,
}

/// What `copy_preserve` returns: fields that only a finished copy has are left out in a plan.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Returned {
    /// Bytes in the regular files of the copy, each hard-linked file once.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    /// How many regular files there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<u64>,
    /// SHA-256, in hex, over all entries with everything that was compared: for `expect` of `verify_hash`.
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    /// Whether extended attributes and ACLs were compared: both hosts must have getfattr.
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes_compared: Option<bool>,
    /// What is copied, as it was seen.
    source: Look,
    /// Where it goes, as it was seen.
    destination: Look,
    /// What a trial has tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    sample: Option<Sample>,
}

impl Module for CopyPreserve {
    const NAME: &'static str = "copy_preserve";
    const SUMMARY: &'static str = "Copies the contents of a directory with owner, mode, time, links, holes, extended \
                                   attributes and ACLs, on one node or between nodes, and verifies every file";
    const EXAMPLE: &'static str = r#"
name: Bring each replica's data to its new node
target: active.pairs
copy_preserve:
  source: {node: "{{ volumes[pair.ordinal].node }}", path: /data/vmdata/backup/etcd}
  destination: {path: /data/vmdata/hpvolumes/etcd/data, device: "{{ pair.device }}"}
timeout: 30m
"#;

    type Params = Params;
    type State = State;

    fn judge(params: &Params) -> Result<(), Failure> {
        let Params { source, destination, exclude, accept_flags, .. } = params;
        source.judge("/source")?;
        destination.judge("/destination")?;
        if source.overlaps(destination) {
            return Err(overlap(&source.path, &destination.path));
        }
        tree::check_flags(accept_flags, "/accept_flags")?;
        tree::check_names(exclude, "/exclude")
    }

    fn judge_on(facts: &Facts, inventory: &Inventory, params: &Params) -> Result<(), Failure> {
        locate(facts, inventory, params).map(drop)
    }

    async fn probe(&self, cx: &Context, params: &Params) -> Result<State, Failure> {
        let (from, to) = locate(cx.facts(), cx.inventory(), params)?;
        let exclude = &params.exclude;
        let (source, destination) =
            futures_util::future::try_join(tree::look(cx, &from, exclude), tree::look(cx, &to, exclude)).await?;
        if params.trial {
            let sample = match source.kind {
                Kind::Directory => Some(trial::pick(cx, &from, exclude).await?),
                _ => None,
            };
            return Ok(State { from, to, source, destination, comparison: None, root: None, sample });
        }
        let filled = destination.kind == Kind::Directory && destination.entries > 0 && destination.unfinished.is_none();
        let (mut comparison, mut root) = (None, None);
        if filled && source.kind == Kind::Directory {
            let (first, second) =
                futures_util::future::try_join(tree::manifest(cx, &from, exclude), tree::manifest(cx, &to, exclude))
                    .await?;
            let found = tree::compare(&first, &second);
            root =
                first.entries.get(b".".as_slice()).filter(|_| found.only_root).map(|entry| {
                    (format!("{}:{}", entry.uid, entry.gid), entry.mode.clone(), format!("@{}", entry.mtime))
                });
            comparison = Some(found);
        }
        Ok(State { from, to, source, destination, comparison, root, sample: None })
    }

    fn subjects(&self, facts: &Facts, params: &Params) -> Option<Vec<Subject>> {
        Some([&params.source, &params.destination].into_iter().filter_map(|tree| tree.subject(facts)).collect())
    }

    fn diff(&self, _facts: &Facts, params: &Params, state: &State) -> Diff {
        let State { from, to, comparison, .. } = state;
        let label = from.to_string();
        let reasons = refusals(params, state, &label);
        if !reasons.is_empty() {
            return Diff::refused(reasons);
        }
        if let Some(sample) = &state.sample {
            let names: Vec<&str> = params.exclude.iter().map(String::as_str).collect();
            return Diff::Run(vec![trial::change(state, sample, &names)]);
        }
        match (comparison, &state.root) {
            (Some(comparison), _) if comparison.equal() => Diff::InSync,
            (_, Some((owner, mode, time))) => {
                let fix = |argv: [&str; 4]| Action::Exec { place: to.place.clone(), command: Command::new(argv) };
                let fixes = [
                    fix(["chown", "--", owner, &to.path]),
                    fix(["chmod", "--", &permission::exact(mode), &to.path]),
                    fix(["touch", "-d", time, &to.path]),
                ];
                let (from, to) = (from.to_string(), to.to_string());
                let summary =
                    text!("copy_preserve.root", "set the owner, mode and time of {to} to those of {from}", from, to);
                Diff::Change(vec![Change::idempotent("set-directory-attributes", summary, fixes)])
            }
            _ => Diff::Change(vec![copy(params, state, &label)]),
        }
    }

    fn judge_done(&self, _facts: &Facts, params: &Params, state: &State, done: &[Done]) -> Result<(), Failure> {
        if params.trial { trial::judge(state, done) } else { Ok(()) }
    }

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Returned>()
    }

    fn result(&self, _facts: &Facts, _params: &Params, state: &State, _done: &[Done]) -> Value {
        let found = state.comparison.as_ref();
        let returned = Returned {
            bytes: found.map(|found| found.bytes),
            files: found.map(|found| found.files),
            digest: found.map(|found| found.digest.clone()),
            attributes_compared: found.map(|found| found.attributes_compared),
            source: state.source.clone(),
            destination: state.destination.clone(),
            sample: state.sample.clone(),
        };
        serde_json::to_value(returned).unwrap_or(Value::Null)
    }
}

/// Finds both trees; they have to be apart.
fn locate(facts: &Facts, inventory: &Inventory, params: &Params) -> Result<(Located, Located), Failure> {
    let from = params.source.locate(facts, inventory, "/source")?;
    let to = params.destination.locate(facts, inventory, "/destination")?;
    if from.overlaps(&to) { Err(overlap(&from.to_string(), &to.to_string())) } else { Ok((from, to)) }
}

/// The failure of trees of which one is the other, or lies in it.
fn overlap(from: &str, to: &str) -> Failure {
    let words = text!("copy_preserve.overlap", "{from} and {to} lie in each other", from, to);
    Failure::invalid(words).pointer("/destination/path")
}

/// Everything that speaks against the copy.
fn refusals(params: &Params, state: &State, label: &str) -> Vec<Text> {
    let State { from, to, source, destination, comparison, root, sample } = state;
    let mut reasons = Vec::new();
    let not_a_directory =
        |tree: &Located| text!("copy_preserve.not-a-directory", "{tree} is not a directory", tree = tree.to_string());
    let a_link = |tree: &Located| {
        text!(
            "copy_preserve.link",
            "{tree} is a symbolic link: name the directory that it leads to (`readlink -f`)",
            tree = tree.to_string()
        )
    };
    let tree = from.to_string();
    match source.kind {
        Kind::Absent => reasons.push(text!("copy_preserve.no-source", "{tree} does not exist", tree)),
        Kind::Link => reasons.push(a_link(from)),
        Kind::Other => reasons.push(not_a_directory(from)),
        Kind::Directory if source.entries == 0 => {
            reasons.push(text!("copy_preserve.empty-source", "{tree} is empty", tree));
        }
        Kind::Directory => {}
    }
    if let Some(other) = &source.unfinished {
        reasons.push(text!(
            "copy_preserve.unfinished-source",
            "{tree} is itself an unfinished copy of {other}",
            tree,
            other
        ));
    }
    match destination.kind {
        Kind::Link => reasons.push(a_link(to)),
        Kind::Other => reasons.push(not_a_directory(to)),
        Kind::Absent | Kind::Directory => {}
    }
    reasons.extend(tree::left_out_reasons(from, &source.left_out, &params.accept_flags));
    reasons.extend(tree::left_out_reasons(to, &destination.left_out, &params.accept_flags));
    reasons.extend(source.misplaced(from));
    reasons.extend(destination.misplaced(to));
    if let Some(sample) = sample {
        // Who uses the source, and what is at the destination, does not matter to a trial.
        let picked = Look { allocated: sample.bytes, inodes: sample.paths.len() as u64, ..source.clone() };
        reasons.extend(no_room(params, to, &picked, destination));
        reasons.extend(no_inodes(to, &picked, destination));
        return reasons;
    }
    if let Some(other) = destination.unfinished.as_ref().filter(|other| *other != label) {
        reasons.push(text!(
            "copy_preserve.unfinished-destination",
            "{tree} holds an unfinished copy of {other}; remove it if it is not needed",
            tree = to.to_string(),
            other
        ));
    }
    match comparison {
        // Equal: who uses the trees from now on does not matter to the copy.
        Some(comparison) if comparison.equal() => return reasons,
        Some(comparison) if root.is_none() => {
            reasons.push(text!(
                "copy_preserve.destination-differs",
                "{to} is not empty and differs from {from} in {different} paths; move it away if it is not needed",
                to = to.to_string(),
                from = from.to_string(),
                different = comparison.different
            ));
            reasons.extend(comparison.lines());
        }
        Some(_) => {}
        None => {
            reasons.extend(no_room(params, to, source, destination));
            reasons.extend(no_inodes(to, source, destination));
        }
    }
    for (tree, look) in [(from, source), (to, destination)] {
        if !look.holders.is_empty() {
            let (tree, users) = (tree.to_string(), look.holders.join(", "));
            reasons.push(text!("copy_preserve.in-use", "{tree} is in use by {users}", tree, users));
        }
    }
    reasons
}

/// That there is too little room; what an unfinished copy takes counts as free.
fn no_room(params: &Params, to: &Located, source: &Look, destination: &Look) -> Option<Text> {
    let taken = if destination.unfinished.is_some() { destination.allocated } else { 0 };
    let room = destination.free.saturating_add(taken);
    let needed = source.allocated.saturating_add(params.min_free.0);
    (room < needed).then(|| {
        text!(
            "copy_preserve.no-room",
            "{to} has {room} free on {device}; {needed} is needed ({data} of data and {spare} to spare)",
            to = to.to_string(),
            room = human(room),
            device = &destination.device,
            needed = human(needed),
            data = human(source.allocated),
            spare = human(params.min_free.0)
        )
    })
}

/// That there are too few inodes, whatever the room is; what an unfinished copy takes counts as free.
fn no_inodes(to: &Located, source: &Look, destination: &Look) -> Option<Text> {
    let taken = if destination.unfinished.is_some() { destination.inodes } else { 0 };
    let free = destination.free_inodes?.saturating_add(taken);
    // One more for the marker.
    (free <= source.inodes).then(|| {
        text!(
            "copy_preserve.no-inodes",
            "{to} has {free} inodes free on {device}; the copy takes {needed}, one for each file and directory: make the file system anew with more (`mkfs.ext4 -N`)",
            to = to.to_string(),
            free,
            device = &destination.device,
            needed = source.inodes
        )
    })
}

/// The copy: mark, move the data, take the mark away.
fn copy(params: &Params, state: &State, label: &str) -> Change {
    let State { from, to, source, destination, .. } = state;
    let exclude = || params.exclude.iter().map(String::as_str);
    let script = |name: &str, text: &str, args: &[&str], exclude: &[&str]| Action::Exec {
        place: to.place.clone(),
        command: Command::script(name, text, args.iter().chain(exclude).copied()),
    };
    let names: Vec<&str> = exclude().collect();
    let begin = concat!(include_str!("../scripts/ready.sh"), include_str!("../scripts/cutover-copy-begin.sh"));
    let begin = script("cutover-copy-begin", begin, &[&to.path, label], &names);
    let end = include_str!("../scripts/cutover-copy-end.sh");
    let end = script("cutover-copy-end", end, &[&to.path], &[]);
    let transfer = if from.place == to.place {
        script("cutover-copy", include_str!("../scripts/cutover-copy.sh"), &[&from.path, &to.path], &names)
    } else {
        Action::Pipe {
            source: from.place.clone(),
            read: pack(&from.path, &names),
            destination: to.place.clone(),
            write: unpack(&to.path),
        }
    };
    let (size, from, to) = (human(source.allocated), from.to_string(), to.to_string());
    let summary = if destination.unfinished.is_some() {
        text!(
            "copy_preserve.copy-again",
            "copy again, the last attempt was interrupted, {size} from {from} to {to}",
            size,
            from,
            to
        )
    } else {
        text!("copy_preserve.copy", "copy {size} from {from} to {to}", size, from, to)
    };
    Change::idempotent("copy", summary, [begin, transfer, end])
}

/// The command that writes a tree as a stream, with everything about it.
fn pack(path: &str, exclude: &[&str]) -> Command {
    let head = ["tar", "-C", path, "-c", "-f", "-", "--format=posix", "--numeric-owner", "--acls", "--xattrs"];
    let more = ["--xattrs-include=*", "--sparse", "--one-file-system", "--anchored", "--no-wildcards"];
    let names = exclude.iter().map(|name| format!("--exclude=./{name}"));
    Command::new(head.iter().chain(&more).map(|&word| word.to_owned()).chain(names).chain([".".to_owned()]))
}

/// The command that makes a tree of a stream.
fn unpack(path: &str) -> Command {
    let head = ["tar", "-C", path, "-x", "-f", "-", "--numeric-owner", "--same-owner", "-p", "--acls", "--xattrs"];
    Command::new(head.into_iter().chain(["--xattrs-include=*"]))
}

#[cfg(test)]
mod tests;
