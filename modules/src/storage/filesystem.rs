//! Makes a file system on a blank device. Never on anything else: there is no force.

use cutover_engine::action::{Action, Done};
use cutover_engine::failure::Failure;
use cutover_engine::module::{Change, Context, Diff, Facts, Module, Targets};
use cutover_engine::subject::Subject;
use cutover_engine::text;
use cutover_engine::world::Command;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::support::storage::block::{Block, clearing};
use crate::support::storage::check_file;

/// The module `filesystem`.
#[derive(Clone, Copy)]
pub(crate) struct Filesystem;

/// A file system type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// ext4.
    #[default]
    Ext4,
    /// XFS.
    Xfs,
}

impl Kind {
    /// The name that blkid and mount use.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ext4 => "ext4",
            Self::Xfs => "xfs",
        }
    }
}

/// What a playbook says to `filesystem`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    /// The device that gets the file system: `{{ pair.device }}`. A DRBD device must be Primary here.
    pub(crate) device: String,
    /// The type of the file system.
    #[serde(default, rename = "type")]
    pub(crate) kind: Kind,
    /// A label to give it. A file system that is already there must carry the same one.
    #[serde(default)]
    pub(crate) label: Option<String>,
    /// More arguments for `mkfs`, as a list of words: `["-m", "1"]`. Options that force are refused.
    #[serde(default)]
    pub(crate) options: Vec<String>,
}

/// What a probe saw.
#[derive(Debug, Serialize)]
pub(crate) struct State {
    /// The device.
    pub(crate) block: Block,
}

/// What `filesystem` returns.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Returned {
    /// The device, as the step names it.
    device: String,
    /// The type of its file system: `ext4`, `xfs`. Empty in a plan if there is none yet.
    #[serde(rename = "type")]
    kind: String,
    /// Its UUID: for `uuid` of `mount`.
    uuid: String,
    /// Its label; empty if it has none.
    label: String,
    /// Whether this step made it.
    created: bool,
}

impl Module for Filesystem {
    const NAME: &'static str = "filesystem";
    const SUMMARY: &'static str =
        "Makes a file system on a blank device; refuses any device that carries something else.";
    const EXAMPLE: &'static str = r#"
name: Make the file system
target: active.pairs
filesystem:
  device: "{{ pair.device }}"
  type: ext4
"#;

    const TARGETS: Targets = Targets::MACHINE;

    type Params = Params;
    type State = State;

    fn judge(params: &Params) -> Result<(), Failure> {
        let Params { device, label, options, .. } = params;
        check_file(device, "/device")?;
        if label.as_ref().is_some_and(String::is_empty) {
            let words = text!("filesystem.empty-label", "`label` is empty: leave it out for a file system without one");
            return Err(Failure::invalid(words).pointer("/label"));
        }
        check_options(options)
    }

    async fn probe(&self, cx: &Context, params: &Params) -> Result<State, Failure> {
        Ok(State { block: Block::probe(cx, &params.device).await? })
    }

    fn subjects(&self, facts: &Facts, params: &Params) -> Option<Vec<Subject>> {
        Some(vec![Subject::device(&facts.place(), &params.device)])
    }

    fn diff(&self, facts: &Facts, params: &Params, state: &State) -> Diff {
        let Params { device, kind, label, options } = params;
        let block = &state.block;
        let mut reasons = block.obstacles();
        let there = block.signature.as_ref().filter(|signature| signature.kind == kind.name());
        if let Some(signature) = there {
            if let Some(label) = label
                && *label != signature.label
            {
                let (kind, there) = (kind.name(), &signature.label);
                reasons.push(text!(
                    "filesystem.other-label",
                    "{device} carries {kind} with label `{there}`, not `{label}`",
                    device,
                    kind,
                    there,
                    label
                ));
            }
        } else if let Some(contents) = block.contents() {
            reasons.push(text!(
                "filesystem.not-blank",
                "{device} is not blank: it carries {contents}; if that may go, clear it by hand with {command}",
                device,
                contents,
                command = clearing(device)
            ));
        }
        if !reasons.is_empty() {
            return Diff::refused(reasons);
        }
        if there.is_some() {
            return Diff::InSync;
        }
        let program = format!("mkfs.{}", kind.name());
        let mut argv = vec![program, "-q".to_owned()];
        argv.extend(label.iter().flat_map(|label| ["-L".to_owned(), label.clone()]));
        argv.extend(options.iter().cloned());
        argv.push(device.clone());
        let make = Action::Exec { place: facts.place(), command: Command::new(argv) };
        let size = block.bytes.map(crate::support::quantity::human).unwrap_or_default();
        let kind = kind.name();
        let summary =
            text!("filesystem.make", "make an {kind} file system on {device} ({size}, blank)", kind, device, size);
        Diff::Change(vec![Change::at_most_once("make-filesystem", summary, [make])])
    }

    fn result_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Returned>()
    }

    fn result(&self, _facts: &Facts, params: &Params, state: &State, done: &[Done]) -> Value {
        let signature = state.block.signature.clone().unwrap_or_default();
        let returned = Returned {
            device: params.device.clone(),
            kind: signature.kind,
            uuid: signature.uuid,
            label: signature.label,
            created: !done.is_empty(),
        };
        serde_json::to_value(returned).unwrap_or(Value::Null)
    }
}

/// Refuses options that `mkfs` is not to get.
pub(super) fn check_options(options: &[String]) -> Result<(), Failure> {
    if let Some(index) = options.iter().position(|option| option.is_empty()) {
        let words = text!("filesystem.empty-option", "an empty word is not an option of `mkfs`");
        return Err(Failure::invalid(words).pointer(format!("/options/{index}")));
    }
    let forces = |option: &String| matches!(option.as_str(), "-F" | "-FF" | "-f" | "--force");
    if let Some(index) = options.iter().position(forces) {
        let words = text!(
            "filesystem.force",
            "`mkfs` is never forced: a device that carries something must be cleared by hand"
        );
        return Err(Failure::invalid(words).pointer(format!("/options/{index}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::storage::block::Signature;
    use crate::testing;

    fn block() -> Block {
        Block { bytes: Some(20 << 30), role: Some("Primary".into()), ..Block::named("/dev/drbd0") }
    }

    fn look(yaml: &str, block: Block) -> String {
        let params: Params = serde_yaml::from_str(yaml).expect("the parameters are right");
        testing::show(&Filesystem.diff(testing::pair_context().facts(), &params, &State { block }))
    }

    #[test]
    fn only_a_blank_device_gets_a_file_system() {
        let sign = |kind: &str, label: &str, table: &str| {
            let signature =
                Signature { kind: kind.into(), uuid: "51ee".into(), label: label.into(), table: table.into() };
            Block { signature: Some(signature), ..block() }
        };
        let closed = Block {
            bytes: None,
            closed: Some("blockdev: cannot open /dev/drbd0: Wrong medium type".into()),
            role: Some("Secondary".into()),
            ..block()
        };
        let traced = Block { traces: vec!["drbd0 0x1fe dos".into()], ..block() };
        let cases = [
            ("blank", "{device: /dev/drbd0}", block()),
            ("blank, with options", "{device: /dev/drbd0, type: xfs, label: etcd, options: [-m, crc=1]}", block()),
            ("already there", "{device: /dev/drbd0, type: ext4}", sign("ext4", "", "")),
            ("there with the label", "{device: /dev/drbd0, label: etcd}", sign("ext4", "etcd", "")),
            ("there with another label", "{device: /dev/drbd0, label: etcd}", sign("ext4", "old", "")),
            ("another file system", "{device: /dev/drbd0}", sign("xfs", "", "")),
            ("LVM", "{device: /dev/sdc}", sign("LVM2_member", "", "")),
            ("partition table", "{device: /dev/sdc}", sign("", "", "dos")),
            ("traces only", "{device: /dev/drbd0}", traced),
            ("data of no known kind", "{device: /dev/drbd0}", Block { unknown: true, ..block() }),
            ("Secondary", "{device: /dev/drbd0}", closed),
        ];
        let shown = cases.map(|(name, yaml, block)| format!("-- {name}\n{}", look(yaml, block)));
        insta::assert_snapshot!(shown.concat());
    }
}
