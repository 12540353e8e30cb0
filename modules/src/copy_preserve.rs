//! `copy_preserve`: makes one directory an exact copy of another, on the same node or from node to node.
//!
//! What counts is always the contents, never the name, so nothing can nest; the destination directory itself gets the
//! source directory's owner, mode, time, attributes. While a copy is under way its destination carries a marker, so that
//! an interrupted copy is told from foreign data: the first is taken up again, the second is never touched.

use cutover_engine::action::Action;
use cutover_engine::failure::Failure;
use cutover_engine::module::{Change, Context, Diff, Facts, Module};
use cutover_engine::world::Command;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::quantity::{Bytes, human};
use crate::tree::{self, Comparison, Kind, LOST_AND_FOUND, Located, Look, TreeRef};

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
    /// The comparison, if the destination holds something that is no unfinished copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    comparison: Option<Comparison>,
    /// Owner and group, mode and time of the source directory, if the comparison found only those different.
    #[serde(skip)]
    root: Option<(String, String, String)>,
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

    async fn probe(&self, cx: &Context, params: &Params) -> Result<State, Failure> {
        tree::check_names(&params.exclude, "/exclude")?;
        let from = params.source.locate(cx, "/source")?;
        let to = params.destination.locate(cx, "/destination")?;
        if from.overlaps(&to) {
            return Err(Failure::invalid(format!("{from} and {to} lie in each other")).pointer("/destination/path"));
        }
        let exclude = &params.exclude;
        let (source, destination) =
            futures_util::future::try_join(tree::look(cx, &from, exclude), tree::look(cx, &to, exclude)).await?;
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
        Ok(State { from, to, source, destination, comparison, root })
    }

    fn diff(&self, _facts: &Facts, params: &Params, state: &State) -> Diff {
        let State { from, to, comparison, .. } = state;
        let label = from.to_string();
        let reasons = refusals(params, state, &label);
        if !reasons.is_empty() {
            return Diff::refused(reasons);
        }
        match (comparison, &state.root) {
            (Some(comparison), _) if comparison.equal() => Diff::InSync,
            (_, Some((owner, mode, time))) => {
                let fix = |argv: [&str; 4]| Action::Exec { place: to.place.clone(), command: Command::new(argv) };
                let fixes = [
                    fix(["chown", "--", owner, &to.path]),
                    fix(["chmod", "--", mode, &to.path]),
                    fix(["touch", "-d", time, &to.path]),
                ];
                Diff::Change(vec![Change::idempotent(format!("give {to} the owner, mode and time of {from}"), fixes)])
            }
            _ => Diff::Change(vec![copy(params, state, &label)]),
        }
    }

    fn result(&self, _facts: &Facts, _params: &Params, state: &State, _done: &[cutover_engine::action::Done]) -> Value {
        match &state.comparison {
            Some(found) => json!({
                "bytes": found.bytes,
                "files": found.files,
                "digest": found.digest,
                "attributes_compared": found.attributes_compared,
            }),
            None => serde_json::to_value(state).unwrap_or(Value::Null),
        }
    }
}

/// Everything that speaks against the copy.
fn refusals(params: &Params, state: &State, label: &str) -> Vec<String> {
    let State { from, to, source, destination, comparison, root } = state;
    let mut reasons = Vec::new();
    match source.kind {
        Kind::Absent => reasons.push(format!("{from} does not exist")),
        Kind::Link | Kind::Other => reasons.push(format!("{from} is no directory")),
        Kind::Directory if source.entries == 0 => reasons.push(format!("{from} is empty")),
        Kind::Directory => {}
    }
    if let Some(other) = &source.unfinished {
        reasons.push(format!("{from} is itself an unfinished copy of {other}"));
    }
    match destination.kind {
        Kind::Link | Kind::Other => reasons.push(format!("{to} is no directory")),
        Kind::Absent | Kind::Directory => {}
    }
    reasons.extend(tree::left_out_reasons(from, &source.left_out));
    reasons.extend(tree::left_out_reasons(to, &destination.left_out));
    reasons.extend(source.misplaced(from));
    reasons.extend(destination.misplaced(to));
    if let Some(other) = destination.unfinished.as_ref().filter(|other| *other != label) {
        reasons.push(format!("{to} holds an unfinished copy of {other}; remove it if it is not needed"));
    }
    match comparison {
        // Equal: who uses the trees from now on is no concern of the copy's.
        Some(comparison) if comparison.equal() => return reasons,
        Some(comparison) if root.is_none() => {
            reasons.push(format!(
                "{to} is not empty and differs from {from} in {} paths; move it away if it is not needed",
                comparison.different
            ));
            reasons.extend(comparison.lines());
        }
        Some(_) => {}
        None => {
            let room = destination.free.saturating_add(match destination.unfinished {
                Some(_) => destination.allocated,
                None => 0,
            });
            let needed = source.allocated.saturating_add(params.min_free.0);
            if room < needed {
                reasons.push(format!(
                    "{to} has {} free on {}; {} is needed ({} of data and {} to spare)",
                    human(room),
                    destination.device,
                    human(needed),
                    human(source.allocated),
                    human(params.min_free.0)
                ));
            }
        }
    }
    for (tree, look) in [(from, source), (to, destination)] {
        if !look.holders.is_empty() {
            reasons.push(format!("{tree} is in use by {}", look.holders.join(", ")));
        }
    }
    reasons
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
    let begin = include_str!("scripts/cutover-copy-begin.sh");
    let begin = script("cutover-copy-begin", begin, &[&to.path, label], &names);
    let end = include_str!("scripts/cutover-copy-end.sh");
    let end = script("cutover-copy-end", end, &[&to.path], &[]);
    let transfer = if from.place == to.place {
        script("cutover-copy", include_str!("scripts/cutover-copy.sh"), &[&from.path, &to.path], &names)
    } else {
        Action::Pipe {
            source: from.place.clone(),
            read: pack(&from.path, &names),
            destination: to.place.clone(),
            write: unpack(&to.path),
        }
    };
    let again = if destination.unfinished.is_some() { "again, the last attempt was interrupted, " } else { "" };
    let summary = format!("copy {again}{} from {from} to {to}", human(source.allocated));
    Change::idempotent(summary, [begin, transfer, end])
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
