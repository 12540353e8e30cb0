//! A block device as its tools see it: whether it opens, its size, what is on it, and the DRBD role that decides.

use cutover_engine::failure::Failure;
use cutover_engine::module::Context;
use cutover_engine::reads;
use cutover_engine::text;
use cutover_engine::text::Text;
use schemars::JsonSchema;
use serde::Serialize;

/// What a probe saw of a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Block {
    /// Its path as given.
    pub(crate) device: String,
    /// The path the kernel knows it by, links resolved.
    pub(crate) kernel_name: String,
    /// Its size in bytes; null if it does not open.
    pub(crate) bytes: Option<u64>,
    /// Why it does not open, in the words of the tool.
    pub(crate) closed: Option<String>,
    /// Its DRBD role here, if it is the device of this task's pair: `Primary`, `Secondary`, `Unknown`.
    pub(crate) role: Option<String>,
    /// What blkid recognises on it.
    pub(crate) signature: Option<Signature>,
    /// The lines that wipefs lists: every signature, also those that blkid does not take seriously.
    pub(crate) traces: Vec<String>,
    /// Whether its first 68 KiB hold data that none of them knows; looked at only if they know nothing there.
    pub(crate) unknown: bool,
}

/// How much at its beginning must be zero for a device to be blank: as much as `drbdadm create-md` looks at. It asks
/// before it writes to a device with anything else there, and without a terminal it gives up.
const LEADING: &str = "69632";

/// What blkid recognises on a device.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub(crate) struct Signature {
    /// `ext4`, `drbd`, `LVM2_member`; empty for a bare partition table.
    pub(crate) kind: String,
    /// The UUID; empty if the format has none.
    pub(crate) uuid: String,
    /// The label; empty if there is none.
    pub(crate) label: String,
    /// `dos`, `gpt`: a partition table; empty if there is none.
    pub(crate) table: String,
}

impl Block {
    /// A device of which nothing but its path is known.
    pub(crate) fn named(device: &str) -> Self {
        Self {
            device: device.to_owned(),
            kernel_name: device.to_owned(),
            bytes: None,
            closed: None,
            role: None,
            signature: None,
            traces: Vec::new(),
            unknown: false,
        }
    }

    /// Looks at a device. Reads only; opening a Secondary for reading has no effect.
    pub(crate) async fn probe(cx: &Context, device: &str) -> Result<Self, Failure> {
        let mut block = Self::named(device);
        let resolved = cx.read(&reads::READLINK.of([device])).await?;
        if resolved.success() && !resolved.stdout.trim().is_empty() {
            block.kernel_name = resolved.stdout.trim().to_owned();
        }
        if let Ok((pair, own, _)) = cx.pair()
            && [device, block.kernel_name.as_str()].contains(&own.device.as_str())
        {
            let role = cx.read(&reads::DRBDADM_ROLE.of([pair.resource.as_str()])).await?;
            let word = role.stdout.trim().split('/').next().unwrap_or_default();
            block.role = Some(if role.success() { word } else { "Unknown" }.to_owned());
        }
        // blkid says "nothing found" also of a device that it cannot open, so this is asked first.
        let size = cx.read(&reads::BLOCKDEV_SIZE.of([device])).await?;
        match size.stdout.trim().parse() {
            Ok(bytes) if size.success() => block.bytes = Some(bytes),
            _ => {
                block.closed = Some(size.stderr.trim().to_owned());
                return Ok(block);
            }
        }
        let export = reads::BLKID.of([device]).accept([2]);
        let found = cx.read(&export).await?;
        if !found.accepted_by(&export) || !found.stderr.trim().is_empty() {
            return Err(super::failed(&export, &found));
        }
        block.signature = signature(&found.stdout);
        let wipefs = reads::WIPEFS_LIST.of([device]);
        let traces = super::stdout(&wipefs, cx.read(&wipefs).await?)?;
        block.traces = traces.lines().filter(|line| line.contains("0x")).map(words).collect();
        if block.signature.is_none() && block.traces.is_empty() {
            let compare = reads::CMP_ZERO.of([LEADING, device]).accept([1]);
            let compared = cx.read(&compare).await?;
            if !compared.accepted_by(&compare) {
                return Err(super::failed(&compare, &compared));
            }
            block.unknown = !compared.success();
        }
        Ok(block)
    }

    /// Why nothing can be written through this device here; empty if it opens and, for a DRBD device, is Primary.
    pub(crate) fn obstacles(&self) -> Vec<Text> {
        let device = &self.device;
        let mut reasons = Vec::new();
        match &self.closed {
            Some(words) if words.contains("Wrong medium type") => {
                reasons.push(text!(
                    "block.secondary",
                    "{device} is in the DRBD role Secondary here: promote it first, with drbd_role",
                    device
                ));
            }
            Some(words) if words.contains("No such file") => {
                reasons.push(if device.starts_with("/dev/drbd") {
                    text!("block.drbd-missing", "{device} does not exist here: bring its DRBD resource up", device)
                } else {
                    text!("block.missing", "{device} does not exist here: correct the path", device)
                });
            }
            Some(words) => reasons.push(text!("block.closed", "{device} cannot be opened: {words}", device, words)),
            None => {}
        }
        match self.role.as_deref() {
            Some("Primary") | None => {}
            Some(_) if !reasons.is_empty() => {}
            Some(role) => reasons.push(text!(
                "block.not-primary",
                "{device} has the DRBD role {role} here, not Primary",
                device,
                role
            )),
        }
        reasons
    }

    /// What is on it, in words; `None` if it is blank.
    pub(crate) fn contents(&self) -> Option<Text> {
        match &self.signature {
            Some(Signature { kind, label, uuid, table }) => {
                let mut words = Vec::new();
                words.extend((!kind.is_empty()).then(|| Text::verbatim(kind)));
                words.extend((!table.is_empty()).then(|| text!("block.table", "a {table} partition table", table)));
                words.extend((!label.is_empty()).then(|| text!("block.label", "label {label}", label)));
                words.extend((!uuid.is_empty()).then(|| text!("block.uuid", "UUID {uuid}", uuid)));
                words.into_iter().reduce(|words, word| text!("block.contents", "{words}, {word}", words, word))
            }
            None if self.unknown => Some(text!("block.unknown", "data of no known kind in its first 68 KiB")),
            None if self.traces.is_empty() => None,
            None => Some(text!("block.traces", "traces that wipefs lists: {traces}", traces = self.traces.clone())),
        }
    }
}

/// How a person makes a device blank, for a refusal.
pub(crate) fn clearing(device: &str) -> String {
    format!("`wipefs -a {device}; dd if=/dev/zero of={device} bs=68K count=1 conv=fsync`")
}

/// Reads `blkid -o export`.
fn signature(text: &str) -> Option<Signature> {
    let tag = |name: &str| {
        let values = text.lines().filter_map(|line| line.split_once('='));
        values.filter(|(key, _)| *key == name).map(|(_, value)| value.to_owned()).next().unwrap_or_default()
    };
    let found = Signature { kind: tag("TYPE"), uuid: tag("UUID"), label: tag("LABEL"), table: tag("PTTYPE") };
    (found != Signature::default()).then_some(found)
}

/// A line with single spaces.
fn words(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closed(words: &str, role: Option<&str>) -> Block {
        Block { closed: Some(words.into()), role: role.map(Into::into), ..Block::named("/dev/drbd0") }
    }

    #[test]
    fn a_device_that_does_not_open_is_refused() {
        let cases = [
            ("blockdev: cannot open /dev/drbd0: Wrong medium type", Some("Secondary"), "in the DRBD role Secondary"),
            ("blockdev: cannot open /dev/drbd0: No such file or directory", None, "does not exist here"),
            ("blockdev: cannot open /dev/drbd0: Permission denied", None, "cannot be opened"),
        ];
        for (words, role, reason) in cases {
            let block = closed(words, role);
            let obstacles = block.obstacles();
            assert!(obstacles.len() == 1 && obstacles[0].contains(reason), "{obstacles:?}");
        }
    }

    #[test]
    fn a_secondary_that_opens_is_refused_by_its_role() {
        let block = Block { closed: None, bytes: Some(1), ..closed("", Some("Secondary")) };
        assert_eq!(block.obstacles(), ["/dev/drbd0 has the DRBD role Secondary here, not Primary"]);
    }

    #[test]
    fn export_is_read() {
        let ext4 =
            "DEVNAME=/dev/sdb1\nLABEL=a=b\nUUID=51ee\nVERSION=1.0\nBLOCK_SIZE=1024\nTYPE=ext4\nUSAGE=filesystem\n";
        let wanted = Signature { kind: "ext4".into(), uuid: "51ee".into(), label: "a=b".into(), table: String::new() };
        assert_eq!(signature(ext4), Some(wanted));
        let table = Signature { table: "dos".into(), ..Signature::default() };
        assert_eq!(signature("DEVNAME=/dev/sdc\nPTUUID=8\nPTTYPE=dos\n"), Some(table));
        assert_eq!(signature(""), None);
    }
}
