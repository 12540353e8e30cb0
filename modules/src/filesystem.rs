//! Makes a file system on a blank device. Never on anything else: there is no force.

use cutover_engine::action::{Action, Done};
use cutover_engine::failure::Failure;
use cutover_engine::module::{Change, Context, Diff, Facts, Module};
use cutover_engine::world::Command;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::storage::block::{Block, clearing};

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

    type Params = Params;
    type State = State;

    async fn probe(&self, cx: &Context, params: &Params) -> Result<State, Failure> {
        if let Some(index) =
            params.options.iter().position(|option| matches!(option.as_str(), "-F" | "-FF" | "-f" | "--force"))
        {
            let message = "`mkfs` is never forced: a device that carries something must be cleared by hand";
            return Err(Failure::invalid(message).pointer(format!("/options/{index}")));
        }
        Ok(State { block: Block::probe(cx, &params.device).await? })
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
                reasons.push(format!(
                    "{device} carries {} with label `{}`, not `{label}`",
                    kind.name(),
                    signature.label
                ));
            }
        } else if let Some(contents) = block.contents() {
            reasons.push(format!(
                "{device} is not blank: it carries {contents}; if that may go, clear it by hand with {}",
                clearing(device)
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
        let size = block.bytes.map(crate::quantity::human).unwrap_or_default();
        let summary = format!("make an {} file system on {device} ({size}, blank)", kind.name());
        Diff::Change(vec![Change::at_most_once(summary, [make])])
    }

    fn result(&self, _facts: &Facts, params: &Params, state: &State, done: &[Done]) -> Value {
        let signature = state.block.signature.clone().unwrap_or_default();
        json!({
            "device": params.device,
            "type": signature.kind,
            "uuid": signature.uuid,
            "label": signature.label,
            "created": !done.is_empty(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::block::Signature;
    use crate::testing;

    fn block() -> Block {
        Block {
            device: "/dev/drbd0".into(),
            kernel_name: "/dev/drbd0".into(),
            bytes: Some(20 << 30),
            closed: None,
            role: Some("Primary".into()),
            signature: None,
            traces: Vec::new(),
            unknown: false,
        }
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
