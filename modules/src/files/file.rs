//! `file`: one file or directory: there with this content, owner and mode, or not there. Not for trees.

use cutover_engine::action::{Action, Done};
use cutover_engine::failure::Failure;
use cutover_engine::module::{Change, Context, Diff, Facts, Module, Targets};
use cutover_engine::reads;
use cutover_engine::subject::Subject;
use cutover_engine::text;
use cutover_engine::text::Text;
use cutover_engine::world::{Command, Exit, Place};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::support::permission::{Mode, Principal};

mod remove;
mod write;

/// The module.
#[derive(Clone, Copy)]
pub(crate) struct File;

/// What shall be at the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Wanted {
    /// A regular file with this `content`.
    #[default]
    File,
    /// A regular file, whatever is in it; an empty one is made if there is none.
    Touch,
    /// A directory.
    Directory,
    /// Nothing.
    Absent,
}

/// Parameters of `file`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    /// The absolute path, at the task's place.
    pub(crate) path: String,
    /// What shall be there.
    #[serde(default)]
    pub(crate) state: Wanted,
    /// The content, for `state: file`. It replaces the old content in one step.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) content: Option<String>,
    /// The owner; kept as it is by default.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) owner: Option<Principal>,
    /// The group; kept as it is by default.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) group: Option<Principal>,
    /// The permission bits; kept as they are by default, 0644 for a new file, 0755 for a new directory.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) mode: Option<Mode>,
    /// Whether the immutable attribute (`chattr +i`) is set; kept as it is by default.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) immutable: Option<bool>,
    /// With `state: absent`: remove a directory with all that is in it. Cannot be undone.
    #[serde(default)]
    pub(crate) recursive: bool,
    /// With `state: absent`: the device it must lie on, for example `/dev/drbd0`. On any other one it is not removed, so that
    /// a missing or wrong mount cannot cost something else.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) device: Option<String>,
}

/// What is at the path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Found {
    /// Its type as find prints it: `f` for a regular file, `d` for a directory, `l` for a symbolic link.
    pub(crate) kind: String,
    /// Its permission bits.
    pub(crate) mode: Mode,
    /// Its owner: number and name.
    pub(crate) owner: [String; 2],
    /// Its group: number and name.
    pub(crate) group: [String; 2],
    /// Its size in bytes.
    pub(crate) size: u64,
    /// Its content, if it is compared or would be lost, and small.
    #[serde(skip)]
    pub(crate) content: Option<String>,
    /// Whether it is immutable, if that was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) immutable: Option<bool>,
    /// Entries in it, if it is a directory and shall go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) entries: Option<usize>,
    /// Whether something is mounted on it, if it shall go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mount_point: Option<bool>,
    /// The device it lies on, if it must lie on one and does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) misplaced: Option<String>,
}

/// What `file` saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct State {
    /// The place of the path: `controller`, or the site and node.
    place: Place,
    /// What is there; null if there is nothing.
    found: Option<Found>,
}

/// Files up to this size are read, so that they can be compared and put back.
const READABLE: u64 = 256 << 10;

impl Module for File {
    const NAME: &'static str = "file";
    const SUMMARY: &'static str = "Makes a file or directory with content, owner and mode, or removes it";
    const EXAMPLE: &'static str = r#"
name: Let the node resume the Primary role after a reboot
target: active.pairs
file: {path: "/etc/drbd.d/cke_{{ pair.resource }}.primary", state: touch}
"#;

    const TARGETS: Targets = Targets::MACHINE;

    type Params = Params;
    type State = State;

    fn judge(params: &Params) -> Result<(), Failure> {
        check(params)
    }

    async fn probe(&self, cx: &Context, params: &Params) -> Result<State, Failure> {
        let place = cx.place();
        let found = find(cx, params).await?;
        Ok(State { place, found })
    }

    fn subjects(&self, facts: &Facts, params: &Params) -> Option<Vec<Subject>> {
        Some(vec![Subject::path(&facts.place(), path(params))])
    }

    fn diff(&self, _facts: &Facts, params: &Params, state: &State) -> Diff {
        if params.state == Wanted::Absent {
            return remove::diff(params, &state.place, state.found.as_ref());
        }
        write::diff(params, &state.place, state.found.as_ref())
    }

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<State>()
    }

    fn result(&self, _facts: &Facts, _params: &Params, state: &State, _done: &[Done]) -> Value {
        serde_json::to_value(state).unwrap_or(Value::Null)
    }
}

/// Refuses parameters that contradict each other.
fn check(params: &Params) -> Result<(), Failure> {
    let plain = params.path.starts_with('/') && !params.path.split('/').any(|part| part == "." || part == "..");
    if !plain || params.path.trim_matches('/').is_empty() {
        let path = &params.path;
        let words = text!("file.path", "`{path}` is not a plain absolute path", path);
        return Err(Failure::invalid(words).pointer("/path"));
    }
    let content = params.content.is_some();
    match params.state {
        Wanted::File if !content => {
            let help = text!("file.no-content.help", "for a file whatever is in it, say `state: touch`");
            let words = text!("file.no-content", "`state: file` needs `content`");
            Err(Failure::invalid(words).help(help).pointer("/path"))
        }
        Wanted::Touch | Wanted::Directory | Wanted::Absent if content => {
            Err(Failure::invalid(text!("file.content", "`content` goes with `state: file`")).pointer("/content"))
        }
        Wanted::Absent if params.owner.is_some() || params.group.is_some() || params.mode.is_some() => {
            let words = text!("file.absent-owner", "what shall be absent has no owner, group or mode");
            Err(Failure::invalid(words).pointer("/state"))
        }
        _ if params.device.is_some() && params.state != Wanted::Absent => {
            Err(Failure::invalid(text!("file.device", "`device` goes with `state: absent`")).pointer("/device"))
        }
        _ if params.recursive && params.state != Wanted::Absent => {
            Err(Failure::invalid(text!("file.recursive", "`recursive` goes with `state: absent`"))
                .pointer("/recursive"))
        }
        Wanted::Absent if params.immutable.is_some() => {
            Err(Failure::invalid(text!("file.absent-immutable", "what shall be absent has no attributes"))
                .pointer("/immutable"))
        }
        _ => params.device.iter().try_for_each(|device| crate::support::storage::check_file(device, "/device")),
    }
}

/// The path without trailing slashes.
pub(crate) fn path(params: &Params) -> &str {
    params.path.trim_end_matches('/')
}

async fn find(cx: &Context, params: &Params) -> Result<Option<Found>, Failure> {
    let path = path(params);
    let output = cx.read(&reads::FIND_ITSELF.of([path]).untranslated()).await?;
    let failure = |what: Text, stderr: &str| Failure::failed(what).details(stderr.lines().map(Text::verbatim));
    if output.exit != Exit::Code(0) {
        if output.stderr.contains("No such file or directory") {
            return Ok(None);
        }
        return Err(failure(text!("file.cannot-look", "cannot look at {path}", path), &output.stderr));
    }
    let words: Vec<&str> = output.stdout.split_whitespace().collect();
    let &[kind, mode, uid, user, gid, group, size] = words.as_slice() else {
        return Err(failure(
            text!("file.unclear", "cannot understand what find prints of {path}", path),
            &output.stdout,
        ));
    };
    let mut found = Found {
        kind: kind.to_owned(),
        mode: Mode(u32::from_str_radix(mode, 8).unwrap_or(0)),
        owner: [uid.to_owned(), user.to_owned()],
        group: [gid.to_owned(), group.to_owned()],
        size: size.parse().unwrap_or(u64::MAX),
        content: None,
        immutable: None,
        entries: None,
        mount_point: None,
        misplaced: None,
    };
    if kind == "f" && found.size <= READABLE && matches!(params.state, Wanted::File | Wanted::Absent) {
        let output = cx.read(&reads::CAT_OPERAND.of([path])).await?;
        if output.exit != Exit::Code(0) {
            return Err(failure(text!("file.cannot-read", "cannot read {path}", path), &output.stderr));
        }
        // Bytes that are not text came back as replacement characters: such a file cannot be put back.
        found.content = Some(output.stdout).filter(|text| text.len() as u64 == found.size);
    }
    if params.immutable.is_some() || params.state == Wanted::Absent {
        let output = cx.read(&reads::LSATTR_OPERAND.of([path])).await?;
        // Not every file system has attributes; what has none is not immutable.
        let flags = output.stdout.split_whitespace().next().unwrap_or_default();
        found.immutable = Some(output.success() && flags.contains('i'));
    }
    if let Some(device) = &params.device {
        found.misplaced = misplaced(cx, path, device).await?;
    }
    if kind == "d" && params.state == Wanted::Absent {
        let list = reads::FIND_ENTRIES.of([path]);
        let output = cx.read(&list).await?;
        if output.exit != Exit::Code(0) {
            return Err(failure(text!("file.cannot-list", "cannot list {path}", path), &output.stderr));
        }
        found.entries = Some(output.stdout.len());
        found.mount_point = Some(cx.read(&reads::MOUNTPOINT.of([path])).await?.success());
    }
    Ok(Some(found))
}

/// The device that a path lies on, if it is not the one it must lie on.
async fn misplaced(cx: &Context, path: &str, device: &str) -> Result<Option<String>, Failure> {
    let findmnt = reads::FINDMNT_SOURCE.of([path]);
    let mounted = cx.read(&findmnt).await?;
    if !mounted.success() {
        return Err(crate::support::storage::failed(&findmnt, &mounted));
    }
    // A bind mount shows as `/dev/sda1[/sub/directory]`.
    let source = mounted.stdout.lines().last().unwrap_or_default().split('[').next().unwrap_or_default().trim();
    let same = crate::support::storage::same_device(cx, &cx.place(), source, device).await?;
    Ok((!same).then(|| source.to_owned()))
}

/// A command at a place.
pub(crate) fn run<const N: usize>(place: &Place, argv: [&str; N]) -> Action {
    Action::Exec { place: place.clone(), command: Command::new(argv) }
}

/// Writes a file in one step; an empty mode or owner keeps the old one.
pub(crate) fn write_action(place: &Place, path: &str, content: &str, mode: &str, owner: &str) -> Action {
    let script = include_str!("../scripts/cutover-write-file.sh");
    let command = Command::script("cutover-write-file", script, [path, mode, owner]).stdin(content);
    Action::Exec { place: place.clone(), command }
}

/// `+i` or `-i`.
pub(crate) fn chattr(place: &Place, path: &str, immutable: bool) -> Action {
    run(place, ["chattr", if immutable { "+i" } else { "-i" }, "--", path])
}

/// Changes that go one after the other, or nothing to do.
pub(crate) fn changes(changes: Vec<Change>) -> Diff {
    if changes.is_empty() { Diff::InSync } else { Diff::Change(changes) }
}

#[cfg(test)]
mod tests;
